"""Padding of any axis."""

from __future__ import annotations

from collections.abc import Sequence

from fastconv.arguments import LARGEST, as_number, is_integer, optional, plain
from fastconv.backends.reference import Reference
from fastconv.engine import Primitive
from fastconv.engine.tree import leaves
from fastconv.memory import check_fits
from fastconv.ops.convert import convert_to_tensor
from fastconv.typing import Array, ArrayLike
from fastconv.window import explicit_sides

MODES = ("constant", "edge", "reflect", "symmetric")

_pad: Primitive = Primitive(
    Reference.pad,
    lambda x, *, pad_width, **_: (tuple(n + sum(p) for n, p in zip(x.shape, pad_width)), x.dtype),
    lambda dy, y, x, *, pad_width, mode, value=0.0: (_pad_backward(dy, pad_width=pad_width, mode=mode),),
)
_pad_backward: Primitive = Primitive(
    Reference.pad_backward,
    lambda dy, *, pad_width, mode: (tuple(n - sum(p) for n, p in zip(dy.shape, pad_width)), dy.dtype),
    lambda ddx, dx, dy, *, pad_width, mode: (_pad(ddx, pad_width=pad_width, mode=mode),),
)


def pad(
    x: ArrayLike,
    pad_width: int | Sequence[int | Sequence[int]],
    mode: str = "constant",
    constant_values: float | None = None,
) -> Array:
    """Return x extended on every axis, as by numpy.pad.

    Args:
        x: array of any shape.
        pad_width: int for all sides, (before, after) for all axes, or such a pair for each axis.
        mode: "constant" (default); "edge" repeats the border; "reflect" mirrors without the border; "symmetric" mirrors
            with the border.
        constant_values: float, the constant; None (default) for 0. Only with mode="constant".

    Returns:
        Array with before + size + after elements on each axis.

    Raises:
        ValueError: if the mode is unknown, if `pad_width` is negative or has another form, or if an empty axis would be
            mirrored or repeated.

    Example:
        >>> ops.pad([1.0, 2.0], (1, 2)).tolist()
        [0.0, 1.0, 2.0, 0.0, 0.0]
    """
    x = convert_to_tensor(x)
    if mode not in MODES:
        raise ValueError(f"pad: mode must be one of {MODES}. Received: mode={mode!r}")
    if constant_values is not None and mode != "constant":
        raise ValueError(f"pad: constant_values go with mode='constant'. Received: mode={mode!r}")
    constant_values = optional(as_number, "pad", "constant_values", constant_values)
    pairs = plain(pad_width)
    if isinstance(pairs, (list, tuple)) and len(pairs) == 2 and all(map(is_integer, pairs)):
        pairs = [tuple(pairs)] * x.ndim
    elif isinstance(pairs, (list, tuple)) and len(pairs) == 1:
        pairs = list(pairs) * x.ndim
    if not all(is_integer(leaf) and leaf <= LARGEST for leaf in leaves(pairs)):
        raise ValueError(f"pad: pad_width must hold integers below 2**63. Received: pad_width={pad_width!r}")
    sides = explicit_sides("pad", pairs, x.ndim)
    if mode != "constant" and any(n == 0 and sum(side) for n, side in zip(x.shape, sides)):
        raise ValueError(f"pad: an empty axis has nothing to repeat. Received: x.shape={tuple(x.shape)}, mode={mode!r}")
    check_fits("pad", [n and n + sum(side) for n, side in zip(x.shape, sides)], x.dtype)
    params = {"value": float(constant_values)} if constant_values else {}
    return _pad(x, pad_width=sides, mode=mode, **params)
