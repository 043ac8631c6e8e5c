"""The update rules of optimizers, each in one pass over memory. A plan writes their results in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastconv.backends.reference import Reference
from fastconv.backends.updates import RULES
from fastconv.engine import Primitive
from fastconv.engine.primitive import Spec
from fastconv.typing import Array


def _like_inputs(w: Array, dw: Array, *states_and_scalars: Array, **_: Any) -> list[Spec]:
    """Return the shapes and dtypes of (w, states...) from (w, dw, states..., scalars)."""
    return [(x.shape, x.dtype) for x in (w, *states_and_scalars[:-1])]


_update = Primitive(Reference.update, _like_inputs, elementwise=True)


def update(
    rule: str,
    w: Array,
    dw: Array,
    states: Sequence[Array] = (),
    scalars: Array = None,
    constants: Sequence[float] = (),
) -> tuple[Array, ...]:
    """Return a weight and its optimizer states after one step.

    Args:
        rule: name of a rule in `backends.updates.RULES`, which defines the numbers below.
        w, dw: a weight and the gradient of the loss, of the same shape.
        states: arrays of that shape, one per state of the rule.
        scalars: (4,) float32, which change between steps: the factor of w (1 without weight decay), the learning rate,
            and the other scalars of the rule.
        constants: up to four floats that do not change.

    Returns:
        Tuple of the new w and the new states.

    Raises:
        ValueError: if the rule is unknown.

    Example:
        >>> w, dw = np.array([1.0, 2.0], "float32"), np.array([1.0, 1.0], "float32")
        >>> ops.update("descend", w, dw, scalars=np.array([1.0, 0.5, 0.0, 0.0], "float32"))[0].tolist()
        [0.5, 1.5]
    """
    if not isinstance(rule, str) or rule not in RULES:
        raise ValueError(f"update: rule must be one of {', '.join(RULES)}. Received: {rule=}")
    results = _update(w, dw, *states, scalars, rule=rule, constants=tuple(float(c) for c in constants))
    return results if isinstance(results, tuple) else (results,)
