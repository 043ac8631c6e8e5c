"""The connections and multiply-adds of layers, and the formulas of their sizes, from shapes only."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import fastconv.layers as layers
from fastconv.geometry import Convolution
from fastconv.layers.conv import Conv, ConvTranspose, DepthwiseConv, SeparableConv, Windowed
from fastconv.layers.local import LocallyConnected
from fastconv.layers.pool import GlobalPooling, Pooling
from fastconv.models.fields import spatial_axes
from fastconv.typing import Shape
from fastconv.window import CONV_PADDINGS, Sides, resolve_padding, resolve_transposed, size_formula


class Work(NamedTuple):
    """What a layer computes for a sample; see `utils.LayerCounts`."""

    connections: int = 0
    multiply_adds: int = 0
    weights_formula: str = ""
    window: Shape | None = None
    formulas: tuple[str, ...] = ()


def work_of(layer: Any, x: Shape, y: Shape) -> Work:
    """Return the work of a layer on an input of shape x, whose output has the shape y; both without batch."""
    if isinstance(layer, layers.Dense):
        return _dense(layer, x, y)
    if isinstance(layer, ConvTranspose):
        return _transposed(layer, x, y)
    if isinstance(layer, (Windowed, LocallyConnected, Pooling)):
        return _windowed(layer, x, y)
    return Work(connections=prod(x)) if isinstance(layer, GlobalPooling) else Work()


def _dense(layer: Any, x: Shape, y: Shape) -> Work:
    products = prod(x) * layer.units
    return Work(products, products, _times([x[-1]], layer.units, layer.use_bias))


def _windowed(layer: Any, x: Shape, y: Shape) -> Work:
    """Return the work of a convolution, a locally connected layer or a pooling."""
    window, sides = _geometry(layer, x)
    (inputs, channels), (outputs, filters) = (_split(shape, layer.data_format) for shape in (x, y))
    size, strides, dilation = window
    convolution = Convolution(1, inputs, outputs, channels, (*size, 1, 1), strides, sides, dilation)
    inside, padded = convolution.products, prod(outputs) * prod(size)  # pairs of a pixel and a tap
    formulas = tuple(
        f"{size_formula(n, k, s, side, d)}{_rounded(n, k, s, side, d, out)}"
        for n, k, s, side, d, out in zip(inputs, size, strides, sides, dilation, outputs)
    )
    per_pixel, weights = _per_pixel(layer, size, channels, filters, prod(outputs))
    if isinstance(layer, Pooling):
        return Work(inside * channels, 0, "", size, formulas)
    mixing = prod(outputs) * channels * getattr(layer, "depth_multiplier", 1) * filters
    extra = mixing if isinstance(layer, SeparableConv) else 0
    return Work(inside * per_pixel + extra, padded * per_pixel + extra, weights, size, formulas)


def _per_pixel(layer: Any, size: Shape, channels: int, filters: int, places: int) -> tuple[int, str]:
    """Return the products of a tap with a pixel, and the formula of the weights."""
    bias = getattr(layer, "use_bias", False)
    if isinstance(layer, SeparableConv):
        m = channels * layer.depth_multiplier
        depthwise, pointwise = "*".join(map(str, [*size, m])), _times([m], filters, bias).partition(" = ")[0]
        return m, f"{depthwise} + {pointwise} = {prod(size) * m + (m + bias) * filters:,}"
    if isinstance(layer, DepthwiseConv):
        return filters, _times(size, filters, bias)
    if isinstance(layer, Conv):
        ci, used = channels // layer.groups, layer.kernel.size // prod(size)
        known = used == ci * filters  # a subclass may have a kernel of its own, each of whose weights a pixel uses once
        return used, _times([*size, ci], filters, bias) if known else ""
    if isinstance(layer, LocallyConnected):
        return channels * filters, _times([*size, channels], places * filters, bias)
    return 0, ""


def _transposed(layer: Any, x: Shape, y: Shape) -> Work:
    (inputs, channels), (outputs, filters) = (_split(shape, layer.data_format) for shape in (x, y))
    size, strides, dilation = layer.kernel_size, layer.strides, layer.dilation_rate
    _, sides = resolve_transposed(layer.name, layer.padding, layer.output_padding, inputs, size, strides, dilation)
    back = Convolution(1, outputs, inputs, filters, (*size, 1, 1), strides, sides, dilation)
    weights = _times([*size, channels], filters, layer.use_bias)
    same = layer.padding == "same"
    formulas = tuple(
        f"{n}*{s} = {out}" if same and out == n * s else f"({n} - 1)*{s} + {k}{_less((n - 1) * s + k - out)} = {out}"
        for n, k, s, out in zip(inputs, size, strides, outputs)
    )
    return Work(
        back.products * channels * filters, prod(inputs) * prod(size) * channels * filters, weights, size, formulas
    )


def _geometry(layer: Any, x: Shape) -> tuple[tuple[Shape, Shape, Shape], Sides]:
    """Return the window of a layer (size, strides, dilation), and the zeros at each side of its input of shape x."""
    size = layer.pool_size if isinstance(layer, Pooling) else layer.kernel_size
    dilation = getattr(layer, "dilation_rate", (1,) * len(size))
    window = (size, layer.strides, dilation)
    inputs, _ = _split(x, layer.data_format)
    return window, resolve_padding(layer.name, layer.padding, inputs, *window, CONV_PADDINGS)


def _split(shape: Shape, data_format: str) -> tuple[Shape, int]:
    """Return the spatial sizes and the channels of a shape without batch."""
    spatial = spatial_axes(len(shape) + 1, data_format)
    sizes = tuple(shape[axis - 1] for axis in spatial)
    return sizes, shape[-1 if data_format == "channels_last" else 0]


def _times(factors: Sequence[int], filters: int, use_bias: bool) -> str:
    """Return "(5*5*3 + 1)*10 = 760" for weights that each of `filters` outputs has."""
    product = "*".join(map(str, factors))
    inner = f"({product} + 1)" if use_bias else product
    return f"{inner}*{filters} = {(prod(factors) + use_bias) * filters:,}"


def _rounded(n: int, k: int, s: int, side: tuple[int, int], d: int, out: int) -> str:
    """Return a note on a quotient that is not an integer."""
    uneven = (n + sum(side) - (k - 1) * d - 1) % s
    return f", rounded down to {out}" if uneven else ""


def _less(cut: int) -> str:
    """Return " - 1" for a pixel that is cut off, " + 1" for a pixel that is added, and nothing for 0."""
    return f" - {cut}" if cut > 0 else f" + {-cut}" if cut < 0 else ""
