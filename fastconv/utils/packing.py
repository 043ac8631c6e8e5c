"""Inputs, targets and weights of samples as one value, as `fit` hands them to `train_step`."""

from __future__ import annotations

from typing import Any


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """x, (x, y) or (x, y, sample_weight), as far as they are given; x alone in a tuple if it is a list or tuple."""
    if y is None and sample_weight is None:
        return (x,) if isinstance(x, (list, tuple)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) of what `pack_x_y_sample_weight` has made, with None for what was not given.

    Raises:
        ValueError: a tuple of another length.
    """
    parts = tuple(data) if isinstance(data, (list, tuple)) else (data,)
    if not 1 <= len(parts) <= 3:
        raise ValueError(f"Data must be x, (x,), (x, y) or (x, y, sample_weight). Received: a tuple of {len(parts)}")
    x, y, sample_weight = (*parts, None, None)[:3]
    return x, y, sample_weight
