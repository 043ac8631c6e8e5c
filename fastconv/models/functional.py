"""Functional models: graphs of layers with branches, joins and shared layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import fastconv.ops as ops
from fastconv.engine import KerasTensor
from fastconv.engine.symbolic import Node, record_again
from fastconv.engine.tree import leaves, map_leaves, matched, ordered, structure
from fastconv.layers.base import Layer, parts_of
from fastconv.layers.construction import arguments_beside
from fastconv.layers.core import InputLayer
from fastconv.models.constructors import takes_inputs_and_outputs
from fastconv.models.encoding import decode, encode, named_operation, operation_name
from fastconv.models.model import OF_A_GRAPH, Model
from fastconv.models.pickling import flatten, unflatten
from fastconv.models.topology import Graph
from fastconv.serialization import custom_object_scope, deserialize, from_keras, register, serialize
from fastconv.typing import Config, Tree

# Attributes that describe the graph; its layers are listed by `layers`.
OF_THE_GRAPH = frozenset(["_input_layers", "_layers", "_nodes", "input", "inputs", "output", "outputs"])


@register("layer")
class Functional(Model):
    """The class of the models that `Model(inputs, outputs)` creates.

    Args:
        inputs: symbolic tensors from `Input`, possibly nested.
        outputs: symbolic tensors computed from the inputs, possibly nested.
        name: str or None. The model's name; None creates a name. Default: None.
        trainable: bool. Whether training changes the weights. Default: True.

    Raises:
        ValueError: the outputs depend on other tensors than the inputs, or two layers have the same name.

    Example:
        >>> inputs = Input((4,))
        >>> model = Model(inputs, layers.Dense(3)(inputs))
        >>> isinstance(model, models.Functional)
        True
    """

    def __init__(
        self, inputs: Tree, outputs: Tree, name: str | None = None, trainable: bool = True, **kwargs: Any
    ) -> None:
        self._init_graph(inputs, outputs, name, trainable, **kwargs)

    def _init_graph(
        self, inputs: Tree, outputs: Tree, name: str | None = None, trainable: bool = True, **kwargs: Any
    ) -> None:
        """Make this object the model of a graph; called by the constructors of functional models and subclasses."""
        self._layers: list[Layer] = []
        Model.__init__(self, name=name, **kwargs)
        for leaf in leaves([inputs, outputs]):
            if not isinstance(leaf, KerasTensor):
                raise ValueError(f"Model: inputs and outputs must be symbolic tensors. Received: {leaf!r}")
        self.inputs, self.outputs = leaves(ordered(inputs)), leaves(ordered(outputs))
        self.input, self.output = inputs, outputs
        self._nodes = nodes_between(self.inputs, self.outputs)
        made = {t for node in self._nodes for t in node.outputs} | set(self.inputs)
        for t in [t for node in self._nodes for t in node.inputs] + self.outputs:
            if t not in made:
                raise ValueError(f"{self.name}: outputs must depend only on the inputs. Received: {t} from elsewhere")
        self._input_layers = [_input_layer(t) for t in self.inputs]
        graph = Graph(dict(zip(self.inputs, self._input_layers)), outputs)
        self._layers = [operation for operation in graph.operations() if isinstance(operation, Layer)]
        twice = sorted(name for name, count in Counter(layer.name for layer in self._layers).items() if count > 1)
        if twice:
            raise ValueError(f"{self.name}: layers must have different names. Received: {twice}")
        self.built = True
        if not trainable:
            self.trainable = False

    ARGUMENTS = ()
    TRANSIENT = Model.TRANSIENT | {"_nodes", "inputs", "outputs"}

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_nodes": flatten(self._nodes, self.inputs, self.input, self.output)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        inputs = [layer.output for layer in self._input_layers]
        self._nodes, self.input, self.output = unflatten(state["_nodes"], inputs)
        self.inputs, self.outputs = inputs, leaves(ordered(self.output))

    @property
    def nodes(self) -> list[Node]:
        return list(self._nodes)

    @property
    def layers(self) -> list[Layer]:
        return list(self._layers)

    def _parts(self) -> list:
        others = {name: held for name, held in self._holders.items() if name not in OF_THE_GRAPH}
        return list(dict.fromkeys([*self._layers, *parts_of(others)]))

    def call(self, inputs: Tree) -> Tree:
        """Compute the outputs for inputs of the model's shapes, or of other shapes with the same number of axes.

        Other shapes work if all layers accept them. A last axis of size 1 may be missing or added.
        """
        given = self._in_order(inputs)
        wanted = [t.shape for t in self.inputs]
        if fit(given, wanted):
            return self._run(given)
        shapes = [tuple(x.shape) for x in given]
        rule = f"{self.name}: inputs must have the shapes {wanted}"
        reshaped = [with_axes_of(x, shape) for x, shape in zip(given, wanted)]
        if not fit(reshaped, wanted) and fit(given, [shape[1:] for shape in wanted]):
            raise ValueError(f"{rule}; add a batch axis, x[None]. Received: shapes={shapes}")
        if len(given) != len(wanted) or any(len(x.shape) != len(shape) for x, shape in zip(reshaped, wanted)):
            raise ValueError(f"{rule}. Received: shapes={shapes}")
        try:
            return self._run(reshaped)
        except ValueError as error:
            raise ValueError(f"{rule}, or others that all layers accept. Received: shapes={shapes}: {error}") from error

    def _apply(self, args: tuple, kwargs: dict) -> Any:
        known = type(self).call is Functional.call and not kwargs and self.matches_inputs(args)
        return record_again(self, args, self.output) if known else super()._apply(args, kwargs)

    def matches_inputs(self, args: tuple) -> bool:
        """Return whether symbolic arguments have the structure, shapes and dtypes of the inputs."""
        own, given = leaves(self.input), leaves(args)
        return (
            [structure(arg) for arg in args] == [structure(self.input)]
            and all(isinstance(t, KerasTensor) for t in given)
            and [(t.shape, t.dtype) for t in given] == [(t.shape, t.dtype) for t in own]
        )

    def _run(self, given: list) -> Any:
        values = dict(zip(self.inputs, given))
        for node in self._nodes:
            values.update(zip(node.outputs, leaves(node.run(values))))
        return map_leaves(values.__getitem__, self.output)

    def _in_order(self, inputs: Tree) -> list:
        """Return the given inputs in the order of `self.inputs`: by their keys or names, otherwise by order.

        Raises:
            ValueError: a name is missing, or the order is ambiguous.
        """
        try:
            given = matched(ordered(self.input), inputs)
            if not any(isinstance(x, (list, tuple, dict, type(None))) for x in given):
                return given
        except LookupError:
            pass
        if isinstance(inputs, dict) and all(t.name in inputs for t in self.inputs):
            return [inputs[t.name] for t in self.inputs]
        in_doubt = isinstance(self.input, dict) and list(self.input) != list(ordered(self.input))
        if in_doubt or isinstance(inputs, dict):
            names = map_leaves(lambda t: t.name, self.input)
            received = map_leaves(lambda x: tuple(x.shape), inputs)
            raise ValueError(f"{self.name}: inputs must be nested as {names}. Received: {received}")
        return leaves(ordered(inputs))

    # ---- configuration -------------------------------------------------------------------------------------------

    def get_config(self) -> Config:
        """Return the layers and their calls, in Keras's form unless it lacks an operation of the model."""
        if not takes_inputs_and_outputs(type(self)):
            return super().get_config()
        graph = self._config_for_keras("Functional")
        return {**graph, **self.arguments_beside_graph()} if type(self).get_config is Functional.get_config else graph

    def arguments_beside_graph(self) -> dict[str, Any]:
        return arguments_beside(self, ("inputs", "outputs"), OF_A_GRAPH)

    def _graph_config(self) -> dict | None:
        """Return the layers, and for each node the layer, its arguments, and the shapes and dtypes of its results."""
        if not takes_inputs_and_outputs(type(self)):
            return None  # the constructor builds the graph
        number = {t: [i, k] for i, node in enumerate(self._nodes) for k, t in enumerate(node.outputs)}
        number.update({t: [-1, k] for k, t in enumerate(self.inputs)})

        def plain(tree: Tree) -> dict:
            return encode(tree, number.__getitem__)

        return {
            "name": self.name,
            "trainable": self.trainable,
            "layers": [serialize(layer) for layer in self._layers],
            "nodes": [
                [_maker(node.operation), plain(list(node.args)), plain(dict(node.kwargs))] for node in self._nodes
            ],
            "results": [[[list(t.shape), t.dtype.name] for t in node.outputs] for node in self._nodes],
            "inputs": [layer.name for layer in self._input_layers],
            "input": plain(self.input),
            "output": plain(self.output),
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects: Mapping[str, Any] | None = None) -> Model:
        """Create a model with new weights from a configuration.

        Args:
            config: a configuration in the form of fastconv or of Keras.
            custom_objects: dict of classes and functions by name, with priority over registered objects. Default: None.

        Raises:
            ValueError: the configuration does not describe a model.
        """
        with custom_object_scope(custom_objects or {}):
            return _from_config(config)


