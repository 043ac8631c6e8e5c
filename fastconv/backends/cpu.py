"""The CPU backend: `Reference` with the compiled kernels in place of what they cover, which is float32."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from fastconv import _conv, _core, _depthwise
from fastconv._stream import room
from fastconv.backends import algorithms, cpu_fourier
from fastconv.backends.cpu_stream import ACTIVATION_NUMBERS, CpuStream, float32
from fastconv.backends.reference import Array, Shape
from fastconv.window import output_size


def kernels(channels: int, kernel_shape: tuple[int, ...]) -> ModuleType:
    """The module whose convolutions take so many input channels and such a kernel."""
    return _depthwise if algorithms.depthwise(channels, kernel_shape) else _conv


def folding(x: Array, kernel_shape: Shape, y: Array, strides: Shape, dilation: Shape) -> int:
    """How many pixels of y that are neighbours on its last axis are computed as one."""
    kw, ci, co = kernel_shape[-3:]
    if dilation[-1] > 1 or ci < x.shape[-1]:
        return 1
    return algorithms.fold(y.size // co, y.shape[-2], co, kw, strides[-1], _core.vector_floats())


def fold_pixels(y: Array, n: int) -> Array:
    """(.., OW, CO) as (.., OW/n, n CO): a view."""
    return y.reshape(*y.shape[:-2], y.shape[-2] // n, n * y.shape[-1])


def fold_kernel(w: Array, n: int, stride: int) -> Array:
    """(.., KW + (n - 1) SW, CI, n CO): n copies of w, each a stride to the right of the one before, between zeros."""
    kw, ci, co = w.shape[-3:]
    folded = np.zeros((*w.shape[:-3], kw + (n - 1) * stride, ci, n, co), np.float32)
    for i in range(n):
        folded[..., i * stride : i * stride + kw, :, i, :] = w
    return folded.reshape(*folded.shape[:-2], n * co)


def fold_strides(strides: Shape, n: int) -> Shape:
    return (*strides[:-1], n * strides[-1])


def unfold_kernel(dw: Array, shape: Shape, n: int, stride: int, out: Array) -> Array:
    """The adjoint of fold_kernel: the sum of the n copies, written to `out`."""
    copies = dw.reshape(*dw.shape[:-1], n, shape[-1])
    return np.sum([copies[..., i * stride : i * stride + shape[-3], :, i, :] for i in range(n)], axis=0, out=out)


class Cpu(CpuStream):
    """NumPy arrays; float32 by the compiled kernels, float64 by plain array code."""

    def __init__(self) -> None:
        super().__init__(np)

    # ---- convolution and matrix product --------------------------------------------------------------------------

    @float32
    def conv(self, x, w, bias=None, *, strides, padding, dilation, activation=None, alpha=0.0, out=None):
        grown = [n + before + after for n, (before, after) in zip(x.shape[1:], padding)]
        y = room(out, (x.shape[0], *output_size(grown, w.shape, strides, dilation), w.shape[-1]))
        tile = cpu_fourier.tile(x.shape, w.shape, y.shape, strides, dilation)
        if tile:
            return cpu_fourier.conv(x, w, bias, y, padding, tile, activation, alpha)
        n = folding(x, w.shape, y, strides, dilation)
        if n == 1:
            kernels(x.shape[-1], w.shape).conv(
                x, w, bias, y, strides, padding, dilation, ACTIVATION_NUMBERS[activation], alpha
            )
            return y
        bias = bias if bias is None else np.tile(bias, n)
        kernel, pixels, steps = fold_kernel(w, n, strides[-1]), fold_pixels(y, n), fold_strides(strides, n)
        _conv.conv(x, kernel, bias, pixels, steps, padding, dilation, ACTIVATION_NUMBERS[activation], alpha)
        return y

    @float32
    def conv_backward_input(
        self, dy, w, bias=None, *, input_shape, strides, padding, dilation, activation=None, alpha=0.0, out=None
    ):
        dx = room(out, input_shape)
        tile = cpu_fourier.tile(input_shape, w.shape, input_shape, strides, dilation)
        if tile:
            return cpu_fourier.conv_backward_input(dy, w, dx, padding, tile)
        if algorithms.conv_backward_input(len(dy), w.shape, dilation, input_shape[-1] // w.shape[-2]) == "spread":
            compute = _conv.conv_backward_input_spread
        else:
            compute = kernels(input_shape[-1], w.shape).conv_backward_input
        compute(dy, w, bias, dx, strides, padding, dilation, ACTIVATION_NUMBERS[activation], alpha)
        return dx

    @float32
    def conv_backward_kernel(self, x, dy, *, kernel_shape, strides, padding, dilation, out=None):
        dw = room(out, kernel_shape)
        tile = cpu_fourier.tile(x.shape, kernel_shape, dy.shape, strides, dilation)
        if tile:
            return cpu_fourier.conv_backward_kernel(x, dy, dw, padding, tile)
        n = folding(x, kernel_shape, dy, strides, dilation)
        if n == 1:
            kernels(x.shape[-1], kernel_shape).conv_backward_kernel(x, dy, dw, strides, padding, dilation)
            return dw
        *outer, kw, ci, co = kernel_shape
        folded = np.empty((*outer, kw + (n - 1) * strides[-1], ci, n * co), np.float32)
        _conv.conv_backward_kernel(x, fold_pixels(dy, n), folded, fold_strides(strides, n), padding, dilation)
        return unfold_kernel(folded, kernel_shape, n, strides[-1], dw)

    @float32
    def matmul(self, a, b, bias=None, *, transpose_a=False, transpose_b=False, activation=None, alpha=0.0, out=None):
        """A kernel where b is a matrix, and a one too if it is transposed, alone and unfused; else the reference."""
        finish = {"activation": activation, "alpha": alpha, "out": out}
        fused = bias is not None or activation is not None
        algorithm = algorithms.matmul(a.shape, b.shape, transpose_a, transpose_b, fused)
        if algorithm == "reference":
            return super().matmul(a, b, bias, transpose_a=transpose_a, transpose_b=transpose_b, **finish)
        columns = b.shape[0] if transpose_b else b.shape[1]
        if algorithm == "transposed":
            y = room(out, (a.shape[1], columns))
            _conv.matmul_transposed(a, b, y)
            return y
        y = room(out, (*a.shape[:-1], columns))
        rows, products = a.reshape(-1, a.shape[-1]), y.reshape(-1, columns)
        if algorithm == "thin":
            _conv.matmul_thin(rows, b, bias, products, ACTIVATION_NUMBERS[activation], alpha)
        elif algorithm == "dots":
            _conv.matmul_dots(rows, b, bias, products, ACTIVATION_NUMBERS[activation], alpha)
        else:
            _conv.matmul(rows, b, bias, products, transpose_b, ACTIVATION_NUMBERS[activation], alpha)
        return y
