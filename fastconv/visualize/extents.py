"""Receptive fields with their places: the pixels of the input that an element of a layer's output reads."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import fastconv.layers as layers
from fastconv.engine import KerasTensor
from fastconv.layers.augmentation import RandomImageLayer
from fastconv.layers.reshape import Cropping, ZeroPadding
from fastconv.models.fields import GLOBAL, TRANSPOSED, is_pointwise, window_of
from fastconv.visualize.network import Network, Step
from fastconv.window import CONV_PADDINGS, resolve_padding


class Extent(NamedTuple):
    """The field of the elements of a tensor along an axis: element p reads `size` pixels from start + p * stride on.

    Attributes:
        start: negative if the first element reads padding.
        size: infinite if each element reads all pixels.
    """

    start: int
    size: float
    stride: int

    def through(self, taps: int, stride: int, dilation: int, before: int) -> Extent:
        """Return the extent after a window with `before` elements of padding."""
        size = self.size + (taps - 1) * dilation * self.stride
        return Extent(self.start - before * self.stride, size, self.stride * stride)

    def pixels(self, place: int, count: int) -> tuple[int, int]:
        """Return the first and the last pixel that an element reads, of an axis of `count` pixels."""
        if math.isinf(self.size):
            return 0, count - 1
        first = self.start + place * self.stride
        return first, first + int(self.size) - 1


Extents = tuple[Extent, Extent]  # of the rows and the columns

LARGE = 2**20  # pixels
PIXEL = Extent(0, 1, 1)
ALL = Extent(0, math.inf, 1)


def extents_of(owner: str, network: Network, tensor: KerasTensor) -> dict[KerasTensor, Extents]:
    """Return the extents of all tensors that are computed before a tensor, and of itself.

    Raises:
        ValueError: the field of a layer on the way is not known, or a size is not known.
    """
    known: dict[KerasTensor, Extents] = {network.inputs[0]: (PIXEL, PIXEL)}
    for step in steps_before(network, tensor):
        before = [known[t] for t in step.inputs]
        rows, columns = (_union(owner, step, axes) for axes in zip(*before))
        for t in step.outputs:
            known[t] = _after(owner, network, step, (rows, columns))
    return known


def steps_before(network: Network, tensor: KerasTensor) -> list[Step]:
    """Return the steps that a tensor depends on, in their order."""
    needed, found = {tensor}, []
    for step in reversed(network.steps):
        if not needed.isdisjoint(step.outputs):
            found.append(step)
            needed.update(step.inputs)
    return found[::-1]


def _union(owner: str, step: Step, extents: tuple[Extent, ...]) -> Extent:
    """Return the extent of elements that read an element of each input."""
    if any(math.isinf(e.size) for e in extents):
        return ALL
    if len({e.stride for e in extents}) > 1:
        raise ValueError(
            f"{owner}: the inputs of a layer must have the same stride. "
            f"Received: {step.name}, strides={[e.stride for e in extents]}"
        )
    start, end = min(e.start for e in extents), max(e.start + e.size for e in extents)
    return Extent(start, end - start, extents[0].stride)


def _after(owner: str, network: Network, step: Step, before: Extents) -> Extents:
    """Return the extents of the output of a step."""
    operation = step.operation
    if math.isinf(before[0].size) or isinstance(operation, (*GLOBAL, layers.Flatten)):
        return ALL, ALL
    if isinstance(operation, layers.Dense) and len(step.inputs[0].shape) == 2:
        return ALL, ALL
    if isinstance(operation, (ZeroPadding, Cropping)):
        sign = -1 if isinstance(operation, ZeroPadding) else 1
        sides = operation.padding if isinstance(operation, ZeroPadding) else operation.cropping
        rows, columns = (e._replace(start=e.start + sign * side[0] * e.stride) for e, side in zip(before, sides))
        return rows, columns
    window = None if isinstance(operation, TRANSPOSED) else window_of(operation)
    if window is not None:
        rows, columns = (
            extent.through(*axis, pad)
            for extent, axis, pad in zip(before, window, _padding(owner, network, step, window))
        )
        return rows, columns
    passes = isinstance(operation, RandomImageLayer) and not isinstance(operation, layers.RandomCrop)
    if not passes and not is_pointwise(operation) and not isinstance(operation, layers.Dense):
        raise ValueError(
            f"{owner}: layers must have windows, or read a single place of their input. "
            f"Received: {step.name} ({type(operation).__name__})"
        )
    return before


def _padding(owner: str, network: Network, step: Step, window: list[tuple[int, int, int]]) -> list[int]:
    """Return the number of padded rows before the first row, and of columns before the first column."""
    shape: tuple[Any, ...] = step.inputs[0].shape
    sizes = shape[2:] if network.channels_first else shape[1:-1]
    taps, strides, dilation = zip(*window)
    padding = step.operation.padding
    if None in sizes and padding == "same" and max(strides) > 1:
        raise ValueError(
            f'{owner}: the size of images must be known if padding is "same" and strides are above 1. '
            f"Received: {step.name}, inputs of shape {shape}"
        )
    sizes = [LARGE if n is None else n for n in sizes]  # the padding is the same for all sizes
    sides = resolve_padding(owner, padding, sizes, taps, strides, dilation, CONV_PADDINGS)
    return [before for before, _ in sides]
