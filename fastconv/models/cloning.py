"""Copies of models with new layers and weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastconv.engine import KerasTensor
from fastconv.engine.symbolic import lift, substitute
from fastconv.engine.tree import leaves, map_leaves, matched, rebuild
from fastconv.layers.base import Layer
from fastconv.layers.core import Input, InputLayer
from fastconv.models.constructors import takes_inputs_and_outputs
from fastconv.models.functional import Functional
from fastconv.models.sequential import Sequential
from fastconv.serialization import custom_object_scope, deserialize, distinct_names, serialize, written_class
from fastconv.typing import AnyModel, Tree


def clone_model(
    model: AnyModel,
    input_tensors: Tree = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
) -> Any:
    """Create a model like `model`, with new layers and weights, compiled as `model` is.

    Args:
        model: a `Sequential` or functional model, or a subclass with `get_config`; the other arguments need one of the
            first two kinds.
        input_tensors: symbolic tensors, nested as the inputs, to which the new layers are applied; None creates new
            inputs. Default: None.
        clone_function: function that creates the new layer for a layer; None uses the layer's `from_config`.
            Default: None.
        call_function: function that applies a new layer or a function of ops, `call_function(layer, *args, **kwargs)`;
            it may apply other layers before and after it. Only for functional models. Default: None.
        recursive: bool. Whether to call `clone_function` for the layers of nested models instead of for these models.
            Default: False.

    Returns:
        A model of the same class.

    Raises:
        ValueError: the kind of the model does not allow an argument, or the inputs have another structure.

    Example:
        >>> model = Sequential([Input((4,)), layers.Dense(3)])
        >>> twin = models.clone_model(model)
        >>> twin.count_params(), twin.layers[0] is model.layers[0]
        (15, False)
    """
    given = {"input_tensors": input_tensors, "clone_function": clone_function, "call_function": call_function}
    is_changed = recursive or any(value is not None for value in given.values())
    if isinstance(model, (Sequential, Functional)) and (is_changed or not has_constructor(model)):
        return _Cloning(clone_function or copied, recursive).clone(model, input_tensors, call_function)
    if is_changed:
        raise ValueError(
            f"clone_model: {', '.join(given)} must be None, unless the model is Sequential or functional. "
            f"Received: model={model!r}, {', '.join(f'{name}={value!r}' for name, value in given.items())}"
        )
    return copied(model)


def has_constructor(model: AnyModel) -> bool:
    """Return whether the class of a graph has its own constructor, which builds the graph from a configuration."""
    written = written_class(model)
    return written is not Functional and not issubclass(written, Sequential) and not takes_inputs_and_outputs(written)


def copied(layer: Any) -> Any:
    """Return a layer with new weights from the configuration of `layer`."""
    with distinct_names() as names:
        data = serialize(layer)
    return deserialize("layer", data, names)


class _Cloning:
    """Creates the new layer of each layer; a shared layer is created only once."""

    def __init__(self, clone_function: Callable[[Layer], Layer], recursive: bool) -> None:
        self.clone_function = clone_function
        self.recursive = recursive
        self.clones: dict[Layer, Layer] = {}

    def clone(self, model: AnyModel, input_tensors: Tree, call_function: Callable[..., Any] | None) -> Any:
        if isinstance(model, Functional):
            twin: Any = self._functional(model, input_tensors, call_function)
        elif call_function is None:
            twin = self._sequential(model, input_tensors)
        else:
            raise ValueError(
                "clone_model: call_function must be None for a Sequential, whose layers are in a list. "
                f"Received: call_function={call_function!r}"
            )
        if model.compiled:
            with distinct_names() as names:
                config = model.get_compile_config()
            with custom_object_scope(names):
                twin.compile_from_config(config)
        return twin

    def layer(self, layer: Layer, call_function: Callable[..., Any] | None) -> Layer:
        if layer not in self.clones:
            inner = self.recursive and isinstance(layer, (Sequential, Functional))
            how = call_function if isinstance(layer, Functional) else None
            self.clones[layer] = self.clone(layer, None, how) if inner else self.clone_function(layer)
        return self.clones[layer]

    def _sequential(self, model: Sequential, input_tensors: Tree) -> Sequential:
        given = leaves(input_tensors)
        if input_tensors is not None and (len(given) != 1 or not isinstance(given[0], KerasTensor)):
            raise ValueError(
                f"clone_model: input_tensors must be a symbolic tensor. Received: input_tensors={input_tensors!r}"
            )
        first = model._input_layer
        if given:
            inputs = [given[0] if is_input(given[0]) else Input(tensor=given[0])]
        else:
            inputs = [] if first is None else [Input(batch_shape=first.batch_shape, dtype=first.dtype, name=first.name)]
        layers = [self.layer(layer, None) for layer in model.layers]
        return Sequential([*inputs, *layers], model._trainable, model.name)

    def _functional(
        self, model: Functional, input_tensors: Tree, call_function: Callable[..., Any] | None
    ) -> Functional:
        inputs = new_inputs(model) if input_tensors is None else input_tensors
        values = dict(zip(leaves(model.input), in_places_of(model.input, inputs)))
        for node in model.nodes:
            args, kwargs = substitute((node.args, node.kwargs), values.__getitem__)
            operation: Any = node.operation
            operation = self.layer(operation, call_function) if isinstance(operation, Layer) else lift(operation)
            made = operation(*args, **kwargs) if call_function is None else call_function(operation, *args, **kwargs)
            values.update(zip(node.outputs, leaves(made)))
        outputs = map_leaves(values.__getitem__, model.output)
        twin = Functional(inputs, outputs, name=model.name)
        twin._trainable = model._trainable
        written: Any = written_class(model)
        return (
            twin
            if written is Functional or has_constructor(model)
            else written._of_graph(twin, model.arguments_beside_graph())
        )


def new_inputs(model: Functional) -> Any:
    """Return new inputs with the shapes, dtypes and names of the model's inputs."""
    tensors = leaves(model.input)
    made = [Input(batch_shape=t.shape, dtype=t.dtype, name=t.name or None) for t in tensors]
    return rebuild(model.input, made)


def in_places_of(wanted: Tree, given: Tree) -> list[KerasTensor]:
    """Return the symbolic tensors of `given` in the order of `wanted`, which has the same structure."""
    try:
        found: list[Any] = matched(wanted, given)
    except LookupError:
        found = [None]
    if not all(isinstance(t, KerasTensor) for t in found):
        raise ValueError(
            "clone_model: input_tensors must be symbolic tensors, nested as the inputs of the model. "
            f"Received: input_tensors={given!r}, inputs={wanted!r}"
        )
    return found


def is_input(t: KerasTensor) -> bool:
    """Return whether `t` was created by `Input`."""
    return t.node is not None and isinstance(t.node.operation, InputLayer)
