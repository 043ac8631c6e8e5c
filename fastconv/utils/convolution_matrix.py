"""The matrix of a convolution as a linear map."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

import fastconv.config as config
from fastconv.memory import check_fits
from fastconv.typing import ArrayLike, IntOrInts, PaddingLike
from fastconv.window import as_tuple, output_size, resolve_padding


def convolution_matrix(
    kernel: ArrayLike,
    input_shape: Sequence[int],
    strides: IntOrInts = 1,
    padding: PaddingLike = "valid",
    dilation_rate: IntOrInts = 1,
    data_format: str | None = None,
) -> np.ndarray:
    """C[(oh, ow, co), (oh SH + kh DH - top, ow SW + kw DW - left, ci)] = kernel[kh, kw, ci, co], zero elsewhere.

    For a flattened image x, `ops.conv(x, kernel)` is C x, and its gradient with respect to x is C^T dy (Dumoulin and
    Visin 2016, chapter 4).

    Args:
        kernel: array (KH, KW, CI, CO).
        input_shape: (H, W, G CI) of an image, or (G CI, H, W) if data_format="channels_first"; G is the number of
            groups.
        strides: int or pair of ints, as for `ops.conv`. Default: 1.
        padding: "valid", "same", or sizes, as for `ops.conv`. Default: "valid".
        dilation_rate: int or pair of ints, as for `ops.conv`. Default: 1.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`. Default: None.

    Returns:
        Array (outputs, inputs) in the dtype of the kernel, for images flattened in the order of their axes.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> kernel = np.array([1.0, 2.0]).reshape(1, 2, 1, 1)
        >>> convolution_matrix(kernel, (1, 3, 1))
        array([[1., 2., 0.],
               [0., 1., 2.]])
    """
    kernel, input_shape = np.asarray(kernel), tuple(input_shape)
    if kernel.ndim != 4 or len(input_shape) != 3:
        raise ValueError(
            "convolution_matrix: the kernel must have 4 axes, (KH, KW, CI, CO), and input_shape 3 sizes: an image's "
            f"height, width and channels. Received: kernel.shape={kernel.shape}, input_shape={input_shape}"
        )
    channels_first = config.standardize_data_format(data_format) == "channels_first"
    h, w, channels = (*input_shape[1:], input_shape[0]) if channels_first else input_shape
    window = (kernel.shape[:2], as_tuple("strides", strides, 2), as_tuple("dilation_rate", dilation_rate, 2))
    size, (sh, sw), (dh, dw) = window
    sides = resolve_padding("convolution_matrix", padding, (h, w), *window)
    (top, _), (left, _) = sides
    taps = _over_all_channels(kernel, channels)
    oh, ow = output_size((h, w), size, (sh, sw), sides, (dh, dw))
    shape = (oh, ow, kernel.shape[3], h, w, channels)
    check_fits("convolution_matrix", shape, kernel.dtype)
    c = np.zeros(shape, kernel.dtype)
    for i, j, kh, kw in product(range(oh), range(ow), *map(range, size)):
        y, x = i * sh + kh * dh - top, j * sw + kw * dw - left
        if 0 <= y < h and 0 <= x < w:
            c[i, j, :, y, x, :] = taps[kh, kw].T
    if channels_first:
        c = c.transpose(2, 0, 1, 5, 3, 4)
    return c.reshape(oh * ow * kernel.shape[3], h * w * channels)


def _over_all_channels(kernel: np.ndarray, channels: int) -> np.ndarray:
    """Return (KH, KW, G CI, CO): the kernel of G groups as an ungrouped kernel, with zeros between different groups."""
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
