"""Convolutions and matrix products of the GPU backend: who computes them, and what they are given.

cuDNN convolves where it is installed, and the kernels of gpu_conv elsewhere. Depthwise convolutions are theirs always:
they are bound by memory, and nothing is won by cuDNN's generality. Matrix products are cuBLAS's.
"""

from __future__ import annotations

from typing import Any

from fastconv import config
from fastconv.backends import gpu_conv, gpu_cudnn
from fastconv.backends.reference import Array, Out, Reference, Shape, Sides, deliver
from fastconv.window import output_size


class GpuProducts(Reference):
    """float32 by kernels, whatever the strides of arrays; float64 as the reference has it.

    Attributes:
        number: of the GPU, which is the current one.
    """

    number: int

    def _target(self, shape: Shape, out: Out) -> Array:
        """Where a kernel writes: `out` if it lies in C order, else new memory."""
        usable = out is not None and out.dtype == "float32" and out.flags.c_contiguous
        return out if usable else self.xp.empty(shape, "float32")

    def conv(
        self,
        x: Array,
        w: Array,
        bias: Array | None = None,
        *,
        strides: Shape,
        padding: Sides,
        dilation: Shape,
        activation: str | None = None,
        alpha: float = 0.0,
        out: Out = None,
    ) -> Array:
        grown = [n + sum(p) for n, p in zip(x.shape[1:-1], padding)]
        outputs = output_size(grown, w.shape[:-2], strides, dilation)
        c = gpu_conv.window(x.shape, w.shape, outputs, strides, padding, dilation)
        if not (gpu_conv.fits(c) and all_float32(x, w, bias)):
            how: dict[str, Any] = {
                "strides": strides,
                "padding": padding,
                "dilation": dilation,
                "activation": activation,
            }
            return super().conv(x, w, bias, alpha=alpha, out=out, **how)
        y = self._target((x.shape[0], *outputs, w.shape[-1]), out)
        if y.size:
            x, w, bias = self._in_order(x, w, bias)
            if not c.depthwise and gpu_cudnn.conv(self.xp, self.number, c, x, w, y):
                gpu_conv.finish(self.number, y, bias, (activation, alpha))
            else:
                gpu_conv.conv(self.number, c, x, w, bias, (activation, alpha), y)
        return y if out is None or out is y else deliver(y, out)

    def conv_backward_input(
        self,
        dy: Array,
        w: Array,
        bias: Array | None = None,
        *,
        input_shape: Shape,
        strides: Shape,
        padding: Sides,
        dilation: Shape,
        activation: str | None = None,
        alpha: float = 0.0,
        out: Out = None,
    ) -> Array:
        c = gpu_conv.window(input_shape, w.shape, dy.shape[1:-1], strides, padding, dilation)
        if not (gpu_conv.fits(c) and all_float32(dy, w, bias)):
            how: dict[str, Any] = {
                "strides": strides,
                "padding": padding,
                "dilation": dilation,
                "activation": activation,
            }
            return super().conv_backward_input(dy, w, bias, input_shape=input_shape, alpha=alpha, out=out, **how)
        dx = self._target(input_shape, out)
        if dx.size:
            dy, w, bias = self._in_order(dy, w, bias)
            if not c.depthwise and gpu_cudnn.conv_backward_input(self.xp, self.number, c, dy, w, dx):
                gpu_conv.finish(self.number, dx, bias, (activation, alpha))
            else:
                gpu_conv.conv_backward_input(self.number, c, dy, w, bias, (activation, alpha), dx)
        return dx if out is None or out is dx else deliver(dx, out)

    def conv_backward_kernel(
        self,
        x: Array,
        dy: Array,
        *,
        kernel_shape: Shape,
        strides: Shape,
        padding: Sides,
        dilation: Shape,
        out: Out = None,
    ) -> Array:
        c = gpu_conv.window(x.shape, kernel_shape, dy.shape[1:-1], strides, padding, dilation)
        if not (gpu_conv.fits(c) and all_float32(x, dy)):
            how: dict[str, Any] = {"strides": strides, "padding": padding, "dilation": dilation}
            return super().conv_backward_kernel(x, dy, kernel_shape=kernel_shape, out=out, **how)
        dw = self._target(kernel_shape, out)
        x, dy = self._in_order(x, dy)
        if c.depthwise or not c.pixels or not gpu_cudnn.conv_backward_kernel(self.xp, self.number, c, x, dy, dw):
            gpu_conv.conv_backward_kernel(self.number, self.xp, c, x, dy, dw)
        return dw if out is None or out is dw else deliver(dw, out)

    def matmul(
        self,
        a: Array,
        b: Array,
        bias: Array | None = None,
        *,
        transpose_a: bool = False,
        transpose_b: bool = False,
        activation: str | None = None,
        alpha: float = 0.0,
        out: Out = None,
    ) -> Array:
        if not all_float32(a, b, bias) or (bias is not None and bias.ndim != 1):
            how: dict[str, Any] = {"transpose_a": transpose_a, "transpose_b": transpose_b, "activation": activation}
            return super().matmul(a, b, bias, alpha=alpha, out=out, **how)
        a = self.xp.swapaxes(a, -1, -2) if transpose_a else a
        b = self.xp.swapaxes(b, -1, -2) if transpose_b else b
        usable = out is not None and out.dtype == "float32" and out.flags.c_contiguous
        self._use_tf32(config.tf32())
        y = self.xp.matmul(a, b, out=out if usable else None)
        gpu_conv.finish(self.number, y, self._in_order(bias)[0], (activation, alpha))
        return y if out is None or usable else deliver(y, out)

    def _use_tf32(self, wanted: bool) -> None:
        """Tell cuBLAS, of which CuPy keeps one setting for the whole process."""
        core = getattr(self.xp, "_core", None)
        if core is not None:
            routines = core._routines_linalg
            kind = routines.COMPUTE_TYPE_TF32 if wanted else routines.COMPUTE_TYPE_FP32
            if core.get_compute_type(self.xp.float32) != kind:
                core.set_compute_type(self.xp.float32, kind)

    def _in_order(self, *arrays: Array | None) -> list[Array | None]:
        return [a if a is None else self.xp.ascontiguousarray(a) for a in arrays]


def all_float32(*arrays: Array | None) -> bool:
    return all(a is None or a.dtype == "float32" for a in arrays)
