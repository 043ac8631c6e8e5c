"""Where data enters, dense layers, and functions as layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastconv import ops, serialization
from fastconv.arguments import as_flag, as_shape
from fastconv.engine import KerasTensor
from fastconv.engine.primitive import owned
from fastconv.engine.symbolic import Node
from fastconv.engine.tree import map_leaves
from fastconv.layers.base import Layer, check_count
from fastconv.layers.weighted import Activated, Weighted, choices
from fastconv.serialization import custom_object_scope, is_nameless, register


@register("layer")
class InputLayer(Layer):
    """Where data enters a functional model; arguments as for `Input`, whose `tensor` is `input_tensor` here.

    `input_shape` and `batch_input_shape` are what Keras 2 calls `shape` and `batch_shape`.

    Attributes:
        shape: the sizes of one input, without the batch.
        batch_size: the size of a batch, or None.
    """

    ARGUMENTS = ("shape", "batch_size")

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        input_tensor: KerasTensor | None = None,
        optional: bool = False,
        name: str | None = None,
        trainable: bool = True,
        input_shape: Sequence[int | None] | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
    ) -> None:
        shape = shape if input_shape is None else input_shape
        batch_shape = batch_shape if batch_input_shape is None else batch_input_shape
        if sparse or ragged or optional:
            raise ValueError(
                f"Input: sparse, ragged and optional must be False. Received: {sparse=}, {ragged=}, {optional=}"
            )
        tensor = input_tensor
        if tensor is not None:
            check_tensor(tensor, shape, batch_size, batch_shape, dtype)
            dtype = tensor.dtype
        super().__init__(name=name, dtype=dtype, trainable=trainable)
        sizes = sizes_of_input(shape, batch_size, batch_shape) if tensor is None else tensor.shape
        self.batch_size, self.shape = sizes[0], sizes[1:]
        self.built = True
        self._draw(tensor)

    def _draw(self, tensor: KerasTensor | None = None) -> None:
        if tensor is None:
            tensor = KerasTensor((self.batch_size, *self.shape), self.dtype, name=self.name)
        tensor.node = Node(self, (), {})
        tensor.node.outputs.append(tensor)
        self.input = self.output = tensor

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._draw()

    @property
    def batch_shape(self) -> tuple[int | None, ...]:
        """(batch_size, *shape)."""
        return (self.batch_size, *self.shape)


def sizes_of_input(shape: Any, batch_size: Any, batch_shape: Any) -> tuple[int | None, ...]:
    """The sizes of an input, the batch's first. Raises ValueError unless they are given once, as integers or None."""
    if (shape is None) == (batch_shape is None) or (batch_size is not None and batch_shape is not None):
        raise ValueError(
            "Input: shape and batch_size, or batch_shape, must be given. "
            f"Received: {shape=}, {batch_size=}, {batch_shape=}"
        )
    if batch_shape is None:
        return (*as_shape("Input", "batch_size", (batch_size,)), *as_shape("Input", "shape", shape))
    sizes = as_shape("Input", "batch_shape", batch_shape)
    if not sizes:
        raise ValueError(f"Input: batch_shape must begin with the batch. Received: {batch_shape=}")
    return sizes


def check_tensor(tensor: Any, shape: Any, batch_size: Any, batch_shape: Any, dtype: Any) -> None:
    """Raise ValueError if `tensor` is not symbolic, or differs from what else is given of it."""
    if not isinstance(tensor, KerasTensor) or not tensor.shape:
        raise ValueError(f"Input: tensor must be symbolic and have a batch. Received: {tensor=}")
    given = {"shape": shape, "batch_size": batch_size, "batch_shape": batch_shape, "dtype": dtype}
    of_tensor = {"shape": tensor.shape[1:], "batch_size": tensor.shape[0], "batch_shape": tensor.shape}
    for name, value in given.items():
        found = of_tensor.get(name, tensor.dtype)
        if value is not None and (found != value if name in ("dtype", "batch_size") else found != tuple(value)):
            raise ValueError(f"Input: {name} must be that of the tensor, {found}. Received: {name}={value!r}")


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: KerasTensor | None = None,
    optional: bool = False,
) -> KerasTensor:
    """Return the symbolic tensor with which a functional model begins.

    Args:
        shape: the sizes of one input, without the batch; None for those that vary.
        batch_size: the size of a batch, if it never varies.
        dtype: `config.floatx()` when None.
        sparse, ragged, optional: only False; such inputs are not supported.
        batch_shape: instead of `shape` and `batch_size`: both, (batch_size, *shape).
        name: of the input.
        tensor: a symbolic tensor that becomes an input, and is returned.

    Returns:
        A symbolic tensor of shape (batch_size, *shape).

    Raises:
        ValueError: a size that is neither an integer >= 0 nor None, arguments that contradict each other, or inputs
            that are not supported.
    """
    return InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name).output