def _from_config(config: dict) -> Model:
    if "input_layers" in config:
        config = from_keras("layer", {"class_name": "Functional", "config": config, "module": "keras"})["config"]
    layers = {data["config"]["name"]: deserialize("layer", data) for data in config["layers"]}
    inputs = [layers[name].output for name in config["inputs"]]
    results: list[list[KerasTensor]] = []

    def tensor(number: list[int]) -> KerasTensor:
        node, k = number
        return inputs[k] if node == -1 else results[node][k]

    for maker, args, kwargs in config["nodes"]:
        operation = layers[maker["layer"]] if "layer" in maker else named_operation(maker["operation"])
        results.append(leaves(operation(*decode(args, tensor), **decode(kwargs, tensor))))
    model = Functional(decode(config["input"], tensor), decode(config["output"], tensor), name=config["name"])
    model._trainable = config["trainable"]
    return model


def fit(given: list, wanted: list) -> bool:
    """Return whether arrays have the wanted shapes; None in a shape is any size."""
    return len(given) == len(wanted) and all(
        len(x.shape) == len(sizes) and all(n is None or m is None or n == m for n, m in zip(sizes, x.shape))
        for x, sizes in zip(given, wanted)
    )


def with_axes_of(x: Tree, shape: tuple) -> Any:
    """Add or remove a last axis of size 1 if `x` then has the number of axes of `shape`; otherwise return `x`."""
    if len(x.shape) == len(shape) - 1 and shape[-1] == 1:
        return ops.expand_dims(x, -1)
    return ops.squeeze(x, -1) if len(x.shape) == len(shape) + 1 and x.shape[-1] == 1 else x


def _input_layer(t: KerasTensor) -> InputLayer:
    """Return the layer of `Input` for `t`, or a new layer if the model begins in the middle of another model."""
    maker = t.node.operation if t.node is not None else None
    return maker if isinstance(maker, InputLayer) else InputLayer(t.shape[1:], t.shape[0], t.dtype.name)


def _maker(operation: Any) -> dict[str, str]:
    is_layer = isinstance(operation, Layer)
    return {"layer": operation.name} if is_layer else {"operation": operation_name(operation)}


def nodes_between(inputs: list[KerasTensor], outputs: list[KerasTensor]) -> list[Node]:
    """Return the nodes between `inputs` and `outputs` in an executable order."""
    found: dict[Node, None] = {}
    given = set(inputs)
    waiting = [t for t in outputs if t not in given]
    while waiting:
        node = waiting.pop().node
        if node is not None and node not in found and node.inputs:
            found[node] = None
            waiting.extend(t for t in node.inputs if t not in given)
    return sorted(found, key=lambda node: node.serial)
