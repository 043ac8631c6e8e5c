"""Sequential models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastconv.engine import KerasTensor
from fastconv.engine.symbolic import Node, record_again
from fastconv.layers.base import Layer
from fastconv.layers.construction import arguments_beside
from fastconv.layers.core import InputLayer
from fastconv.models.constructors import takes_layers
from fastconv.models.functional import Functional
from fastconv.models.model import Model
from fastconv.serialization import custom_object_scope, deserialize, from_keras, register, serialize
from fastconv.typing import Config, Tree

# What the configuration of a `Sequential` consists of, in the form of fastconv or of Keras.
OF_A_SEQUENCE = frozenset(["build_input_shape", "layers", "name", "trainable"])


@register("layer")
class Sequential(Model):
    """A model that applies its layers one after another.

    The weights are created when the input's shape is known: from `Input(shape)` as the first element, from
    `input_shape=` of the first layer, or from the first data.

    Args:
        layers: list of layers; `add` appends more. Default: None, no layers.
        trainable: bool. Whether training changes the weights. Default: True.
        name: str or None. The model's name; None creates a name. Default: None.

    Raises:
        TypeError: an element is not a layer.
        ValueError: two layers have the same name, or an input is not the first element.

    Example:
        >>> model = Sequential([
        ...     Input((28, 28, 1)),
        ...     layers.Conv2D(8, 3, activation="relu"),
        ...     layers.GlobalAveragePooling2D(),
        ...     layers.Dense(10),
        ... ])
        >>> model.output_shape, model.count_params()
        ((None, 10), 170)
    """

    def __init__(self, layers: Sequence[Any] | None = None, trainable: bool = True, name: str | None = None) -> None:
        super().__init__(name=name)
        self._layers: list[Layer] = []
        self._names: set[str] = set()  # all layers ever added; they may have been removed or renamed since
        self._input_layer: InputLayer | None = None
        self._applied = 0  # number of layers that `outputs` has passed
        self._graph: Functional | None = None  # a graph of these layers
        for layer in [layers] if isinstance(layers, Layer) else layers or ():
            self.add(layer)
        if not trainable:
            self.trainable = False

    @property
    def _functional(self) -> Functional | None:
        if self._graph is None and self._applied:
            self._graph = Functional(self.input, self.output, name=self.name)
        return self._graph

    ARGUMENTS = ()
    TRANSIENT = Model.TRANSIENT | {"inputs", "outputs"}

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_graph": self._functional}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if self._graph is not None:
            self.input, self.output = self._graph.input, self._graph.output
            self.inputs, self.outputs = [self.input], [self.output]

    @property
    def nodes(self) -> list[Node]:
        return [] if self._functional is None else self._functional.nodes

    @property
    def layers(self) -> list[Layer]:
        return list(self._layers)

    def _parts(self) -> list:
        return list(self._layers)

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Append a layer or, as the first element, the result of `Input`.

        Args:
            layer: the layer.
            rebuild: bool. Whether to create its weights now if the input is known; otherwise `build` or the first data
                create them. Default: True.

        Raises:
            TypeError: `layer` is not a layer.
            ValueError: `layer` is an input but not the first element, or its name is taken.
        """
        if isinstance(layer, KerasTensor) and layer.node is not None and isinstance(layer.node.operation, InputLayer):
            layer = layer.node.operation
        if not isinstance(layer, Layer):
            raise TypeError(f"{self.name}: only layers can be added. Received: {layer!r}")
        layer._check_initialized()
        if layer.name in self._names and any(layer.name == other.name for other in self._layers):
            raise ValueError(f"{self.name}: layers must have different names. Received: {layer.name!r} again")
        if isinstance(layer, InputLayer):
            if self._layers or self._input_layer:
                raise ValueError(f"{self.name}: an input must be the first element. Received: {layer!r}")
            self._input_layer = layer
            return
        if not self._layers and not self._input_layer and layer.given_input_shape is not None:
            self._input_layer = InputLayer(layer.given_input_shape)
        self._layers.append(layer)
        self._note_nesting([layer])
        self._names.add(layer.name)
        self._step_cache.clear()
        if not rebuild:
            self._drop_graph()
        elif self._input_layer:
            try:
                self._build_graph()
            except BaseException:
                self._layers.pop()  # a layer that does not fit is not added
                raise

    def pop(self, rebuild: bool = True) -> Layer:
        """Remove the last layer and return it.

        Args:
            rebuild: bool. Whether the model can be used immediately; otherwise after `build` or with the first data.
                Default: True.

        Raises:
            ValueError: there are no layers.
        """
        if not self._layers:
            raise ValueError(f"{self.name}: pop needs at least one layer. Received: none")
        had_graph = self._applied == len(self._layers)
        layer = self._layers.pop()
        self._step_cache.clear()
        if rebuild and had_graph and self._layers:
            self._set_output(self.output.node.inputs[0])
        else:
            self._drop_graph()
            if self._input_layer and rebuild:
                self._build_graph()
        return layer

    def build(self, input_shape: Tree = None) -> None:
        if input_shape is None and not self._input_layer:
            return  # `call` will know the shape
        if not self._layers:
            raise ValueError(
                f"{self.name}: a model needs at least one layer. Received: none, input_shape={input_shape}"
            )
        if not self._input_layer:
            self._input_layer = InputLayer(tuple(input_shape[1:]))
        self._build_graph()

    def _build_graph(self) -> None:
        assert self._input_layer is not None
        tensor = self._input_layer.output
        grown = 0 < self._applied < len(self._layers)
        output = self.output if grown else tensor
        for layer in self._layers[self._applied if grown else 0 :]:
            output = layer(output)
        self.inputs, self.input = [tensor], tensor
        self._set_output(output)

    def _set_output(self, output: Tree) -> None:
        """Set the output of the graph, which applies all layers."""
        self.outputs, self.output = [output], output
        self._applied, self._graph = len(self._layers), None
        self.built = bool(self._layers)

    def _drop_graph(self) -> None:
        """Forget the graph until the model is built again."""
        vars(self).pop("inputs", None)
        vars(self).pop("outputs", None)
        self.input = self.output = self._graph = None
        self._applied, self.built = 0, False

    def call(self, inputs: Tree) -> Tree:
        if not self._applied:  # after `build` without a shape
            self.build(inputs.shape)
        assert self._functional is not None
        return self._functional.call(inputs)

    def _apply(self, args: tuple, kwargs: dict) -> Any:
        known = type(self).call is Sequential.call and not kwargs and self._functional is not None
        if known and self._functional.matches_inputs(args):  # type: ignore[union-attr]
            return record_again(self, args, self.output)
        return super()._apply(args, kwargs)

    def get_config(self) -> Config:
        """Return the configurations of the layers, in Keras's form, and what a constructor was given."""
        config = self._config_for_keras("Sequential")
        complete = type(self).get_config is Sequential.get_config
        return {**config, **self.arguments_beside_graph()} if complete else config

    def arguments_beside_graph(self) -> dict[str, Any]:
        return arguments_beside(self, ("layers",), OF_A_SEQUENCE)

    def _graph_config(self) -> dict:
        layers = [self._input_layer, *self._layers] if self._input_layer else self._layers
        return {"name": self.name, "trainable": self._trainable, "layers": [serialize(layer) for layer in layers]}

    @classmethod
    def from_config(cls, config: dict, custom_objects: Mapping[str, Any] | None = None) -> Sequential:
        """Create a model with new weights from a configuration.

        Args:
            config: a configuration in the form of fastconv or of Keras.
            custom_objects: dict of classes and functions by name, with priority over registered objects. Default: None.
        """
        with custom_object_scope(custom_objects or {}):
            return cls._from_config(config)

    @classmethod
    def _from_config(cls, config: Any) -> Sequential:
        is_list = isinstance(config, list)
        given = {} if is_list else {key: value for key, value in config.items() if key not in OF_A_SEQUENCE}
        if not isinstance(config, dict) or any("module" in data for data in config["layers"]):
            config = from_keras("layer", {"class_name": "Sequential", "config": config, "module": "keras"})["config"]
        layers = [deserialize("layer", data) for data in config["layers"]]
        model: Sequential = cls(layers, **given) if takes_layers(cls) else cls(**given)._with_layers(layers)
        model.name = config.get("name") or model.name
        model._trainable = config.get("trainable", True)
        return model

    def _with_layers(self, layers: list[Layer]) -> Sequential:
        """Return the model, with `layers` unless its constructor has made layers like them.

        Raises:
            ValueError: the constructor has made other layers.
        """
        if not self._layers:
            self._input_layer = None
            for layer in layers:
                self.add(layer)
            return self
        kinds = [type(layer) for layer in layers if not isinstance(layer, InputLayer)]
        if [type(layer) for layer in self._layers] != kinds:
            raise ValueError(
                f"{self.name}: the constructor must make the layers of the configuration, or none. "
                f"Received: {[type(layer).__name__ for layer in self._layers]}, not {[kind.__name__ for kind in kinds]}"
            )
        if not self._input_layer and isinstance(layers[0], InputLayer):
            self.build(layers[0].batch_shape)
        for own, layer in zip(self._layers, layers[-len(kinds) :]):
            if not layer.trainable:
                own.trainable = False
        return self