@register("layer")
class Dense(Activated, Weighted):
    """y = activation(x w + b).

    Shapes: x (..., K), kernel w (K, units), bias b (units,), y (..., units).

    Args:
        units: how many outputs.
        activation: a name, a function written with ops, or None.
        use_bias: whether b exists.
        kernel_initializer, bias_initializer: names or functions (shape, dtype) -> array.
        kernel_regularizer, bias_regularizer: penalties added to the loss, or None.
        activity_regularizer: a penalty on the output that is added to the loss, or None.
        kernel_constraint, bias_constraint: what the weights are held to after each step of training, or None.

    Raises:
        ValueError: `units` below 1, or the last axis of the input is unknown or changes.
    """

    ARGUMENTS = ("units", "activation", "use_bias", *choices("kernel", "bias"))

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = check_count(self, "units", units)
        self.activation = activation
        self.use_bias = as_flag(self, "use_bias", use_bias)
        self.choose(
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    def build(self, input_shape: Any) -> None:
        if not input_shape or input_shape[-1] is None:
            raise ValueError(f"{self.name}: the last axis of the input must be known. Received: {input_shape=}")
        self.kernel = self.weight("kernel", (input_shape[-1], self.units))
        if self.use_bias:
            self.bias = self.weight("bias", (self.units,))

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        y = ops.matmul(inputs, self.kernel)
        return self.activation(y + self.bias if self.use_bias else y)


@register("layer")
class Wrapper(Layer):
    """A layer around another one.

    Args:
        layer: the other one.

    Raises:
        ValueError: it is none.
    """

    ARGUMENTS: tuple[str, ...] = ("layer",)

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise ValueError(f"{type(self).__name__}: a layer is needed. Received: layer={layer!r}")
        self.layer: Any = layer

    def build(self, input_shape: Any = None) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)

    @classmethod
    def from_config(cls, config: dict, custom_objects: Mapping[str, Any] | None = None) -> Any:
        layer = serialization.deserialize("layer", config["layer"], custom_objects)
        return super().from_config({**config, "layer": layer})


@register("layer")
class TimeDistributed(Wrapper):
    """A layer applied to each element of the second axis: x (N, T, ..) to y (N, T, ..), y[:, t] = layer(x[:, t]).

    Args:
        layer: the layer.

    Raises:
        ValueError: it is none, or the input has less than three axes.
    """

    def build(self, input_shape: Any) -> None:  # type: ignore[override]
        if len(input_shape) < 3:
            raise ValueError(f"{self.name}: inputs must have three axes at least. Received: {input_shape=}")
        super().build((input_shape[0], *input_shape[2:]))

    def call(self, inputs: Any, training: bool = False) -> Any:
        if training and any(not v.trainable for v in self.layer.weights):  # statistics of each time are its own
            steps = [self.layer(inputs[:, t], training=training) for t in range(inputs.shape[1])]
            return ops.stack(steps, 1)
        n, steps, *rest = inputs.shape
        y = self.layer(ops.reshape(inputs, (n * steps, *rest)), training=training)
        return ops.reshape(y, (n, steps, *y.shape[1:]))


@register("layer")
class Pipeline(Layer):
    """Layers one after another as one layer, which is no model; meant for those that prepare images.

    Args:
        layers: the layers.
        name: of this one.
    """

    def __init__(self, layers: Sequence[Layer], name: str | None = None) -> None:
        super().__init__(name=name)
        self.layers = list(layers)

    def call(self, inputs: Any, training: bool = True) -> Any:
        for layer in self.layers:
            inputs = layer(inputs, training=training)
        return inputs

    def get_config(self) -> dict:
        return {
            "layers": [serialization.serialize_for_keras("layer", layer) for layer in self.layers],
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict) -> Any:
        layers = [serialization.deserialize("layer", data) for data in config["layers"]]
        return super().from_config({**config, "layers": layers})


@register("layer")
class Identity(Layer):
    """x."""

    def call(self, inputs: Any) -> Any:
        return inputs


@register("layer")
class Lambda(Layer):
    """function(x, **arguments), for a function written with ops.

    Code is never read from a file: functions of `ops` and activations are found by their names, the others, by theirs,
    among the `custom_objects`; a lambda by the name of its layer or as "<lambda>".

    Args:
        function: takes the inputs.
        output_shape: taken for what older scripts give; shapes are found from the function itself.
        arguments: further arguments of the function, by name.
    """

    ARGUMENTS = ("function", "arguments")

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if mask is not None:
            raise ValueError(f"Lambda: masks are not supported. Received: mask={mask!r}")
        if not callable(function):
            raise ValueError(f"Lambda: a function is needed. Received: function={function!r}")
        self.function = function
        self.arguments = map_leaves(owned, dict(arguments or {}))

    def get_config(self) -> dict:
        """The arguments of the constructor; a function of the user's with a name of `ops` is "Custom>name"."""
        config = super().get_config()
        name = config["function"]
        if is_of_ops(name) and not serialization.is_of_this_package(self.function):
            return {**config, "function": f"Custom>{name}"}
        return config

    @classmethod
    def from_config(
        cls, config: dict, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool | None = None
    ) -> Any:
        """Return a new layer; its function is one of `ops`, an activation, or among the custom objects.

        Args:
            config: what `get_config` has returned, here or in Keras.
            custom_objects: functions by name, before those of whatever reads the configuration. A lambda is also found
                by the name of the layer.
            safe_mode: accepted as Keras does; code in a configuration is never run.
        """
        given = serialization.arguments(cls, config)
        function = given["function"]
        with custom_object_scope(custom_objects or {}):
            named = serialization.get_registered_object(str(given.get("name"))) if is_nameless(function) else None
            return cls(**{**given, "function": named or function_named(function)})

    def call(self, inputs: Any) -> Any:
        return self.function(inputs, **self.arguments)


def is_of_ops(name: Any) -> bool:
    """Whether a name in a configuration is that of a function of `ops`."""
    return isinstance(name, str) and name in ops.__all__


def function_named(name: Any) -> Any:
    """The function that a name, or a function itself, means: a custom object, else one of `ops` or an activation."""
    if is_of_ops(name) and serialization.get_registered_object(name) is None:
        return getattr(ops, name)
    is_activation = isinstance(name, str) and serialization.holds("activation", name)
    return serialization.get("activation" if is_activation else "function", name)
