"""Boxes around objects in images: formats, intersection over union, and the suppression of overlapping boxes.

The names and arguments are those of `keras.utils.bounding_boxes`, which lacks `non_max_suppression`. A format is the
order of the four numbers of a box, in pixels: "xyxy" for (left, top, right, bottom), "yxyx", "xywh" for (left, top,
width, height), "center_xywh", and "center_yxhw". In "rel_xyxy", "rel_yxyx", "rel_xywh" and "rel_center_xywh", numbers
are fractions of the image. Upper and lower case are the same.
"""

from __future__ import annotations

import math

import numpy as np

import fastconv.ops as ops
from fastconv.arguments import as_integer, as_number, optional
from fastconv.ops.convert import as_float
from fastconv.typing import Array, ArrayLike, DTypeLike

__all__ = ["compute_iou", "convert_format", "non_max_suppression"]

FORMATS = (
    "xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh",
)  # fmt: skip


def convert_format(
    boxes: ArrayLike,
    source: str,
    target: str,
    height: int | None = None,
    width: int | None = None,
    dtype: DTypeLike = "float32",
) -> Array:
    """Return boxes in another format.

    Args:
        boxes: (..., 4).
        source, target: the formats, such as "xywh" and "rel_xyxy".
        height, width: ints, the size of the image in pixels, needed if only one of the formats is relative.
        dtype: dtype of the result, default "float32".

    Returns:
        (..., 4).

    Raises:
        ValueError: if a format is unknown, the size of the image is missing, or boxes do not have four numbers.

    Example:
        >>> utils.bounding_boxes.convert_format([[10.0, 20.0, 30.0, 40.0]], "xyxy", "center_xywh").tolist()
        [[20.0, 30.0, 20.0, 20.0]]
    """
    source, target = _format("convert_format", source), _format("convert_format", target)
    x = ops.cast(_boxes("convert_format", "boxes", boxes), dtype)
    if source == target:
        return x
    left, top, right, bottom = _corners(x, source.removeprefix("rel_"))
    if source.startswith("rel_") != target.startswith("rel_"):
        h = as_number("convert_format", "height", height, above=0)
        w = as_number("convert_format", "width", width, above=0)
        h, w = (h, w) if source.startswith("rel_") else (1 / h, 1 / w)
        left, top, right, bottom = left * w, top * h, right * w, bottom * h
    return ops.stack(_numbers(left, top, right, bottom, target.removeprefix("rel_")), -1)


def compute_iou(
    boxes1: ArrayLike,
    boxes2: ArrayLike,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: tuple[int, ...] | None = None,
) -> Array:
    """iou[m, n] = area of the intersection / area of the union of boxes1[m] and boxes2[n]; 0 if the union is empty.

    Args:
        boxes1: (M, 4), or (N, M, 4) for a batch of images.
        boxes2: (K, 4), or (N, K, 4).
        bounding_box_format: the format of both, such as "xyxy".
        use_masking: if True, pairs with a box of negative numbers only get `mask_val`. Default False.
        mask_val: number, default -1.
        image_shape: accepted for compatibility with Keras; the ratio of areas does not depend on it.

    Returns:
        (M, K), or (N, M, K) if a batch is given.

    Raises:
        ValueError: if the format is unknown, or if shapes do not fit.

    Example:
        >>> a, b = [[0.0, 0.0, 2.0, 2.0]], [[1.0, 0.0, 3.0, 2.0], [0.0, 0.0, 2.0, 2.0]]
        >>> utils.bounding_boxes.compute_iou(a, b, "xyxy").tolist()
        [[0.333..., 1.0]]
    """
    kind = _format("compute_iou", bounding_box_format).removeprefix("rel_")
    a, b = _boxes("compute_iou", "boxes1", boxes1), _boxes("compute_iou", "boxes2", boxes2)
    if a.ndim not in (2, 3) or b.ndim not in (2, 3) or (a.ndim == b.ndim == 3 and a.shape[0] != b.shape[0]):
        raise ValueError(
            "compute_iou: boxes must be (M, 4), or (N, M, 4) for the same number of images. "
            f"Received: boxes1.shape={tuple(a.shape)}, boxes2.shape={tuple(b.shape)}"
        )
    a, b = ops.expand_dims(a, -2), ops.expand_dims(b, -3)  # (M, 1, 4) and (1, K, 4)
    left, top, right, bottom = _corners(a, kind)
    left2, top2, right2, bottom2 = _corners(b, kind)
    across = ops.relu(ops.minimum(right, right2) - ops.maximum(left, left2))
    both = across * ops.relu(ops.minimum(bottom, bottom2) - ops.maximum(top, top2))
    either = (right - left) * (bottom - top) + (right2 - left2) * (bottom2 - top2) - both
    iou = ops.where(either > 0, both / ops.where(either > 0, either, 1.0), 0.0)
    if not use_masking:
        return iou
    masked = ops.logical_or(ops.max(a, -1) < 0, ops.max(b, -1) < 0)
    return ops.where(masked, as_number("compute_iou", "mask_val", mask_val), iou)


