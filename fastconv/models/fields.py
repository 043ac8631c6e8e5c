"""Receptive fields: the part of a model's input on which an element of a layer's output depends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import fastconv.layers as layers
from fastconv.layers.conv import Windowed
from fastconv.typing import Shape


class Reach(NamedTuple):
    """The inputs that elements of a layer's output read along an axis of the model's input.

    Attributes:
        extent: the distance in pixels of the input from the first to the last pixel that an element reads; infinite if
            it reads all. It is a fraction after layers that make images larger.
        jump: the distance between the first pixels of neighbouring elements.
    """

    extent: float
    jump: float

    def through(self, taps: int, stride: int, dilation: int) -> Reach:
        """Return the reach after a window of `taps` elements."""
        return Reach(self.extent + (taps - 1) * dilation * self.jump, self.jump * stride)

    def spread(self, taps: int, stride: int, dilation: int) -> Reach:
        """Return the reach after a transposed convolution, in whose output a window starts at each `stride`."""
        jump = self.jump / stride
        return Reach(self.extent + (taps - 1) * dilation * jump, jump)


Field = tuple[Reach, ...] | None  # for each spatial axis; None if it is not known

PIXEL = Reach(0.0, 1.0)
EVERYTHING = Reach(math.inf, 1.0)
ROUNDING = 1e-6  # of extents

# Layers whose elements read a single place of each input. Layers that normalize over other axes than channels are not.
POINTWISE = (
    layers.Activation, layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU, layers.Softmax, layers.Maxout,
    layers.BatchNormalization, layers.LocalResponseNormalization, layers.Dropout, layers.SpatialDropout1D,
    layers.SpatialDropout2D, layers.SpatialDropout3D, layers.AlphaDropout, layers.GaussianDropout, layers.GaussianNoise,
    layers.ActivityRegularization, layers.Identity, layers.Rescaling, layers.Normalization, layers.Add, layers.Subtract,
    layers.Multiply, layers.Average, layers.Maximum, layers.Minimum, layers.Concatenate, layers.Flatten,
    layers.ZeroPadding1D, layers.ZeroPadding2D, layers.ZeroPadding3D, layers.Cropping1D, layers.Cropping2D,
    layers.Cropping3D, layers.RandomContrast, layers.RandomBrightness, layers.InputLayer,
)  # fmt: skip
POINTWISE_OPS = ("fastconv.ops.activation", "fastconv.ops.elementwise")


def spatial_axes(rank: int, data_format: str) -> range:
    """Return the spatial axes of an array with `rank` axes; for a batch of vectors, the axis of their elements."""
    if rank <= 2:
        return range(1, rank)
    return range(1, rank - 1) if data_format == "channels_last" else range(2, rank)


def field_after(operation: Any, fields: Sequence[Field], rank: int) -> Field:
    """Return the receptive field of the output of a layer or op, for the fields of its inputs.

    Args:
        operation: a layer, or a function of ops.
        fields: the receptive fields of its inputs.
        rank: the number of axes of its first input.
    """
    before = _union(fields)
    if before is None or all(reach.extent == math.inf for reach in before):
        return before
    if isinstance(operation, layers.Dense):
        return before if rank > 2 else (EVERYTHING,) * len(before)
    if isinstance(operation, GLOBAL):
        return (EVERYTHING,) * len(before)
    window = window_of(operation)
    if window is not None:
        transposed = isinstance(operation, TRANSPOSED)
        moved = Reach.spread if transposed else Reach.through
        return tuple(moved(r, *axis) for r, axis in zip(before, window)) if len(window) == len(before) else None
    return before if is_pointwise(operation) else None


GLOBAL = (
    layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D, layers.GlobalAveragePooling3D,
    layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D, layers.GlobalMaxPooling3D,
)  # fmt: skip
UPSAMPLING = (layers.UpSampling1D, layers.UpSampling2D, layers.UpSampling3D)
TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose, *UPSAMPLING)


def is_pointwise(operation: Any) -> bool:
    """Return True if elements of the output read a single place of each input."""
    if isinstance(operation, layers.Layer):
        return isinstance(operation, POINTWISE)
    return operation.__module__ in POINTWISE_OPS or operation.__name__ == "concatenate"


def window_of(operation: Any) -> list[tuple[int, int, int]] | None:
    """Return (taps, stride, dilation) of each spatial axis of a layer with a window, or None."""
    if isinstance(operation, Windowed):
        return list(zip(operation.kernel_size, operation.strides, operation.dilation_rate))
    if isinstance(operation, (layers.LocallyConnected1D, layers.LocallyConnected2D)):
        return [(k, s, 1) for k, s in zip(operation.kernel_size, operation.strides)]
    if hasattr(operation, "pool_size"):
        return [(k, s, 1) for k, s in zip(operation.pool_size, operation.strides)]
    if isinstance(operation, UPSAMPLING) and getattr(operation, "interpolation", "nearest") == "nearest":
        return [(n, n, 1) for n in operation.sizes()]
    return None


def _union(fields: Sequence[Field]) -> Field:
    """Return the receptive field of elements that read one element of each input; None if axes do not correspond."""
    if not fields or any(field is None or len(field) != len(fields[0] or ()) for field in fields):
        return None
    axes = zip(*(field for field in fields if field is not None))
    return tuple(max(reaches, key=lambda reach: reach.extent) for reaches in axes)


def size_of(field: Field, input_sizes: Sequence[int]) -> Shape | None:
    """Return the size of a receptive field in pixels, along each axis of an input of these sizes."""
    if field is None or len(field) != len(input_sizes):
        return None
    return tuple(n if r.extent == math.inf else math.floor(r.extent + ROUNDING) + 1 for r, n in zip(field, input_sizes))
