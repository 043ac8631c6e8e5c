"""The geometry of a convolution or a pooling: all sizes and settings that do not depend on data.

`fastconv.ops` builds a record once, after checking its arguments. The primitive, the backend, the choice of an
algorithm and the compiled kernel receive the same record.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from fastconv.window import Shape, Sides, clip_window, output_size, reach


class Convolution(NamedTuple):
    """A convolution x (N, .., C), w (.., CI, CO) -> y (N, .., CO); its three directions share the record.

    Attributes:
        images: N, the batch size.
        inputs: spatial sizes of x, one to three.
        outputs: spatial sizes of y.
        channels: C, the channels of x: CI times the number of groups.
        kernel_shape: (.., CI, CO), the shape of w.
        strides: pixels from one window to the next, for each spatial axis.
        padding: zeros (before, after) each spatial axis.
        dilation: pixels from one tap to the next, for each spatial axis.
    """

    images: int
    inputs: Shape
    outputs: Shape
    channels: int
    kernel_shape: Shape
    strides: Shape
    padding: Sides
    dilation: Shape

    @classmethod
    def of(
        cls, input_shape: Shape, kernel_shape: Shape, strides: Shape, padding: Sides, dilation: Shape
    ) -> Convolution:
        """Return the convolution of x and w with these shapes."""
        images, *inputs, channels = input_shape
        outputs = output_size(inputs, kernel_shape[:-2], strides, padding, dilation)
        return cls(images, tuple(inputs), outputs, channels, tuple(kernel_shape), strides, padding, dilation)

    @property
    def size(self) -> Shape:
        """Return the taps of the window along each spatial axis."""
        return self.kernel_shape[:-2]

    @property
    def groups(self) -> int:
        return self.channels // self.kernel_shape[-2]

    @property
    def input_shape(self) -> Shape:
        """Return the shape of x."""
        return (self.images, *self.inputs, self.channels)

    @property
    def output_shape(self) -> Shape:
        """Return the shape of y."""
        return (self.images, *self.outputs, self.kernel_shape[-1])

    @property
    def pixels(self) -> int:
        """Return the number of output pixels of all images."""
        return self.images * prod(self.outputs)

    @property
    def products(self) -> int:
        """Return the multiply-adds per pair of an input and an output channel, without taps in the padding."""
        axes = zip(self.inputs, self.outputs, self.size, self.strides, self.padding, self.dilation)
        return self.images * prod(
            sum(count_reads(inputs, outputs, stride, k * step - before) for k in range(taps))
            for inputs, outputs, taps, stride, (before, _), step in axes
        )

    @property
    def sparse(self) -> bool:
        """Return True if windows skip most pixels that they span, because strides, dilation or padding are large."""
        axes = zip(self.inputs, self.outputs, self.size, self.strides, self.dilation)
        return any(
            (o - 1) * s + reach(k, d) > 4 * (n + o) or reach(k, d) > 4 * min(n, o * s) + k for n, o, k, s, d in axes
        )


class ClippedConvolution(NamedTuple):
    """A convolution without the outer taps that meet only padding: a convolution of parts of the arrays.

    Attributes:
        convolution: the convolution of the parts.
        taps: (first, end) of each axis of the kernel; None for the whole kernel.
        pixels: (first, end) of each spatial axis of the inputs; None if `taps` is None.
    """

    convolution: Convolution
    taps: Sides | None
    pixels: Sides | None

    @classmethod
    def of(
        cls, input_shape: Sequence[int], kernel_shape: Sequence[int], strides: Shape, padding: Sides, dilation: Shape
    ) -> ClippedConvolution:
        """Return the clipped convolution of x and w with these shapes."""
        clip = clip_window(tuple(input_shape[1:-1]), tuple(kernel_shape[:-2]), strides, padding, dilation)
        parts = (input_shape[0], *clip.spatial, input_shape[-1]), (*clip.size, *kernel_shape[-2:])
        convolution = Convolution.of(*parts, clip.strides, clip.padding, clip.dilation)
        return cls(convolution, *((None, None) if clip.is_complete else (clip.taps, clip.pixels)))


class Pooling(NamedTuple):
    """A pooling x (N, H, W, C) -> y (N, OH, OW, C); its gradient shares the record.

    Attributes:
        images: N, the batch size.
        inputs: (H, W).
        outputs: (OH, OW).
        channels: C.
        size: the height and width of the window, in taps.
        strides: pixels from one window to the next.
        padding: pixels ((top, bottom), (left, right)) that no window selects.
        dilation: pixels from one tap to the next.
    """

    images: int
    inputs: Shape
    outputs: Shape
    channels: int
    size: Shape
    strides: Shape
    padding: Sides
    dilation: Shape

    @classmethod
    def of(
        cls, input_shape: Sequence[int], size: Shape, strides: Shape, padding: Sides, dilation: Shape = (1, 1)
    ) -> Pooling:
        """Return the pooling of x with this shape."""
        images, *inputs, channels = input_shape
        outputs = output_size(inputs, size, strides, padding, dilation)
        return cls(images, tuple(inputs), outputs, channels, size, strides, padding, dilation)

    @property
    def input_shape(self) -> Shape:
        """Return the shape of x."""
        return (self.images, *self.inputs, self.channels)

    @property
    def output_shape(self) -> Shape:
        """Return the shape of y."""
        return (self.images, *self.outputs, self.channels)

    @property
    def corner(self) -> tuple[int, int]:
        """Return (top, left), the padding before the first pixel."""
        return self.padding[0][0], self.padding[1][0]


def count_reads(inputs: int, outputs: int, stride: int, first: int) -> int:
    """Return the number of outputs o that read an input at o * stride + first."""
    return max(min((inputs - 1 - first) // stride, outputs - 1) - max(-(first // stride), 0) + 1, 0)
