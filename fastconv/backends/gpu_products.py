"""Convolutions and matrix products of the GPU backend: who computes them, and what they are given.

cuDNN convolves where it is installed, and the kernels of gpu_conv elsewhere. Depthwise convolutions are theirs always:
they are bound by memory, and nothing is won by cuDNN's generality. Matrix products are cuBLAS's.
"""

from __future__ import annotations

import functools

from fastconv import config
from fastconv.backends import gpu_conv, gpu_cudnn
from fastconv.backends.gpu_choice import in_order, kernel
from fastconv.backends.reference import Array, Out, Reference, Shape
from fastconv.window import output_size

float32 = functools.partial(kernel, floats=frozenset(["float32"]))


class GpuProducts(Reference):
    """float32 by kernels, whatever the strides of arrays; float64 as the reference has it.

    Attributes:
        number: of the GPU, which is the current one.
    """

    number: int

    @float32
    def conv(self, x, w, bias=None, *, strides, padding, dilation, activation=None, alpha=0.0, out=None):
        grown = [n + sum(p) for n, p in zip(x.shape[1:-1], padding)]
        outputs = output_size(grown, w.shape[:-2], strides, dilation)
        c = gpu_conv.window(x.shape, w.shape, outputs, strides, padding, dilation)
        if not gpu_conv.fits(c):
            return None
        y = self._target((x.shape[0], *outputs, w.shape[-1]), out)
        if y.size and not c.depthwise and gpu_cudnn.conv(self.xp, self.number, c, x, w, y):
            gpu_conv.finish(self.number, y, bias, (activation, alpha))
        elif y.size:
            gpu_conv.conv(self.number, c, x, w, bias, (activation, alpha), y)
        return y

    @float32
    def conv_backward_input(
        self, dy, w, bias=None, *, input_shape, strides, padding, dilation, activation=None, alpha=0.0, out=None
    ):
        c = gpu_conv.window(input_shape, w.shape, dy.shape[1:-1], strides, padding, dilation)
        if not gpu_conv.fits(c):
            return None
        dx = self._target(input_shape, out)
        if dx.size and not c.depthwise and gpu_cudnn.conv_backward_input(self.xp, self.number, c, dy, w, dx):
            gpu_conv.finish(self.number, dx, bias, (activation, alpha))
        elif dx.size:
            gpu_conv.conv_backward_input(self.number, c, dy, w, bias, (activation, alpha), dx)
        return dx

    @float32
    def conv_backward_kernel(self, x, dy, *, kernel_shape, strides, padding, dilation, out=None):
        c = gpu_conv.window(x.shape, kernel_shape, dy.shape[1:-1], strides, padding, dilation)
        if not gpu_conv.fits(c):
            return None
        dw = self._target(kernel_shape, out)
        if c.depthwise or not c.pixels or not gpu_cudnn.conv_backward_kernel(self.xp, self.number, c, x, dy, dw):
            gpu_conv.conv_backward_kernel(self.number, self.xp, c, x, dy, dw)
        return dw

    @functools.partial(float32, inputs_in_order=False)
    def matmul(self, a, b, bias=None, *, transpose_a=False, transpose_b=False, activation=None, alpha=0.0, out=None):
        if bias is not None and bias.ndim != 1:
            return None
        a = self.xp.swapaxes(a, -1, -2) if transpose_a else a
        b = self.xp.swapaxes(b, -1, -2) if transpose_b else b
        self._use_tf32(config.tf32())
        y = self.xp.matmul(a, b, out=out)
        gpu_conv.finish(self.number, y, in_order(self.xp, bias), (activation, alpha))
        return y

    def _target(self, shape: Shape, out: Out) -> Array:
        """Where a kernel writes: `out`, or new memory."""
        return self.xp.empty(shape, "float32") if out is None else out

    def _use_tf32(self, wanted: bool) -> None:
        """Tell cuBLAS, of which CuPy keeps one setting for the whole process."""
        core = getattr(self.xp, "_core", None)
        if core is not None:
            routines = core._routines_linalg
            kind = routines.COMPUTE_TYPE_TF32 if wanted else routines.COMPUTE_TYPE_FP32
            if core.get_compute_type(self.xp.float32) != kind:
                core.set_compute_type(self.xp.float32, kind)
