"""Filters of image processing, and their application to an image without axes for batch and channels."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

import fastconv.ops as ops
from fastconv.typing import Array, ArrayLike, IntOrInts, PaddingLike


def _constant(kernel: object, divisor: int = 1) -> np.ndarray:
    """Return a kernel as a read-only array: float32 if it is divided, else int32."""
    array = np.array(kernel, np.int32) if divisor == 1 else np.array(kernel, np.float32) / np.float32(divisor)
    array.flags.writeable = False
    return array


# Kernels of image processing by name, as read-only arrays (KH, KW) for `filter_image`: identity, box (mean), Gaussian,
# sharpen = identity + highpass, the Sobel derivatives to the right and downwards, and three kernels that find edges.
FILTERS: Mapping[str, np.ndarray] = MappingProxyType(
    {
        "identity": _constant([[0, 0, 0], [0, 1, 0], [0, 0, 0]]),
        "box_3x3": _constant(np.ones((3, 3)), 9),
        "box_7x7": _constant(np.ones((7, 7)), 49),
        "gaussian": _constant([[1, 2, 1], [2, 4, 2], [1, 2, 1]], 16),
        "sharpen": _constant([[0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
        "highpass": _constant([[0, -1, 0], [-1, 4, -1], [0, -1, 0]]),
        "sobel_x": _constant([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
        "sobel_y": _constant([[-1, -2, -1], [0, 0, 0], [1, 2, 1]]),
        "edge_diagonal": _constant([[1, 0, -1], [0, 0, 0], [-1, 0, 1]]),
        "edge_laplacian": _constant([[0, 1, 0], [1, -4, 1], [0, 1, 0]]),
        "edge_outline": _constant([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]),
    }
)


def filter_image(
    image: ArrayLike,
    kernel: ArrayLike,
    strides: IntOrInts = 1,
    padding: PaddingLike = "valid",
    dilation_rate: IntOrInts = 1,
) -> Array:
    """y[oh, ow] = sum over kh, kw of image[oh SH + kh DH - top, ow SW + kw DW - left] kernel[kh, kw].

    This is `ops.conv` (cross-correlation: the kernel is not flipped) without axes for batch and output channels. If
    image and kernel have a channel axis, the sum runs over the channels too.

    Args:
        image: (H, W), or (H, W, C).
        kernel: (KH, KW) for an image (H, W); (KH, KW, C) for an image (H, W, C). `FILTERS` has kernels by name.
        strides, padding, dilation_rate: as in `ops.conv`; padding="same" keeps the size of the image.

    Returns:
        (OH, OW). Integers if image and kernel hold integers; otherwise floats, in the dtype of a float image.

    Raises:
        ValueError: if the channels, or the sizes and the padding, do not fit.

    Example:
        >>> image = [[1, 0.5, 1, 0], [0, 0.25, 0.5, 1], [1, 0.25, 0, 1], [0.5, 0, 1, 1]]
        >>> utils.filter_image(image, [[1, 0], [0, 2]]).tolist()
        [[1.5, 1.5, 3.0], [0.5, 0.25, 2.5], [1.0, 2.25, 2.0]]
        >>> steps = [[0, 0, 9, 9]] * 3
        >>> utils.filter_image(steps, utils.FILTERS["sobel_x"]).tolist()
        [[36, 36]]
    """
    x, w = ops.convert_to_tensor(image), ops.convert_to_tensor(kernel)
    _check_channels(tuple(x.shape), tuple(w.shape))
    if x.dtype.kind == w.dtype.kind == "f":
        w = ops.cast(w, x.dtype)
    channels = x.shape[2:] or (1,)
    x, w = ops.reshape(x, (1, *x.shape[:2], *channels)), ops.reshape(w, (*w.shape[:2], *channels, 1))
    y = ops.conv(x, w, strides, padding, "channels_last", dilation_rate)
    return ops.reshape(y, y.shape[1:3])


def _check_channels(image: tuple[int, ...], kernel: tuple[int, ...]) -> None:
    """Raise ValueError unless image and kernel both lack a channel axis, or have as many channels as each other."""
    fits = len(image) == len(kernel) and len(image) in (2, 3) and image[2:] == kernel[2:]
    if fits:
        return
    rule = "image and kernel must be (H, W) and (KH, KW), or (H, W, C) and (KH, KW, C)"
    if len(image) == 3 and len(kernel) in (2, 3):
        c = image[2]
        rule += (
            f". An image of {c} channels has two readings: to sum over its channels, give a kernel (KH, KW, {c}); to "
            "filter each channel by itself, call filter_image(image[:, :, c], kernel) for each c"
        )
    elif len(image) == 4:
        rule += "; a batch of images needs ops.conv"
    raise ValueError(f"filter_image: {rule}. Received: image.shape={image}, kernel.shape={kernel}")
