"""A model as a list of steps from its inputs to its outputs, in which nested models are opened."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import fastconv.activations as activations
import fastconv.config as config
import fastconv.layers as layers
import fastconv.models as models
from fastconv.backends.gpu.transfer import to_current_device, to_host
from fastconv.device import gpu_number
from fastconv.engine import KerasTensor, value_and_grad
from fastconv.engine.stateless import run_on
from fastconv.engine.symbolic import Node, substitute
from fastconv.engine.tree import leaves, ordered
from fastconv.layers.base import map_shapes
from fastconv.models.functional import nodes_between
from fastconv.typing import AnyModel, Array

Values = dict[KerasTensor, Array]
MOST_IMAGES, MOST_NUMBERS = 64, 2**20  # of images that are computed at once
BOUNDED = ("softmax", "sigmoid")  # activations whose input is the score of a class


@dataclass(frozen=True, eq=False)
class Step:
    """The call of a layer or function: ``outputs = operation(*args, **kwargs)``.

    Attributes:
        name: the name of the layer; "encoder/conv1" for a layer of a nested model.
        inputs: the symbolic tensors among the arguments.
    """

    name: str
    operation: Any
    args: tuple
    kwargs: dict[str, Any]
    outputs: list[KerasTensor]

    @property
    def inputs(self) -> list[KerasTensor]:
        return [t for t in leaves([self.args, self.kwargs]) if isinstance(t, KerasTensor)]

    def run(self, values: Mapping[KerasTensor, Array]) -> list[Array]:
        """Return the outputs for the values of the inputs, in inference mode."""
        args, kwargs = substitute((self.args, self.kwargs), values.__getitem__)
        if isinstance(self.operation, layers.Layer):
            kwargs = {**kwargs, "training": False}
        return leaves(self.operation(*args, **kwargs))


@dataclass(frozen=True, eq=False)
class Place:
    """A layer, or a nested model, in a network.

    Attributes:
        name: as in `Step`.
        outputs: the symbolic tensors that it computes.
    """

    name: str
    operation: Any
    outputs: list[KerasTensor]


@dataclass(frozen=True, eq=False)
class Network:
    """The steps of a model.

    Attributes:
        name: the name of the model.
        places: the layers and nested models, in the order of computation.
    """

    name: str
    inputs: list[KerasTensor]
    steps: list[Step]
    outputs: list[KerasTensor]
    places: list[Place]

    @property
    def channels_first(self) -> bool:
        """Whether images have the axes (channel, height, width)."""
        formats = [format for s in self.steps if (format := getattr(s.operation, "data_format", None))]
        return (formats[0] if formats else config.image_data_format()) == "channels_first"

    def given(self, inputs: Sequence[np.ndarray]) -> Values:
        """Return the values of the inputs only, on the device on which models compute."""
        return dict(zip(self.inputs, map(to_current_device, inputs)))

    def run(self, inputs: Sequence[np.ndarray]) -> Values:
        """Return the values of all tensors."""
        given = self.given(inputs)
        return self.run_again({}, given) if gpu_number() is None else self._run_traced(given)

    def _run_traced(self, given: Values) -> Values:
        """Return the values of all tensors; the trace reads variables on the device of the inputs, but copies them."""
        tensors = [*self.inputs, *(t for step in self.steps for t in step.outputs)]

        def computed(*inputs: Array) -> list[Array]:
            found = self.run_again({}, dict(zip(self.inputs, inputs)))
            return [found[t] for t in tensors]

        return dict(zip(tensors, run_on((), computed, *given.values())[0]))

    def run_again(self, values: Values, changed: Values) -> Values:
        """Return the values if some tensors have other values; only steps that depend on these run."""
        found, touched = {**values, **changed}, set(changed)
        for step in self.steps:
            if not touched.isdisjoint(step.inputs) and changed.keys().isdisjoint(step.outputs):
                found.update(zip(step.outputs, step.run(found)))
                touched.update(step.outputs)
        return found

    def gradient(self, score: Callable[[Values], Array], values: Values, at: KerasTensor) -> np.ndarray:
        """Return the gradient of `score`, a scalar function of all values, with respect to the tensor `at`."""
        return self.value_and_gradient(score, values, at)[1]

    def value_and_gradient(
        self, score: Callable[[Values], Array], values: Values, at: KerasTensor
    ) -> tuple[float, np.ndarray]:
        """Return the score and its gradient."""
        value, gradient = value_and_grad(lambda x: score(self.run_again(values, {at: x})))(values[at])
        return float(value), to_host(gradient)


def images_at_once(image: np.ndarray) -> int:
    """Return the number of images to compute at once: fewer if they are large, since all outputs stay in memory."""
    return max(1, min(MOST_IMAGES, MOST_NUMBERS // image.size))


def batches(images: np.ndarray) -> list[np.ndarray]:
    """Return parts of a batch that are computed at once."""
    size = images_at_once(images[0])
    return [images[i : i + size] for i in range(0, len(images), size)]


def network_of(owner: str, model: AnyModel) -> Network:
    """Return the steps of a model.

    Raises:
        TypeError: `model` is not a model.
        ValueError: it is not built, or its `call` cannot be applied to symbolic tensors.
    """
    if not isinstance(model, models.Model):
        raise TypeError(f"{owner}: model must be a Model. Received: {type(model).__name__}")
    if not model.built:
        raise ValueError(
            f"{owner}: the model must be built; call model.build(input_shape), or begin it with Input(shape). "
            f"Received: {model.name}, which has no weights yet"
        )
    inputs, nodes, outputs = _graph(owner, model)
    opened = _Opened(owner)
    renamed = {t: t for t in inputs}
    steps = list(opened.steps(nodes, renamed, ""))
    return Network(model.name, inputs, steps, [renamed[t] for t in outputs], opened.places)


def _graph(owner: str, model: AnyModel) -> tuple[list[KerasTensor], list[Node], list[KerasTensor]]:
    """Return the inputs, nodes and outputs of a model; the `call` of a subclass is applied to symbolic tensors."""
    if getattr(model, "outputs", None) and type(model).call in (models.Functional.call, models.Sequential.call):
        return model.inputs, model.nodes, model.outputs
    try:
        inputs = map_shapes(lambda shape: KerasTensor(shape, model.dtype), model.build_shape)
        outputs = leaves(model.call(inputs))
        return leaves(inputs), nodes_between(leaves(inputs), outputs), outputs
    except Exception as error:
        raise ValueError(
            f"{owner}: the model must be a graph of layers; its call must consist of layers and ops. "
            f"Received: {model.name} ({type(model).__name__}): {error}"
        ) from error


class _Opened:
    """Copies the nodes of a graph into steps, and those of nested models in their place.

    Attributes:
        places: as in `Network`; complete when all steps have been read.
    """

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.places: list[Place] = []

    def steps(self, nodes: Collection[Node], renamed: dict[KerasTensor, KerasTensor], prefix: str) -> Iterator[Step]:
        """Yield the steps of nodes; `renamed` has the tensors of this graph, since a model may be applied twice."""
        for node in nodes:
            name = prefix + (getattr(node.operation, "name", None) or node.operation.__name__)
            args, kwargs = substitute((node.args, node.kwargs), renamed.__getitem__)
            if isinstance(node.operation, models.Model):
                inputs, inner, outputs = _graph(self.owner, node.operation)
                inside = dict(zip(inputs, leaves(ordered(list(args)))))
                yield from self.steps(inner, inside, f"{name}/")
                renamed.update(zip(node.outputs, [inside[t] for t in outputs]))
            else:
                renamed.update((t, KerasTensor(t.shape, t.dtype, name=t.name)) for t in node.outputs)
                yield Step(name, node.operation, args, kwargs, [renamed[t] for t in node.outputs])
            self.places.append(Place(name, node.operation, [renamed[t] for t in node.outputs]))


def without_last_activation(network: Network) -> Network:
    """Return the network without a softmax or sigmoid at its end: its outputs are scores.

    A trained classifier is so certain that the gradient of its probabilities vanishes (Simonyan et al. 2014).
    """
    if not network.steps:
        return network
    *others, last = network.steps
    function = getattr(last.operation, "activation", last.operation)
    name = "softmax" if isinstance(function, layers.Softmax) else getattr(function, "__name__", "")
    if name not in BOUNDED or network.outputs != last.outputs:
        return network
    if isinstance(last.operation, (layers.Activation, layers.Softmax)) or function is last.operation:
        return Network(network.name, network.inputs, others, last.inputs[:1], network.places)
    step = Step(last.name, with_activation(last.operation, activations.linear), last.args, last.kwargs, last.outputs)
    return Network(network.name, network.inputs, [*others, step], network.outputs, network.places)


def with_activation(layer: Any, activation: Callable[[Array], Array]) -> Any:
    """Return a copy of a layer, with copies of its weights, that has another activation."""
    changed = copy.copy(layer)
    changed.activation = activation
    return changed
