"""Counts of all layers of a model, found from shapes: weights need no memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import fastconv.config as config
import fastconv.layers as layers
from fastconv.engine.symbolic import KerasTensor, Node
from fastconv.engine.tree import leaves
from fastconv.layers.base import Layer, shapes_only
from fastconv.layers.regularization import Disturbance
from fastconv.layers.reshape import Bordered, UpSampling
from fastconv.models.connections import Work, work_of
from fastconv.models.fields import PIXEL, Field, field_after, size_of, spatial_axes
from fastconv.models.summary import print_summary
from fastconv.typing import AnyModel, PartialShape, Shape, ShapeLike
from fastconv.utils.layer_counts import LayerCounts

# Layers that only move, copy or leave out numbers, outside training.
MOVING = (
    layers.Identity, layers.Flatten, layers.Reshape, layers.Permute, layers.RepeatVector, Bordered, UpSampling,
    layers.Concatenate, Disturbance, layers.GaussianNoise,
)  # fmt: skip


@contextlib.contextmanager
def built(model: AnyModel, input_shape: ShapeLike | None) -> Iterator[None]:
    """Inside `with`, a model that is not built is built for inputs of a shape, without memory for its weights."""
    if model.built or input_shape is None:
        yield
        return
    with shapes_only(model):
        model.build(tuple(input_shape))
        yield


def count_layers(model: AnyModel, input_shape: ShapeLike | None = None) -> list[LayerCounts]:
    """Return the counts of each layer of a model; see `Model.counts`."""
    with built(model, input_shape):
        return list(counts_of(model, input_shape))


def print_counts(model: AnyModel, show_counts: bool, input_shape: ShapeLike | None, shown: tuple[Any, ...]) -> None:
    """Print the table of `Model.summary` with counts, or for an input shape; `shown` are its other arguments."""
    with built(model, input_shape):
        counts = list(counts_of(model, input_shape)) if show_counts else None
        line_length, positions, print_fn, expand_nested, show_trainable, layer_range = shown
        print_summary(model, line_length, positions, print_fn, expand_nested, show_trainable, layer_range, counts)


def counts_of(model: AnyModel, input_shape: ShapeLike | None = None) -> Iterator[LayerCounts]:
    """Yield the counts of each layer of a built model."""
    if not model.nodes:
        raise ValueError(
            f"{model.name}: only models whose layers are a graph can be counted: Sequential and functional models. A "
            f"Sequential without Input needs an input_shape. Received: {type(model).__name__}, {input_shape=}"
        )
    inputs = [t if input_shape is None else KerasTensor(input_shape, t.dtype) for t in model.inputs]
    if any(None in t.shape[1:] for t in inputs):
        raise ValueError(
            f"{model.name}: counting needs inputs of known sizes; give input_shape. "
            f"Received: shapes={[t.shape for t in inputs]}, {input_shape=}"
        )
    if len(inputs) > 1 and input_shape is not None:
        raise ValueError(f"{model.name}: input_shape is for a single input. Received: {len(inputs)} inputs")
    yield from Walk(model, inputs).run(model, inputs, [_first_field(t.shape) for t in inputs])


class Walk:
    """A walk along the graph of a model with the shapes and receptive fields of its tensors.

    Attributes:
        sizes: the spatial sizes of the model's first input, to which fields that contain all inputs are equal.
    """

    def __init__(self, model: AnyModel, inputs: Sequence[KerasTensor]) -> None:
        formats = [layer.data_format for layer in model.layers if hasattr(layer, "data_format")]
        axes = spatial_axes(inputs[0].ndim, (formats or [config.image_data_format()])[0])
        self.sizes = [inputs[0].shape[axis] or 1 for axis in axes]
        self.counted: set[Layer] = set()  # layers whose weights are counted; a shared layer counts once

    def run(
        self, model: AnyModel, inputs: Sequence[KerasTensor], fields: Sequence[Field], prefix: str = ""
    ) -> Iterator[LayerCounts]:
        """Yield the counts of the layers of `model`, for inputs with these shapes and receptive fields."""
        self.outputs = list(fields)
        values = dict(zip(model.inputs, inputs))
        found: dict[KerasTensor, Field] = dict(zip(model.inputs, fields))
        for node in model.nodes:
            given = [found[t] for t in node.inputs]
            shapes = [values[t].shape for t in node.inputs]
            values.update(zip(node.outputs, _results(node, values)))
            if getattr(node.operation, "nodes", ()):
                inner = [values[t] for t in node.inputs]
                yield from self.run(node.operation, inner, given, f"{prefix}{node.operation.name}/")
                after = self.outputs
            else:
                after = [field_after(node.operation, given, len(shapes[0]))] * len(node.outputs)
                if isinstance(node.operation, Layer):
                    yield self._counts(node, prefix, shapes[0], values[node.outputs[0]].shape, after[0])
            found.update(zip(node.outputs, after))
        self.outputs = [found[t] for t in model.outputs]

    def _counts(self, node: Node, prefix: str, x: PartialShape, y: PartialShape, field: Field) -> LayerCounts:
        layer: Any = node.operation
        work = work_of(layer, _known(x), _known(y)) if None not in (*x[1:], *y[1:]) else Work()
        weights = 0 if layer in self.counted else layer.count_params()
        neurons = 0 if moves_only(layer) else prod(_known(y))
        self.counted.add(layer)
        return LayerCounts(
            prefix + layer.name, type(layer).__name__, y, work.window, work.formulas, weights,
            work.weights_formula, neurons, work.connections, work.multiply_adds, size_of(field, self.sizes),
        )  # fmt: skip


def moves_only(layer: Layer) -> bool:
    """Return whether a layer only moves numbers: if so, it has no neurons."""
    return isinstance(layer, MOVING) and getattr(layer, "interpolation", "nearest") == "nearest"


def _results(node: Node, values: dict[KerasTensor, KerasTensor]) -> list[KerasTensor]:
    """Return the outputs of a node for `values` in place of its inputs."""
    unchanged = all(values[t].shape == t.shape for t in node.inputs)
    return node.outputs if unchanged else leaves(node.run(values))


def _known(shape: PartialShape) -> Shape:
    """Return a shape without its batch; unknown sizes count as 1."""
    return tuple(n or 1 for n in shape[1:])


def _first_field(shape: PartialShape) -> Field:
    return (PIXEL,) * max(len(shape) - 2, 1)
