"""Convolution as what it is, a linear map: the matrix written out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from fastconv import config
from fastconv.window import as_tuple, output_size, resolve_padding


def convolution_matrix(
    kernel: Any,
    input_shape: Sequence[int],
    strides: int | Sequence[int] = 1,
    padding: Any = "valid",
    dilation_rate: int | Sequence[int] = 1,
    data_format: str | None = None,
) -> np.ndarray:
    """C with C[(oh, ow, co), (oh SH + kh DH - top, ow SW + kw DW - left, ci)] = kernel[kh, kw, ci, co], zero elsewhere.

    Then `ops.conv(x, kernel)` is C x, and its gradient with respect to x is C^T dy; Dumoulin and Visin 2016, chapter 4.

    Args:
        kernel: (KH, KW, CI, CO).
        input_shape: (H, W, G CI) of one image, or (G CI, H, W) with data_format="channels_first"; G groups.
        strides, padding, dilation_rate, data_format: as given to `ops.conv`.

    Returns:
        (outputs, inputs), for images flattened in the order of their axes, in the dtype of the kernel.

    Raises:
        ValueError: shapes that do not fit.
    """
    kernel, input_shape = np.asarray(kernel), tuple(input_shape)
    if kernel.ndim != 4 or len(input_shape) != 3:
        raise ValueError(
            "convolution_matrix: the kernel must have 4 axes, (KH, KW, CI, CO), and input_shape 3 sizes, those of one "
            f"image with its channels. Received: kernel.shape={kernel.shape}, input_shape={input_shape}"
        )
    channels_first = config.standardize_data_format(data_format) == "channels_first"
    h, w, channels = (*input_shape[1:], input_shape[0]) if channels_first else input_shape
    window = (kernel.shape[:2], as_tuple("strides", strides, 2), as_tuple("dilation_rate", dilation_rate, 2))
    size, (sh, sw), (dh, dw) = window
    sides = resolve_padding("convolution_matrix", padding, (h, w), *window)
    (top, _), (left, _) = sides
    taps = _over_all_channels(kernel, channels)
    oh, ow = output_size((h, w), size, (sh, sw), sides, (dh, dw))
    c = np.zeros((oh, ow, kernel.shape[3], h, w, channels), kernel.dtype)
    for i, j, kh, kw in product(range(oh), range(ow), *map(range, size)):
        y, x = i * sh + kh * dh - top, j * sw + kw * dw - left
        if 0 <= y < h and 0 <= x < w:
            c[i, j, :, y, x, :] = taps[kh, kw].T
    if channels_first:
        c = c.transpose(2, 0, 1, 5, 3, 4)
    return c.reshape(oh * ow * kernel.shape[3], h * w * channels)


def _over_all_channels(kernel: np.ndarray, channels: int) -> np.ndarray:
    """(KH, KW, G CI, CO): the kernel of G groups as one of a single group, with zeros where a group has no weights."""
    kh, kw, ci, co = kernel.shape
    if channels % ci or co % (channels // ci):
        raise ValueError(
            "convolution_matrix: the kernel's channels must divide the input's, and the groups its outputs. "
            f"Received: kernel.shape={kernel.shape}, {channels} channels of input"
        )
    groups = channels // ci
    full = np.zeros((kh, kw, groups, ci, groups, co // groups), kernel.dtype)
    for g in range(groups):
        full[:, :, g, :, g, :] = kernel.reshape(kh, kw, ci, groups, -1)[:, :, :, g]
    return full.reshape(kh, kw, channels, co)