def non_max_suppression(
    boxes: ArrayLike,
    scores: ArrayLike,
    bounding_box_format: str,
    max_output_size: int | None = None,
    iou_threshold: float = 0.5,
    score_threshold: float = -math.inf,
) -> np.ndarray:
    """Return the indices of boxes that overlap no box with a higher score too much, the highest score first.

    The box with the highest score is kept, boxes whose intersection over union with it exceeds `iou_threshold` are
    removed, and so on. Of equal scores, the first comes first. Values are looked at, so that it runs outside of graphs.

    Args:
        boxes: (M, 4).
        scores: (M,).
        bounding_box_format: the format of the boxes, such as "xyxy".
        max_output_size: int, the largest number of boxes to keep, or None (default) for all.
        iou_threshold: float from 0 to 1, default 0.5.
        score_threshold: float; boxes need a higher score. Default: minus infinity.

    Returns:
        NumPy array of int64.

    Raises:
        ValueError: if shapes do not fit, or if an argument is invalid.

    Example:
        >>> boxes = [[0.0, 0.0, 10.0, 10.0], [1.0, 0.0, 11.0, 10.0], [20.0, 0.0, 30.0, 10.0]]
        >>> utils.bounding_boxes.non_max_suppression(boxes, [0.8, 0.9, 0.7], "xyxy").tolist()
        [1, 2]
    """
    owner = "non_max_suppression"
    kind = _format(owner, bounding_box_format)
    x, score = ops.convert_to_numpy(_boxes(owner, "boxes", boxes)), ops.convert_to_numpy(as_float(scores))
    if x.ndim != 2 or score.shape != x.shape[:1]:
        raise ValueError(
            f"{owner}: boxes must be (M, 4) and scores (M,). "
            f"Received: boxes.shape={x.shape}, scores.shape={score.shape}"
        )
    most = optional(as_integer, owner, "max_output_size", max_output_size, 0)
    limit = as_number(owner, "iou_threshold", iou_threshold, 0, 1)
    lowest = as_number(owner, "score_threshold", score_threshold)
    order = np.argsort(-score, kind="stable")
    order = order[score[order] > lowest] if lowest > -math.inf else order
    kept: list[int] = []
    while order.size and (most is None or len(kept) < most):
        first, order = int(order[0]), order[1:]
        kept.append(first)
        order = order[np.asarray(compute_iou(x[[first]], x[order], kind))[0] <= limit]
    return np.array(kept, np.int64)


def _format(owner: str, name: object) -> str:
    lowered = name.lower() if isinstance(name, str) else ""
    if lowered not in FORMATS:
        raise ValueError(f"{owner}: a format must be one of {', '.join(FORMATS)}. Received: {name!r}")
    return lowered


def _boxes(owner: str, name: str, boxes: ArrayLike) -> Array:
    """Return boxes as floats. Raises ValueError unless each has four numbers."""
    x = as_float(boxes)
    if x.ndim < 1 or x.shape[-1] != 4:
        raise ValueError(f"{owner}: {name} must have four numbers each. Received: {name}.shape={tuple(x.shape)}")
    return x


def _corners(boxes: Array, kind: str) -> tuple[Array, Array, Array, Array]:
    """Return (left, top, right, bottom) of boxes in a format in pixels."""
    first, second, third, fourth = (boxes[..., i] for i in range(4))
    if kind in ("yxyx", "center_yxhw"):
        first, second, third, fourth = second, first, fourth, third
    if kind.startswith("center"):
        return first - third / 2, second - fourth / 2, first + third / 2, second + fourth / 2
    return (first, second, first + third, second + fourth) if kind == "xywh" else (first, second, third, fourth)


def _numbers(left: Array, top: Array, right: Array, bottom: Array, kind: str) -> list[Array]:
    """Return the four numbers of boxes in a format in pixels."""
    w, h = right - left, bottom - top
    return {
        "xyxy": [left, top, right, bottom],
        "yxyx": [top, left, bottom, right],
        "xywh": [left, top, w, h],
        "center_xywh": [left + w / 2, top + h / 2, w, h],
        "center_yxhw": [top + h / 2, left + w / 2, h, w],
    }[kind]
