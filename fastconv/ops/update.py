"""The update rules of optimizers, each in one pass over memory. A plan writes their results in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastconv.backends.reference import Reference
from fastconv.backends.updates import RULES
from fastconv.engine import Primitive


def _like_inputs(w: Any, dw: Any, *states_and_scalars: Any, **_: Any) -> list:
    """Return the shapes and dtypes of (w, states...) from (w, dw, states..., scalars)."""
    return [(x.shape, x.dtype) for x in (w, *states_and_scalars[:-1])]


_update = Primitive(Reference.update, _like_inputs, elementwise=True)


def update(
    rule: str, w: Any, dw: Any, states: Sequence[Any] = (), scalars: Any = None, constants: Sequence[float] = ()
) -> tuple:
    """Return a weight and its optimizer states after one step.

    Args:
        rule: the name of one of `backends.updates.RULES`, which say what the numbers are.
        w, dw: a weight and the gradient of the loss, of one shape.
        states: arrays of that shape, as many as the rule has.
        scalars: (4,) float32, which change from step to step: by what w is multiplied first (1 without weight decay),
            the rate, and what else the rule has.
        constants: up to four numbers that do not change.

    Raises:
        ValueError: an unknown rule.
    """
    if not isinstance(rule, str) or rule not in RULES:
        raise ValueError(f"update: rule must be one of {', '.join(RULES)}. Received: {rule=}")
    results = _update(w, dw, *states, scalars, rule=rule, constants=tuple(float(c) for c in constants))
    return results if isinstance(results, tuple) else (results,)
