"""Create the twin of a model in PyTorch: the same layers, with copies of the weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.nets import modules
from fastconv import layers
from fastconv.engine import KerasTensor
from fastconv.window import Sides, named_padding

NONE: Sides = ((0, 0), (0, 0))


def twin_of(model: Any) -> modules.Twin:
    """Return a module that computes the outputs of `model`, which ends in a softmax. Its inputs are channels first.

    Raises:
        ValueError: the model has a layer or an option for which there is no rule.
    """
    return Graph(model).twin()


class Graph:
    """The steps of a twin while it is created.

    Attributes:
        places: the number of the result that stands for a symbolic tensor.
        padding: zeros around a tensor that its readers add, which saves a copy.
        shapes: the shape (H, W, C) of a tensor before it was flattened.
    """

    def __init__(self, model: Any) -> None:
        self.nodes = model.nodes
        self.readers = Counter(id(t) for node in self.nodes for t in node.inputs)
        self.places: dict[KerasTensor, int] = {self.nodes[0].inputs[0]: 0}
        self.padding: dict[KerasTensor, Sides] = {}
        self.shapes: dict[KerasTensor, tuple[int, ...]] = {}
        self.steps: list[nn.Module] = []
        self.reads: list[list[int]] = []

    def twin(self) -> modules.Twin:
        for node in self.nodes:
            if type(node.operation) not in RULES:
                raise ValueError(f"twin_of: there is no rule for a layer. Received: {node.operation!r}")
            self.add(node, RULES[type(node.operation)](self, node.operation, node))
        return modules.Twin(self.steps, self.reads)

    def add(self, node: Any, made: list[nn.Module]) -> None:
        """Append the modules of a node; the first module reads the inputs of the node."""
        reads = [self.places[t] for t in node.inputs]
        for module in made + activation(node, self):
            self.steps.append(module)
            self.reads.append(reads)
            reads = [len(self.steps)]
        self.places[node.outputs[0]] = reads[0]

    def may_overwrite(self, node: Any) -> bool:
        """Return whether no other node reads the input of this node."""
        return self.readers[id(node.inputs[0])] == 1

    def window(self, layer: Any, node: Any) -> Sides:
        """Return the padding of a window, with the padding that its input still needs."""
        (x,) = node.inputs
        sides = named_padding(layer.padding, x.shape[1:3], size_of(layer), layer.strides, (1, 1))
        return tuple((a + b, c + d) for (a, c), (b, d) in zip(sides, self.padding.get(x, NONE)))  # type: ignore[return-value]


def size_of(layer: Any) -> tuple[int, int]:
    return layer.pool_size if hasattr(layer, "pool_size") else layer.kernel_size


def activation(node: Any, graph: Graph) -> list[nn.Module]:
    """Return the activation of a layer; a softmax at the end of the model is left to `Twin`."""
    name = getattr(getattr(node.operation, "activation", None), "__name__", "linear")
    if name == "linear" or (name == "softmax" and node is graph.nodes[-1]):
        return []
    in_place = type(node.operation) is not layers.Activation or graph.may_overwrite(node)
    return [ACTIVATIONS[name](in_place)]


ACTIVATIONS: dict[str, Callable[[bool], nn.Module]] = {
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "tanh": lambda in_place: nn.Tanh(),
    "sigmoid": lambda in_place: nn.Sigmoid(),
}


# ---- weights ---------------------------------------------------------------------------------------------------------


def tensor(array: Any, *axes: int) -> nn.Parameter:
    """Return a copy of a weight with its axes in the given order."""
    array = np.asarray(array)
    return nn.Parameter(torch.from_numpy(np.ascontiguousarray(array.transpose(axes or None) if axes else array).copy()))


def with_weights(module: Any, layer: Any, weight: nn.Parameter) -> Any:
    module.weight = weight
    if layer.use_bias:
        module.bias = tensor(layer.bias)
    return module


# ---- rules -----------------------------------------------------------------------------------------------------------


def zeros_around(sides: Sides) -> tuple[list[nn.Module], tuple[int, int]]:
    """Return a module that pads if a convolution cannot, and the padding of the convolution."""
    if all(before == after for before, after in sides):
        return [], (sides[0][0], sides[1][0])
    (top, bottom), (left, right) = sides
    return [nn.ZeroPad2d((left, right, top, bottom))], (0, 0)


def conv(graph: Graph, layer: Any, node: Any) -> list[nn.Module]:
    made, padding = zeros_around(graph.window(layer, node))
    inputs = node.inputs[0].shape[-1]
    how = {"stride": layer.strides, "padding": padding, "groups": layer.groups, "bias": layer.use_bias}
    module = nn.Conv2d(inputs, layer.filters, layer.kernel_size, **how)
    return [*made, with_weights(module, layer, tensor(layer.kernel, 3, 2, 0, 1))]


def depthwise_conv(graph: Graph, layer: Any, node: Any) -> list[nn.Module]:
    made, module = depthwise(graph, layer, node, layer.use_bias)
    return [*made, with_weights(module, layer, tensor(layer.kernel, 2, 3, 0, 1))]


def depthwise(graph: Graph, layer: Any, node: Any, use_bias: bool) -> tuple[list[nn.Module], nn.Conv2d]:
    if layer.depth_multiplier != 1:
        raise ValueError(f"twin_of: depth_multiplier must be 1. Received: {layer.depth_multiplier}")
    made, padding = zeros_around(graph.window(layer, node))
    channels = node.inputs[0].shape[-1]
    how = {"stride": layer.strides, "padding": padding, "groups": channels, "bias": use_bias}
    return made, nn.Conv2d(channels, channels, layer.kernel_size, **how)


def separable_conv(graph: Graph, layer: Any, node: Any) -> list[nn.Module]:
    made, module = depthwise(graph, layer, node, False)
    module.weight = tensor(layer.depthwise_kernel, 2, 3, 0, 1)
    pointwise = nn.Conv2d(module.out_channels, layer.filters, 1, bias=layer.use_bias)
    return [*made, module, with_weights(pointwise, layer, tensor(layer.pointwise_kernel, 3, 2, 0, 1))]


def conv_transpose(graph: Graph, layer: Any, node: Any) -> list[nn.Module]:
    if layer.kernel_size != layer.strides:
        raise ValueError(f"twin_of: kernel_size must equal strides. Received: {layer.kernel_size}, {layer.strides}")
    module = nn.ConvTranspose2d(
        node.inputs[0].shape[-1], layer.filters, layer.kernel_size, layer.strides, bias=layer.use_bias
    )
    return [with_weights(module, layer, tensor(layer.kernel, 3, 2, 0, 1))]


def dense(graph: Graph, layer: Any, node: Any) -> list[nn.Module]:
    (x,) = node.inputs
    kernel = np.asarray(layer.kernel)
    if x in graph.shapes:  # channels come first in the rows of the twin
        rows = np.arange(len(kernel)).reshape(graph.shapes[x]).transpose(2, 0, 1).reshape(-1)
        kernel = kernel[rows]
    module = nn.Linear(*kernel.shape, bias=layer.use_bias)
    return [with_weights(module, layer, tensor(kernel, 1, 0))]


def batch_normalization(graph: Graph, layer: Any, node: Any) -> list[nn.Module]:
    module = nn.BatchNorm2d(node.inputs[0].shape[-1], layer.epsilon, 1 - layer.momentum)
    if layer.scale:
        module.weight = tensor(layer.gamma)
    module.weight.requires_grad_(layer.scale)
    module.bias = tensor(layer.beta)
    module.running_mean, module.running_var = tensor(layer.moving_mean).data, tensor(layer.moving_variance).data
    return [module]


def max_pool(graph: Graph, layer: Any, node: Any) -> list[nn.Module]:
    """Zeros around the inputs never win: the nets have a ReLU before them."""
    sides = graph.window(layer, node)
    only_after = all(before == 0 for before, _ in sides)  # the last window ends outside
    if not only_after and any(before != after for before, after in sides):
        raise ValueError(f"twin_of: padding must be even, or only after the inputs. Received: {sides}")
    padding = (0, 0) if only_after else (sides[0][0], sides[1][0])
    is_padded = sides != NONE and only_after
    return [nn.MaxPool2d(layer.pool_size, layer.strides, padding, ceil_mode=is_padded)]


def average_pool(graph: Graph, layer: Any, node: Any) -> list[nn.Module]:
    made, padding = zeros_around(graph.window(layer, node))
    if made:
        raise ValueError(f"twin_of: average pooling must have even padding. Received: {layer!r}")
    return [nn.AvgPool2d(layer.pool_size, layer.strides, padding, count_include_pad=False)]


def global_average_pool(graph: Graph, layer: Any, node: Any) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten()]


def zero_padding(graph: Graph, layer: Any, node: Any) -> list[nn.Module]:
    graph.padding[node.outputs[0]] = layer.padding
    return []


def flatten(graph: Graph, layer: Any, node: Any) -> list[nn.Module]:
    graph.shapes[node.outputs[0]] = node.inputs[0].shape[1:]
    return [nn.Flatten()]


def reshape(graph: Graph, layer: Any, node: Any) -> list[nn.Module]:
    if layer.target_shape[:2] != (1, 1):
        raise ValueError(f"twin_of: target_shape must be (1, 1, C). Received: {layer.target_shape}")
    return [nn.Unflatten(1, (layer.target_shape[2], 1, 1))]


def relu(graph: Graph, layer: Any, node: Any) -> list[nn.Module]:
    in_place = graph.may_overwrite(node)
    if layer.negative_slope or layer.threshold or layer.max_value not in (None, 6):
        raise ValueError(f"twin_of: there is no rule for the options of a layer. Received: {layer!r}")
    return [nn.ReLU6(in_place) if layer.max_value else nn.ReLU(in_place)]


def dropout(graph: Graph, layer: Any, node: Any) -> list[nn.Module]:
    return [modules.DropSamples(layer.rate) if layer.noise_shape else nn.Dropout(layer.rate)]


def rescaling(graph: Graph, layer: Any, node: Any) -> list[nn.Module]:
    return [modules.Affine(torch.tensor(float(layer.scale)), torch.tensor(float(layer.offset)))]


def normalization(graph: Graph, layer: Any, node: Any) -> list[nn.Module]:
    factor = 1 / np.sqrt(np.asarray(layer.adapt_variance))
    offset = -np.asarray(layer.adapt_mean) * factor
    return [modules.Affine(*(tensor(array.reshape(-1, 1, 1)).data for array in (factor, offset)))]


RULES: dict[type, Callable[[Graph, Any, Any], list[nn.Module]]] = {
    layers.Activation: lambda graph, layer, node: [],
    layers.Add: lambda graph, layer, node: [modules.Add()],
    layers.AveragePooling2D: average_pool,
    layers.BatchNormalization: batch_normalization,
    layers.Concatenate: lambda graph, layer, node: [modules.Concatenate()],
    layers.Conv2D: conv,
    layers.Conv2DTranspose: conv_transpose,
    layers.Dense: dense,
    layers.DepthwiseConv2D: depthwise_conv,
    layers.Dropout: dropout,
    layers.Flatten: flatten,
    layers.GlobalAveragePooling2D: global_average_pool,
    layers.MaxPooling2D: max_pool,
    layers.Multiply: lambda graph, layer, node: [modules.Multiply()],
    layers.Normalization: normalization,
    layers.ReLU: relu,
    layers.Rescaling: rescaling,
    layers.Reshape: reshape,
    layers.SeparableConv2D: separable_conv,
    layers.ZeroPadding2D: zero_padding,
}
