"""Models drawn as a graph of layers, with branches, joins and shared layers."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fastconv.engine import KerasTensor
from fastconv.engine.symbolic import Node
from fastconv.engine.tree import leaves, rebuild
from fastconv.layers.base import Layer
from fastconv.layers.core import InputLayer
from fastconv.models.depth import Graph
from fastconv.models.encoding import decode, encode, named_operation, operation_name
from fastconv.models.model import Model
from fastconv.serialization import deserialize, register, serialize


@register("layer")
class Functional(Model):
    """What `Model(inputs, outputs)` makes.

    Raises:
        ValueError: the outputs need data that does not come from the inputs, or two layers have one name.
    """

    def __init__(
        self, inputs: Any, outputs: Any, name: str | None = None, trainable: bool = True, **kwargs: Any
    ) -> None:
        self._layers: list[Layer] = []
        super().__init__(name=name, **kwargs)
        for leaf in leaves([inputs, outputs]):
            if not isinstance(leaf, KerasTensor):
                raise ValueError(f"Model: inputs and outputs must be symbolic tensors. Received: {leaf!r}")
        self.inputs, self.outputs = leaves(inputs), leaves(outputs)
        self.input, self.output = inputs, outputs
        self._nodes = nodes_between(self.inputs, self.outputs)
        made = {t for node in self._nodes for t in node.outputs} | set(self.inputs)
        for t in [t for node in self._nodes for t in node.inputs] + self.outputs:
            if t not in made:
                raise ValueError(f"{self.name}: outputs must be made of the inputs alone. Received: {t} from elsewhere")
        self._input_layers = [_input_layer(t) for t in self.inputs]
        graph = Graph(dict(zip(self.inputs, self._input_layers)), outputs)
        self._layers = [operation for operation in graph.operations() if isinstance(operation, Layer)]
        twice = sorted(name for name, count in Counter(layer.name for layer in self._layers).items() if count > 1)
        if twice:
            raise ValueError(f"{self.name}: layers must have different names. Received: {twice}")
        self.built = True
        if not trainable:
            self.trainable = False

    @property
    def nodes(self) -> list[Node]:
        return list(self._nodes)

    def _parts(self) -> list:
        return list(self._layers)

    def call(self, inputs: Any) -> Any:
        given = self._match(inputs)
        values = dict(zip(self.inputs, given))
        for node in self._nodes:
            values.update(zip(node.outputs, leaves(node.run(values))))
        return rebuild(self.output, [values[t] for t in self.outputs])

    def _match(self, inputs: Any) -> list:
        """The given inputs in the order of the drawn ones, checked against their shapes."""
        if isinstance(inputs, dict) and not isinstance(self.input, dict):
            given = [inputs.get(t.name) for t in self.inputs]
        elif isinstance(inputs, dict):
            given = [inputs.get(key) for key in self.input]
        else:
            given = leaves(inputs)
        wanted = [t.shape for t in self.inputs]
        shapes = [None if x is None else tuple(x.shape) for x in given]
        if not _fit(shapes, wanted):
            lacks_batch = _fit(shapes, [shape[1:] for shape in wanted])
            hint = "; add a batch axis, x[None]" if lacks_batch else ""
            raise ValueError(f"{self.name}: inputs must have the shapes {wanted}{hint}. Received: shapes={shapes}")
        return given

    # ---- configuration -------------------------------------------------------------------------------------------

    def get_config(self) -> dict:
        """The layers, and for each node which layer is applied to which tensors, and what that gives."""
        number = {t: [i, k] for i, node in enumerate(self._nodes) for k, t in enumerate(node.outputs)}
        number.update({t: [-1, k] for k, t in enumerate(self.inputs)})

        def plain(tree: Any) -> dict:
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
    def from_config(cls, config: dict) -> Model:
        """A new model with new weights.

        Raises:
            ValueError: the configuration does not describe a model.
        """
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


def _fit(shapes: list, wanted: list) -> bool:
    """Whether `shapes`, None where there is no array, are the wanted ones; None in a shape is any size."""
    return len(shapes) == len(wanted) and all(
        shape is not None
        and len(shape) == len(sizes)
        and all(n is None or m is None or n == m for n, m in zip(sizes, shape))
        for shape, sizes in zip(shapes, wanted)
    )


def _input_layer(t: KerasTensor) -> InputLayer:
    """Where `t` enters: the layer that `Input` made, or a new one where a model begins in the middle of another."""
    maker = t.node.operation if t.node is not None else None
    return maker if isinstance(maker, InputLayer) else InputLayer(t.shape[1:], t.shape[0], t.dtype.name)


def _maker(operation: Any) -> dict[str, str]:
    is_layer = isinstance(operation, Layer)
    return {"layer": operation.name} if is_layer else {"operation": operation_name(operation)}


def nodes_between(inputs: list[KerasTensor], outputs: list[KerasTensor]) -> list[Node]:
    """The nodes that lead from `inputs` to `outputs`, in an order in which they can run."""
    found: dict[Node, None] = {}
    given = set(inputs)
    waiting = [t for t in outputs if t not in given]
    while waiting:
        node = waiting.pop().node
        if node is not None and node not in found and node.inputs:
            found[node] = None
            waiting.extend(t for t in node.inputs if t not in given)
    return sorted(found, key=lambda node: node.serial)
