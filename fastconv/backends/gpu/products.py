"""Convolutions and matrix products of the GPU backend: the choice of library, and its arguments.

cuDNN computes convolutions if it is installed. Otherwise, and for depthwise convolutions, the kernels of `conv.py` do.
Depthwise convolutions are bound by memory, so that cuDNN would gain nothing. cuBLAS computes matrix products.
"""

from __future__ import annotations

import functools

import fastconv.config as config
from fastconv.backends.gpu import conv, cudnn
from fastconv.backends.gpu.kernel import in_order, kernel
from fastconv.backends.reference import Array, Out, Reference, Shape

float32 = functools.partial(kernel, floats=frozenset(["float32"]))


class GpuProducts(Reference):
    """float32 by kernels, for arrays with any strides; float64 by the reference.

    Attributes:
        number: the number of the GPU, which is the current one.
    """

    number: int

    @float32(Reference.conv)
    def conv(self, x, w, bias=None, residual=None, *, convolution, activation=None, alpha=0.0, out=None):
        c = conv.window(convolution)
        if not conv.fits(c):
            return None
        y, ending = self._target(convolution.output_shape, out), (activation, alpha)
        first = ending if residual is None else (None, 0.0)
        if y.size and not c.depthwise and cudnn.conv(self.xp, self.number, c, x, w, y):
            conv.finish(self.number, y, bias, first)
        elif y.size:
            conv.conv(self.number, c, x, w, bias, first, y)
        if residual is not None:
            self.xp.add(y, residual, out=y)
            conv.finish(self.number, y, None, ending)
        return y

    @float32(Reference.conv_backward_input)
    def conv_backward_input(self, dy, w, bias=None, *, convolution, activation=None, alpha=0.0, out=None):
        c = conv.window(convolution)
        if not conv.fits(c):
            return None
        dx = self._target(convolution.input_shape, out)
        if dx.size and not c.depthwise and cudnn.conv_backward_input(self.xp, self.number, c, dy, w, dx):
            conv.finish(self.number, dx, bias, (activation, alpha))
        elif dx.size:
            conv.conv_backward_input(self.number, c, dy, w, bias, (activation, alpha), dx)
        return dx

    @float32(Reference.conv_backward_kernel)
    def conv_backward_kernel(self, x, dy, *, convolution, out=None):
        c = conv.window(convolution)
        if not conv.fits(c):
            return None
        dw = self._target(convolution.kernel_shape, out)
        if c.depthwise or not c.pixels or not cudnn.conv_backward_kernel(self.xp, self.number, c, x, dy, dw):
            conv.conv_backward_kernel(self.number, self.xp, c, x, dy, dw)
        return dw

    @float32(Reference.matmul, inputs_in_order=False)
    def matmul(self, a, b, bias=None, *, transpose_a=False, transpose_b=False, activation=None, alpha=0.0, out=None):
        if bias is not None and bias.ndim != 1:
            return None
        a = self.xp.swapaxes(a, -1, -2) if transpose_a else a
        b = self.xp.swapaxes(b, -1, -2) if transpose_b else b
        self._use_tf32(config.tf32())
        y = self.xp.matmul(a, b, out=out)
        conv.finish(self.number, y, in_order(self.xp, bias), (activation, alpha))
        return y

    def _target(self, shape: Shape, out: Out) -> Array:
        """Return the array into which a kernel writes: `out`, or new memory."""
        return self.xp.empty(shape, "float32") if out is None else out

    def _use_tf32(self, wanted: bool) -> None:
        """Set the compute type of cuBLAS, which CuPy stores once for the whole process."""
        core = getattr(self.xp, "_core", None)
        if core is not None:
            routines = core._routines_linalg
            kind = routines.COMPUTE_TYPE_TF32 if wanted else routines.COMPUTE_TYPE_FP32
            if core.get_compute_type(self.xp.float32) != kind:
                core.set_compute_type(self.xp.float32, kind)
