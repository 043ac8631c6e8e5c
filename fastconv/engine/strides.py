"""Strides moved up: compute only those pixels of a result that its readers use, before steps are fused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fastconv.backends.reference import Reference
from fastconv.engine.primitive import Call, Primitive, Tensor
from fastconv.geometry import Convolution
from fastconv.typing import Shape

# The primitives that compute each pixel from the same pixel of their inputs, besides elementwise primitives.
BY_PIXEL = (Reference.normalize,)
# The most taps of an axis of a window that skips outputs. Larger windows may be computed by Fourier transforms, which
# need no fewer operations then: 15 x 15 taps of one channel take 112 us at 256 x 256 pixels, 174 with strides.
MOST_TAPS = 8


def move_strides_up(steps: Sequence[Call], kept: Iterable[Tensor]) -> list[Call]:
    """conv(f(conv(x, v), y), w, stride s)  ->  conv(f(conv(x, v, stride s), y[::s]), w), if w has windows of one pixel.

    f is elementwise, and only such convolutions of stride s read its result. y[::s] is computed with y if nothing else
    reads y, else it is a copy. The strides of the first convolution are multiplied by s. If its windows have several
    pixels, s must skip pixels along each axis: otherwise Winograd's algorithm would save as much for stride 1.

    Args:
        steps: in an order in which they can run.
        kept: tensors that are needed after the last step.
    """
    graph = StridedGraph(strides_of_readers(steps, kept))
    for step in steps:
        if step.primitive.operation is Reference.conv:
            graph.append_convolution(step)
        elif is_by_pixel(step) and not graph.parts.keys().isdisjoint(step.inputs):
            graph.append_by_pixel(step)
        else:
            graph.steps.append(step)
    return graph.steps


class StridedGraph:
    """A list of steps that grows, and the parts of tensors that its steps compute in place of whole tensors.

    Args:
        strides: see `strides_of_readers`.
    """

    def __init__(self, strides: dict[Tensor, Shape]) -> None:
        self.strides = strides
        self.steps: list[Call] = []
        self.parts: dict[Tensor, Tensor] = {}  # x: x[::s]
        self.copies: dict[tuple[Tensor, Shape], Tensor] = {}

    def append_convolution(self, step: Call) -> None:
        """Append a convolution with the strides that its readers skip, on the part of its input that is computed."""
        x, *weights = step.inputs
        y, former = step.outputs[0], step.params["convolution"]
        skipped = skipped_outputs(former, self.strides.get(y))
        strides = total_strides(former, skipped) if x not in self.parts else (1,) * len(former.strides)
        x = self.parts.get(x, x)
        convolution = Convolution.of(x.shape, former.kernel_shape, strides, former.padding, former.dilation)
        if convolution == former:
            self.steps.append(step)
            return
        params = {**step.params, "convolution": convolution}
        if skipped is not None:
            self.parts[y] = Tensor(convolution.output_shape, y.dtype)
        self.steps.append(Call(step.primitive, (x, *weights), params, (self.parts.get(y, y),), step.names))

    def append_by_pixel(self, step: Call) -> None:
        """Append an elementwise step on parts of its inputs."""
        y = step.outputs[0]
        strides = (1, *self.strides[y], 1)
        inputs = tuple([self.part(t, strides[y.ndim - t.ndim :], step.names) for t in step.inputs])
        self.parts[y] = Tensor(strided_shape(y.shape, strides), y.dtype)
        self.steps.append(Call(step.primitive, inputs, step.params, (self.parts[y],), step.names))

    def part(self, t: Tensor, strides: Shape, names: tuple[str, ...]) -> Tensor:
        """Return t[::s] for an elementwise step: t itself if it is the same for all pixels, or a copy."""
        if t in self.parts:
            return self.parts[t]
        strides = tuple([s if n > 1 else 1 for n, s in zip(t.shape, strides)])
        if max(strides, default=1) == 1:
            return t
        if (t, strides) not in self.copies:
            copy = self.copies[t, strides] = Tensor(strided_shape(t.shape, strides), t.dtype)
            self.steps.append(Call(SUBSAMPLE, (t,), {"strides": strides}, (copy,), names))
        return self.copies[t, strides]


def strides_of_readers(steps: Sequence[Call], kept: Iterable[Tensor]) -> dict[Tensor, Shape]:
    """Return the strides of the pixels that are read, for each tensor whose readers all read the same pixels only."""
    strides: dict[Tensor, Shape | None] = dict.fromkeys(kept)
    for step in reversed(steps):
        skipped = strides.get(step.outputs[0])
        for i, t in enumerate(step.inputs):
            read = strides_of_input(step, i, skipped)
            strides[t] = read if strides.setdefault(t, read) == read else None
    return {t: s for t, s in strides.items() if s is not None}


def strides_of_input(step: Call, i: int, skipped: Shape | None) -> Shape | None:
    """Return the strides of the pixels that a step reads of an input, if `skipped` are the strides of its result."""
    if step.primitive.operation is Reference.conv:
        c = step.params["convolution"]
        strides = total_strides(c, skipped_outputs(c, skipped))
        return strides if i == 0 and reads_single_pixels(c) and max(strides) > 1 else None
    return skipped if is_by_pixel(step) and step.inputs[i].shape == step.outputs[0].shape else None


def skipped_outputs(c: Convolution, strides: Shape | None) -> Shape | None:
    """Return `strides` if a convolution gets faster when it skips these outputs, else None."""
    if strides is None or (max(c.size) > 1 and min(strides) == 1) or max(c.size) > MOST_TAPS:
        return None
    return strides


def total_strides(c: Convolution, skipped: Shape | None) -> Shape:
    """Return the strides of a convolution that skips outputs."""
    return c.strides if skipped is None else tuple([a * b for a, b in zip(c.strides, skipped)])


def reads_single_pixels(c: Convolution) -> bool:
    """Return True if the windows of a convolution have one pixel, inside the image."""
    return max(c.size) == 1 and not any(map(any, c.padding))


def is_by_pixel(step: Call) -> bool:
    """Return True if a pixel of the result of a step depends only on the same pixel of its inputs."""
    return (step.primitive.elementwise or step.primitive.operation in BY_PIXEL) and len(step.outputs) == 1


def strided_shape(shape: Shape, strides: Shape) -> Shape:
    """Return the shape of x[::s, ..], if x has this shape."""
    return tuple([-(-n // s) for n, s in zip(shape, strides)])


SUBSAMPLE = Primitive(Reference.subsample, lambda x, *, strides: (strided_shape(x.shape, strides), x.dtype))
