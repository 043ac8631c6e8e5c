"""The steps that a model has made, kept for the next batch of the same shapes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Any

from fastconv.engine.tree import leaves, signature
from fastconv.layers.base import Layer
from fastconv.models.steps import Results, make_step
from fastconv.optimizers.optimizer import Optimizer
from fastconv.typing import AnyModel

MAX_STEPS = 8  # each keeps buffers for its shapes


class StepCache:
    """At most `MAX_STEPS` steps of a model; the step that was unused for longest goes first.

    A step is made for a mode ("train", "test" or "predict"), for the shapes, dtypes and structure of a batch, and for
    the layers, variables and schedules that the model had.

    Attributes:
        version: the change of layers that `follow` has seen.
    """

    def __init__(self) -> None:
        self._steps: OrderedDict[Any, Callable[..., Results]] = OrderedDict()
        self._latest: tuple[Any, Callable[..., Results]] | None = None  # the last step used, after its key
        self._signature = frozenset[Any]()  # of the model, to which the next step must fit
        self.version = 0

    def follow(self, model: AnyModel) -> None:
        """Let the next steps be those for the layers and variables that `model` has now."""
        self.version, self._signature = Layer.last_change, model._signature()

    def run(self, model: AnyModel, mode: str, batch: tuple) -> Results:
        """Run a step of `model` on a batch: (x, y or None, weights or None), nested as the model takes them."""
        flat = leaves(batch)
        turns = model._turns
        with turns.lock:
            step = self.step(model, mode, batch, flat)
            if mode != "predict":  # such steps change variables, so that they run one after another
                turns.take(model)
                return step(*flat)
        return step(*flat)

    def step(self, model: AnyModel, mode: str, batch: tuple, flat: list[Any]) -> Callable[..., Results]:
        """Return the step for a batch with the leaves `flat`, a new step if there is none yet."""
        key = (mode, signature(batch), self._signature, Optimizer.last_schedule_change)
        if self._latest is not None and self._latest[0] == key:
            return self._latest[1]
        step = self._steps.get(key) or self._add(key, make_step(model, mode, batch))
        self._steps.move_to_end(key)
        self._latest = key, step
        return step

    def _add(self, key: Any, step: Callable[..., Results]) -> Callable[..., Results]:
        self._steps[key] = step
        if len(self._steps) > MAX_STEPS:
            self._steps.popitem(last=False)
        return step

    def forget(self, mode: str) -> None:
        """Drop the steps of one mode."""
        for key in [key for key in self._steps if key[0] == mode]:
            del self._steps[key]
        self._latest = None

    def clear(self) -> None:
        """Drop all steps."""
        self._steps.clear()
        self._latest = None

    def steps(self) -> Collection[Any]:
        """Return the steps, from the one unused for longest to the last one used."""
        return self._steps.values()
