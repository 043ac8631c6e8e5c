"""The CPU backend: `Reference` with compiled kernels for float32. float64 is computed by plain array code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import fastconv._elementwise as _elementwise
import fastconv._image as _image
from fastconv._arrays import contiguous, dense_float32, is_slice, output_array
from fastconv._conv_depthwise import conv_depthwise
from fastconv.backends.cpu import depth_first
from fastconv.backends.cpu.algorithms.choose import choose
from fastconv.backends.cpu.algorithms.matmul import MATMUL, choose_matmul, matmul_transposed
from fastconv.backends.cpu.kernel import CpuKernel, float32, is_filled, run_into
from fastconv.backends.cpu.stream import ACTIVATION_NUMBERS, CpuStream
from fastconv.backends.launch import Launch, Operation
from fastconv.backends.reference import Array, Reference


class Cpu(CpuStream):
    """The backend for NumPy arrays."""

    def __init__(self) -> None:
        super().__init__(np)

    def prepare(self, operation: Operation, arrays: tuple, parameters: dict[str, Any], out: Any = None) -> Launch:
        """As `Backend.prepare`: with the operation's kernel if the arrays are float32, else with plain array code."""
        kernel: CpuKernel | None = self.kernels.get(operation)
        if kernel is None:
            return super().prepare(operation, arrays, parameters, out)
        floats = arrays[: len(arrays) - kernel.seeds]
        dense = dense_float32(floats)
        if dense is not None and dense is not floats and not (kernel.reads_slices and all(map(is_slice, floats))):
            return Launch(None, self._compute_on_copies, (kernel, arrays, parameters, out))
        launch = None if dense is None else kernel.method(self, *arrays, out=out, **parameters)
        if launch is None:
            return super().prepare(operation, arrays, parameters, out)
        if out is None or is_filled(out, launch.result):
            return launch
        return Launch(out, run_into, (launch, out))

    def _compute_on_copies(self, kernel: CpuKernel, arrays: tuple, parameters: dict[str, Any], out: Any) -> Any:
        floats = len(arrays) - kernel.seeds
        dense = map(contiguous, arrays[:floats])
        return self.prepare(kernel.operation, (*dense, *arrays[floats:]), parameters, out).run()

    def reads_slices(self, operation: Operation) -> bool:
        kernel: CpuKernel | None = self.kernels.get(operation)
        return kernel is not None and kernel.reads_slices

    def writes_slices(self, operation: Operation, inputs: int, parameters: dict[str, Any]) -> bool:
        """As `Backend.writes_slices`: concatenations, and convolutions by some algorithms without a residual."""
        if operation is Reference.conv:
            return inputs < 4 and choose("forward", parameters["convolution"]).algorithm.writes_slices
        return operation is Reference.concatenate

    # ---- convolution and matrix product --------------------------------------------------------------------------

    @float32(Reference.conv)
    def conv(self, x, w, bias=None, residual=None, *, convolution, activation=None, alpha=0.0, out=None):
        choice = choose("forward", convolution)
        y = output_array(out, convolution.output_shape, choice.algorithm.writes_slices and residual is None)
        arrays, ending = (convolution, x, w, bias, y), (ACTIVATION_NUMBERS[activation], alpha)
        if residual is None:
            return Launch(y, choice.run, (*arrays, *ending))
        if choice.algorithm.adds_residual:
            return Launch(y, choice.run, (*arrays, *ending, residual))
        return Launch(y, _conv_then_add, (choice.run, arrays, residual, y, *ending))

    @float32(Reference.conv_depthwise)
    def conv_depthwise(
        self,
        x,
        w,
        bias,
        depthwise_kernel,
        depthwise_bias,
        *,
        convolution,
        activation=None,
        alpha=0.0,
        depthwise_convolution,
        depthwise_activation=None,
        depthwise_alpha=0.0,
        out=None,
    ):
        """A kernel for both convolutions, or the reference, which runs a kernel for each."""
        if not depth_first.computes(convolution, depthwise_convolution):
            return None
        y = output_array(out, depthwise_convolution.output_shape)
        geometry, arrays = (convolution, depthwise_convolution), (x, w, bias, depthwise_kernel, depthwise_bias, y)
        numbers = ACTIVATION_NUMBERS[activation], alpha, ACTIVATION_NUMBERS[depthwise_activation], depthwise_alpha
        return Launch(y, conv_depthwise, (*geometry, *arrays, *numbers))

    @float32(Reference.conv_backward_input)
    def conv_backward_input(self, dy, w, bias=None, *, convolution, activation=None, alpha=0.0, out=None):
        dx = output_array(out, convolution.input_shape)
        run = choose("backward_input", convolution).run
        return Launch(dx, run, (convolution, dy, w, bias, dx, ACTIVATION_NUMBERS[activation], alpha))

    @float32(Reference.conv_backward_kernel)
    def conv_backward_kernel(self, x, dy, *, convolution, out=None):
        dw = output_array(out, convolution.kernel_shape)
        return Launch(dw, choose("backward_kernel", convolution).run, (convolution, x, dy, dw))

    @float32(Reference.matmul)
    def matmul(self, a, b, bias=None, *, transpose_a=False, transpose_b=False, activation=None, alpha=0.0, out=None):
        """A kernel if b is a matrix and only b is transposed, or only a and nothing is fused; else the reference."""
        fused = bias is not None or activation is not None
        algorithm = choose_matmul(a.shape, b.shape, transpose_a, transpose_b, fused)
        if algorithm == "reference":
            return None
        columns = b.shape[0] if transpose_b else b.shape[1]
        if algorithm == "transposed":
            y = output_array(out, (a.shape[1], columns))
            return Launch(y, matmul_transposed, (a, b, y))
        y = output_array(out, (*a.shape[:-1], columns))
        rows, products = a.reshape(-1, a.shape[-1]), y.reshape(-1, columns)
        number = ACTIVATION_NUMBERS[activation]
        return Launch(y, MATMUL[algorithm], (rows, b, bias, products, transpose_b, number, alpha))

    # ---- images --------------------------------------------------------------------------------------------------

    @float32(Reference.affine_transform, seeds=1)
    def affine_transform(self, x, transform, *, nearest, fill, value, out=None):
        y = output_array(out, x.shape)
        return Launch(y, _affine_transform, (y, x, transform, nearest, fill, value))

    @float32(Reference.flip_some, seeds=1)
    def flip_some(self, x, flips, *, axes, out=None):
        y = output_array(out, x.shape)
        return Launch(y, _flip_some, (y, x, flips, 1 in axes, 2 in axes))

    @float32(Reference.resample, seeds=2)
    def resample(self, x, w, back_w, first, back_first, *, out=None):
        y = output_array(out, (x.shape[0], len(first), x.shape[2]))
        return Launch(y, _image.resample, (y, x, w, first))

    @float32(Reference.stretch)
    def stretch(self, x, scale, shift, *, low, high, out=None):
        y = output_array(out, x.shape)
        return Launch(y, _image.stretch, (y, x, scale, shift, low, high))


def _conv_then_add(
    conv: Callable[..., None], arrays: tuple, residual: Array, y: Array, activation: int, alpha: float
) -> None:
    """y = act(the convolution + residual), in passes of their own"""
    conv(*arrays, 0, 0.0)
    np.add(y, residual, out=y)
    _elementwise.activate(y, y, activation, alpha)


def _affine_transform(y: Array, x: Array, transform: Array, *how: Any) -> None:
    _image.affine_transform(y, x, np.ascontiguousarray(transform, np.float64), *how)


def _flip_some(y: Array, x: Array, flips: Array, *axes: bool) -> None:
    _image.flip_some(y, x, np.ascontiguousarray(flips), *axes)
