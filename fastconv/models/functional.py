"""Models drawn as a graph of layers, with branches, joins and shared layers."""

from __future__ import annotations

import inspect
from typing import Any

from fastconv import ops
from fastconv.engine import KerasTensor
from fastconv.engine.symbolic import Node
from fastconv.engine.tree import leaves, rebuild
from fastconv.layers.base import Layer
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
        operations = [t.node.operation for t in self.inputs if t.node is not None] + [n.operation for n in self._nodes]
        self._layers = list(dict.fromkeys(op for op in operations if isinstance(op, Layer)))
        names = [layer.name for layer in self._layers]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"{self.name}: layers must have different names. Received: {twice}")
        self.built = True
        if not trainable:
            self.trainable = False

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
        fits = len(given) == len(self.inputs) and all(
            x is not None
            and len(x.shape) == t.ndim
            and all(n is None or m is None or n == m for n, m in zip(t.shape, x.shape))
            for x, t in zip(given, self.inputs)
        )
        if not fits:
            shapes = [None if x is None else tuple(x.shape) for x in given]
            raise ValueError(
                f"{self.name}: inputs must have the shapes {[t.shape for t in self.inputs]}. Received: shapes={shapes}"
            )
        return given

    # ---- configuration -------------------------------------------------------------------------------------------

    def get_config(self) -> dict:
        """The layers, and for each node which layer is applied to which tensors."""
        number = {t: [i, k] for i, node in enumerate(self._nodes) for k, t in enumerate(node.outputs)}
        number.update({t: [-1, k] for k, t in enumerate(self.inputs)})

        def reference(tree: Any) -> Any:
            if isinstance(tree, KerasTensor):
                return {"tensor": number[tree]}
            if isinstance(tree, dict):
                return {"dict": {key: reference(item) for key, item in tree.items()}}
            if isinstance(tree, (list, tuple)):
                return {type(tree).__name__: [reference(item) for item in tree]}
            return {"value": tree}

        return {
            "name": self.name,
            "trainable": self.trainable,
            "layers": [serialize(layer) for layer in self._layers],
            "nodes": [
                [_operation_name(node), reference(list(node.args)), reference(dict(node.kwargs))]
                for node in self._nodes
            ],
            "inputs": [t.node.operation.name for t in self.inputs if t.node is not None],
            "input": reference(self.input),
            "output": reference(self.output),
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

        def resolve(data: dict) -> Any:
            ((kind, content),) = data.items()
            if kind == "tensor":
                node, k = content
                return inputs[k] if node == -1 else results[node][k]
            if kind == "dict":
                return {key: resolve(item) for key, item in content.items()}
            if kind in ("list", "tuple"):
                return (list if kind == "list" else tuple)(resolve(item) for item in content)
            return content

        for name, args, kwargs in config["nodes"]:
            if name.startswith("ops."):
                if name[4:] not in ops.__all__:
                    raise ValueError(f"A model is made of layers and of the functions of ops. Received: {name!r}")
                operation = getattr(ops, name[4:])
            else:
                operation = layers[name]
            results.append(leaves(operation(*resolve(args), **resolve(kwargs))))
        model = Functional(resolve(config["input"]), resolve(config["output"]), name=config["name"])
        if not config["trainable"]:
            model._trainable = False
        return model


def _operation_name(node: Node) -> str:
    """The name of a layer, or of a function of `ops` behind "ops."."""
    if isinstance(node.operation, Layer):
        return node.operation.name
    names = {inspect.unwrap(getattr(ops, name)): name for name in ops.__all__}
    if node.operation not in names:
        raise ValueError(f"A model is saved if it is made of layers and functions of ops. Received: {node.operation}")
    return "ops." + names[node.operation]


def nodes_between(inputs: list[KerasTensor], outputs: list[KerasTensor]) -> list[Node]:
    """The nodes that lead from `inputs` to `outputs`, in an order in which they can run."""
    found: dict[Node, None] = {}
    waiting = [t for t in outputs if t not in inputs]
    while waiting:
        node = waiting.pop().node
        if node is not None and node not in found and node.inputs:
            found[node] = None
            waiting.extend(t for t in node.inputs if t not in inputs)
    return sorted(found, key=lambda node: node.serial)
