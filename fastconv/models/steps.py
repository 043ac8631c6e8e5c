"""A step of training, evaluation or prediction, and its results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import fastconv.config as config
from fastconv.backends import gpu_backend
from fastconv.backends.gpu.transfer import download, to_current_device
from fastconv.device import any_on_gpu, gpu_number, is_cupy_loaded, is_on_gpu
from fastconv.engine import DataDependentError, HostCall, Plan, Tensor, Trace
from fastconv.engine.interrupts import assign_all
from fastconv.engine.names import NAMES
from fastconv.engine.tree import leaves, rebuild
from fastconv.typing import AnyModel, Array
from fastconv.utils.packing import pack_x_y_sample_weight


class Results:
    """The results of a step: arrays on the device that computed them, and numbers that are found when asked for.

    Args:
        structure: the nested dicts, lists and tuples that the step has returned.
        values: their leaves: arrays, and functions that return numbers.
        check: raises an error if a kernel on the GPU has met a wrong value.
    """

    def __init__(self, structure: Any, values: Sequence[Array], check: Callable[[], None] | None = None) -> None:
        self.structure = structure
        self.values = values
        self.check = check

    def found(self) -> list[Any]:
        """Return `values` with numbers in place of functions; arrays stay on their device."""
        return [value() if callable(value) else value for value in self.values]

    def arrays(self) -> Any:
        """Return the results, nested as the step has returned them; arrays stay on their device."""
        return rebuild(self.structure, self.found())

    def sent(self) -> Callable[[], Any]:
        """Begin to copy arrays to the host's memory; the function returned waits for them and returns the results."""
        values = self.found()
        if not any_on_gpu(values):
            return partial(rebuild, self.structure, values)
        arrived = download([value for value in values if is_on_gpu(value)])

        def when_arrived() -> Any:
            copies = iter(arrived())
            return rebuild(self.structure, [next(copies) if is_on_gpu(value) else value for value in values])

        return when_arrived

    def on_host(self) -> Any:
        """Return the results with arrays in the host's memory. Raises ValueError if a label was none of the classes."""
        if self.check is not None:
            self.check()
        return self.sent()()


class PlannedStep:
    """A traced step: a plan, and functions that only read variables when the plan has run."""

    def __init__(self, inputs: list[Tensor], results: Any, trace: Trace) -> None:
        tensors = [Tensor.of(leaf) for leaf in leaves(results)]
        self.looks = [_final_look(t, trace) for t in tensors]
        self.reads_after = any(look is not None for look in self.looks)
        outputs = [t for t, look in zip(tensors, self.looks) if look is None]
        self.plan = Plan(inputs, outputs, trace.reads, trace.updates)
        self.structure = rebuild(results, range(len(tensors)))

    def __call__(self, *arrays: Any) -> Results:
        values: list[Any] = self.plan.run(arrays)
        if self.reads_after:
            outputs = iter(values)
            values = [next(outputs) if look is None else look for look in self.looks]
        number = gpu_number() if is_cupy_loaded() else None
        return Results(self.structure, values, None if number is None else gpu_backend(number).check)


def _final_look(t: Tensor, trace: Trace) -> Callable[[], Any] | None:
    """Return the function that reads `t` after the graph of `trace` has run; None if a plan has to compute it."""
    if t.call is None or not isinstance(t.call.primitive, HostCall):
        return None
    host = t.call.primitive
    return host.function if host.is_last(t.call, trace) else None


def make_step(model: AnyModel, mode: str, example: tuple) -> Callable[..., Results]:
    """Return a function that runs a step of `model` on flat arrays.

    It is a plan. If the step looks at values, or the model runs eagerly, it runs the operations one by one.

    Args:
        model: has the methods `train_step`, `test_step` and `predict_step`.
        mode: "train", "test" or "predict".
        example: a batch (x, y or None, weights or None) that has the shapes, dtypes and structure of others.
    """
    if not model.run_eagerly:
        try:
            return trace_step(model, mode, example)
        except DataDependentError:
            pass
    numbered = rebuild(example, range(len(leaves(example))))  # the structure, without the arrays of this batch
    return lambda *flat: record_step(model, mode, rebuild(numbered, flat))


def trace_step(model: AnyModel, mode: str, example: tuple) -> PlannedStep:
    """Return the step as a plan. Raises DataDependentError if it looks at values."""
    with Trace() as trace, NAMES.given(""):
        inputs = [Tensor(leaf.shape, dtype) for leaf, dtype in zip(leaves(example), _graph_dtypes(example))]
        results = _call_step(model, mode, rebuild(example, inputs))
        return PlannedStep(inputs, results, trace)


def record_step(model: AnyModel, mode: str, arrays: tuple, assign: bool = True) -> Results:
    """Run the operations of the step one by one; variables change after the last one, unless `assign` is False."""
    with Trace(recording=True) as trace:
        cast = zip(leaves(arrays), _graph_dtypes(arrays))
        inputs = [Tensor.of(to_current_device(leaf).astype(dtype)) for leaf, dtype in cast]  # copies, for Python code
        results = _call_step(model, mode, rebuild(arrays, inputs))
        outputs = [Tensor.of(leaf).known() for leaf in leaves(results)]
    if assign:
        assign_all(trace.updates.items())
    return Results(results, outputs)


def _call_step(model: AnyModel, mode: str, tensors: tuple) -> Any:
    """Call `train_step`, `test_step` or `predict_step` with a batch of tensors."""
    results = getattr(model, f"{mode}_step")(pack_x_y_sample_weight(*tensors))
    if mode != "predict" and not isinstance(results, dict):
        raise TypeError(
            f"{model.name}: {mode}_step must return a dict of what is reported. Received: {type(results).__name__}"
        )
    return results


def _graph_dtypes(arrays: tuple) -> list[Any]:
    """Return the dtypes in a graph: `config.floatx()` for inputs and other floats; integer targets keep theirs."""
    inputs, others = leaves(arrays[0]), leaves(arrays[1:])
    return [config.floatx()] * len(inputs) + [config.floatx() if a.dtype.kind == "f" else a.dtype for a in others]
