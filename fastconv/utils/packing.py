"""Packing of inputs, targets and sample weights into a single value, as `train_step` receives them."""

from __future__ import annotations

from typing import Any

from fastconv.typing import Tree


def pack_x_y_sample_weight(x: Tree, y: Tree = None, sample_weight: Tree = None) -> Any:
    """Pack the given arguments: x, (x, y) or (x, y, sample_weight).

    Args:
        x: inputs.
        y: targets. Default: None.
        sample_weight: weights of the samples. Default: None.

    Returns:
        A tuple; x itself if it is neither list nor tuple and is the only argument.

    Example:
        >>> pack_x_y_sample_weight(1, 2)
        (1, 2)
    """
    if y is None and sample_weight is None:
        return (x,) if isinstance(x, (list, tuple)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Tree) -> tuple[Any, Any, Any]:
    """Invert `pack_x_y_sample_weight`: return (x, y, sample_weight), with None for missing parts.

    Args:
        data: x, or a tuple or list of up to three parts.

    Returns:
        Tuple of three.

    Raises:
        ValueError: a tuple has no parts, or more than three.

    Example:
        >>> unpack_x_y_sample_weight((1, 2))
        (1, 2, None)
    """
    parts = tuple(data) if isinstance(data, (list, tuple)) else (data,)
    if not 1 <= len(parts) <= 3:
        raise ValueError(f"Data must be x, (x,), (x, y) or (x, y, sample_weight). Received: a tuple of {len(parts)}")
    x, y, sample_weight = (*parts, None, None)[:3]
    return x, y, sample_weight
