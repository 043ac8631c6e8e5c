"""Profiles of the steps of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import fastconv._core as _core
from fastconv.arguments import as_integer, as_verbosity, optional
from fastconv.backends.balance import balance
from fastconv.backends.kernel_names import kernel_name
from fastconv.backends.work import count_flops
from fastconv.device import gpu_number
from fastconv.engine import Call, Plan, Tensor, Variable
from fastconv.engine.schedule import nbytes
from fastconv.engine.timing import StepTime, time_plan
from fastconv.engine.tree import leaves
from fastconv.geometry import Convolution
from fastconv.models.steps import PlannedStep
from fastconv.typing import AnyModel
from fastconv.utils.profile import Profile, ProfiledStep

PEAK_STEPS, PEAK_RUNS = 100_000, 20  # runs of less than a millisecond
MODES = ("predict", "train", "test")
SETTINGS = ("function", "activation", "rule")  # parameters that tell operations of one name apart


def profile_model(model: AnyModel, data: tuple, mode: str, passes: int | None, verbose: int | str) -> Profile:
    """Return and print the profile of a step of `model`, for data (x, y or None, weights or None); `Model.profile`."""
    passes = optional(as_integer, model.name, "passes", passes, 1)
    level = as_verbosity(model.name, verbose)
    x, y, sample_weight = data
    if mode not in MODES or (mode == "predict" and not (y is None and sample_weight is None)):
        given = [type(argument).__name__ for argument in data]
        raise ValueError(
            f'{model.name}: mode must be "predict", with x only, or "train" or "test". Received: {mode=}, x, y and '
            f"sample_weight of the types {given}"
        )
    if mode != "predict":
        model._require_compiled()
    batch = model._standardize_inputs(x) if mode == "predict" else model._standardize(x, y, sample_weight)
    flat = leaves(batch)
    with model._turns.lock:
        step = model._step_cache.step(model, mode, batch, flat)
    if not isinstance(step, PlannedStep):
        raise ValueError(
            f"{model.name}: only steps that are traced have a plan to profile; this step looks at values, or the model "
            f"runs eagerly. Received: run_eagerly={model.run_eagerly}"
        )
    profile = profile_plan(step.plan, flat, model.name, mode, passes)
    if level:
        print(profile)
    return profile


def profile_plan(plan: Plan, arrays: Sequence[Any], model: str, mode: str, passes: int | None) -> Profile:
    """Return the profile of the plan of a step of `model`, a name, for its inputs `arrays`."""
    peak = measure_peak()
    times = time_plan(plan, arrays, passes)
    peak = max(peak, measure_peak())
    total = sum(step.seconds for step in times.steps)
    written = {t: variable for variable, t in plan.updates.items()}
    rows = [_row(step, total, peak, _layers(step.call, model, written)) for step in times.steps]
    return Profile(f"{model}, {mode}", rows, times.seconds, times.between, peak, _core.get_num_threads(), times.passes)


def measure_peak() -> float:
    """Return the GFLOP/s of a thread in multiply-adds, the most of several short runs; 0 if a GPU computes."""
    if gpu_number() is not None:
        return 0.0
    return max(_core.fma_peak(PEAK_STEPS) for _ in range(PEAK_RUNS))


def _row(step: StepTime, total: float, peak: float, layers: tuple[str, ...]) -> ProfiledStep:
    call = step.call
    outputs, inputs = call.outputs, call.inputs
    flops = count_flops(call.primitive.operation, inputs[0].shape if inputs else (), outputs[0].shape, call.params)
    threads = max((min(phase.threads, phase.tasks) for phase in step.phases), default=1)
    return ProfiledStep(
        layers,
        call.primitive.name,
        kind_of(call),
        kernel_name(step.run, ()),
        tuple(t.shape for t in inputs),
        tuple(t.shape for t in outputs),
        step.seconds,
        step.seconds / total,
        flops,
        sum(map(nbytes, {*inputs, *outputs})),
        flops / step.seconds / 1e9 / (peak * threads) if peak else 0.0,
        tuple(phase.tasks for phase in step.phases),
        threads,
        predicted_balance(step),
    )


def predicted_balance(step: StepTime) -> dict[int, float]:
    """Return the balance of a step on each number of threads; its phases count by their measured times."""
    weights = [phase.seconds * phase.threads * phase.balance for phase in step.phases]
    return {
        threads: balance(phases, weights if len(weights) == len(phases) else [1.0] * len(phases))
        for threads, phases in step.predicted.items()
    }


def _layers(call: Call, model: str, written: Mapping[Tensor, Variable]) -> tuple[str, ...]:
    """Return the names of a step without the name of the model; for the optimizer, the variable that it updates."""
    variable = written.get(call.outputs[0])
    if variable is not None and call.names == ("optimizer",):
        layer, _, name = variable.path.rpartition("/")
        return (f"{layer} update of {name}".lstrip(),)
    return tuple(name.removeprefix(f"{model}/") for name in call.names)


def kind_of(call: Call) -> str:
    """Return the operation with the sizes that matter for its speed."""
    convolution = call.params.get("convolution")
    if convolution is not None:
        return _conv_kind(call.primitive.name, convolution)
    setting = next((call.params[name] for name in SETTINGS if isinstance(call.params.get(name), str)), None)
    is_product = setting is None or call.primitive.name == "matmul"
    return call.primitive.name if is_product else f"{call.primitive.name} {setting}"


def _conv_kind(operation: str, c: Convolution) -> str:
    """Return the operation, window, strides, and for ungrouped convolutions the sizes of the result of `conv`."""
    depthwise = c.groups > 1 and c.kernel_shape[-2] == 1
    groups = "depthwise " if depthwise else f"{c.groups} groups " if c.groups > 1 else ""
    strides = f" stride {_by(c.strides)}" if max(c.strides) > 1 else ""
    place = "" if c.groups > 1 else f" at {_by(c.outputs)}"
    return f"{groups}{operation} {_by(c.size)}{strides}{place}"


def _by(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes))
