"""Input, dense and wrapper layers, and layers made of functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import fastconv.ops as ops
import fastconv.serialization as serialization
from fastconv.arguments import as_flag, as_shape
from fastconv.engine import KerasTensor
from fastconv.engine.primitive import owned
from fastconv.engine.symbolic import Node
from fastconv.engine.tree import map_leaves
from fastconv.layers.base import Layer, check_count
from fastconv.layers.weighted import Activated, Weighted
from fastconv.serialization import custom_object_scope, is_nameless, register
from fastconv.typing import (
    ActivationLike,
    Array,
    Config,
    ConstraintLike,
    DTypeLike,
    InitializerLike,
    PartialShape,
    RegularizerLike,
    ShapeLike,
    Tree,
)


@register("layer")
class InputLayer(Layer):
    """Layer that stands for the input of a functional model.

    The output of the layer is the symbolic tensor that `Input` returns; scripts usually call `Input`.

    Args:
        input_tensor: a symbolic tensor that becomes the input, or None (the argument `tensor` of `Input`).
        trainable: bool, without effect: the layer has no weights.
        input_shape: the name of `shape` in Keras 2.
        batch_input_shape: the name of `batch_shape` in Keras 2.
        Others: as in `Input`.

    Attributes:
        shape: the sizes of a sample, without the batch axis.
        batch_size: the size of a batch, or None.

    Raises:
        ValueError: as in `Input`.

    Example:
        >>> from fastconv import layers
        >>> layer = layers.InputLayer(shape=(28, 28, 1))
        >>> layer.output.shape
        (None, 28, 28, 1)
    """

    ARGUMENTS = ("shape", "batch_size")
    output: KerasTensor

    def __init__(
        self,
        shape: ShapeLike | None = None,
        batch_size: int | None = None,
        dtype: DTypeLike | None = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: ShapeLike | None = None,
        input_tensor: KerasTensor | None = None,
        optional: bool = False,
        name: str | None = None,
        trainable: bool = True,
        input_shape: ShapeLike | None = None,
        batch_input_shape: ShapeLike | None = None,
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
        self._create_tensor(tensor)

    def _create_tensor(self, tensor: KerasTensor | None = None) -> None:
        if tensor is None:
            tensor = KerasTensor((self.batch_size, *self.shape), self.dtype, name=self.name)
        tensor.node = Node(self, (), {})
        tensor.node.outputs.append(tensor)
        self.input = self.output = tensor

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._create_tensor()

    @property
    def batch_shape(self) -> PartialShape:
        """(batch_size, *shape)."""
        return (self.batch_size, *self.shape)


def sizes_of_input(shape: object, batch_size: object, batch_shape: object) -> PartialShape:
    """Return the sizes of an input, beginning with the batch.

    Raises:
        ValueError: if the sizes are missing, given twice or invalid.
    """
    if (shape is None) == (batch_shape is None) or (batch_size is not None and batch_shape is not None):
        raise ValueError(
            "Input: shape and batch_size, or batch_shape, must be given. "
            f"Received: {shape=}, {batch_size=}, {batch_shape=}"
        )
    if batch_shape is None:
        return (*as_shape("Input", "batch_size", (batch_size,)), *as_shape("Input", "shape", shape))
    sizes = as_shape("Input", "batch_shape", batch_shape)
    if not sizes:
        raise ValueError(f"Input: batch_shape must begin with the batch size. Received: {batch_shape=}")
    return sizes


def check_tensor(
    tensor: object, shape: object, batch_size: object, batch_shape: object, dtype: DTypeLike | None
) -> None:
    """Raise ValueError if `tensor` is not symbolic, or if it contradicts another argument."""
    if not isinstance(tensor, KerasTensor) or not tensor.shape:
        raise ValueError(f"Input: tensor must be symbolic and have a batch axis. Received: {tensor=}")
    given: dict[str, Any] = {"shape": shape, "batch_size": batch_size, "batch_shape": batch_shape, "dtype": dtype}
    of_tensor = {"shape": tensor.shape[1:], "batch_size": tensor.shape[0], "batch_shape": tensor.shape}
    for name, value in given.items():
        found = of_tensor.get(name, tensor.dtype)
        if value is not None and (found != value if name in ("dtype", "batch_size") else found != tuple(value)):
            raise ValueError(f"Input: {name} must equal {name} of the tensor, {found}. Received: {name}={value!r}")


def Input(
    shape: ShapeLike | None = None,
    batch_size: int | None = None,
    dtype: DTypeLike | None = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: ShapeLike | None = None,
    name: str | None = None,
    tensor: KerasTensor | None = None,
    optional: bool = False,
) -> KerasTensor:
    """Return the symbolic tensor with which a functional model begins.

    Args:
        shape: tuple of int or None, the sizes of a sample without the batch axis; None for sizes that vary.
        batch_size: int, the size of a batch, or None if it varies. Defaults to None.
        dtype: the name of a dtype. Defaults to `config.floatx()`.
        sparse, ragged, optional: only False; sparse, ragged and optional inputs are not supported.
        batch_shape: tuple (batch_size, *shape), instead of `shape` and `batch_size`.
        name: str, the name of the input, or None to make a unique name.
        tensor: a symbolic tensor that becomes an input and is returned, or None.

    Returns:
        A symbolic tensor of shape (batch_size, *shape).

    Raises:
        ValueError: if a size is neither an integer >= 0 nor None, if arguments contradict each other, or if the kind of
            input is not supported.

    Example:
        >>> import fastconv
        >>> from fastconv import layers
        >>> inputs = layers.Input((28, 28, 1))
        >>> inputs.shape
        (None, 28, 28, 1)
        >>> outputs = layers.Dense(10)(layers.Flatten()(inputs))
        >>> fastconv.Model(inputs, outputs).output_shape
        (None, 10)
    """
    return InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name).output


@register("layer")
class Dense(Activated, Weighted):
    """Fully connected layer, y = activation(x w + b).

    Shapes: x (..., K), kernel w (K, units), bias b (units,), y (..., units). All axes except the last are batch axes.

    Args:
        units: int, the number of outputs.
        activation: a name, a function written with ops, or None for no activation.
        use_bias: bool, whether to add b. Defaults to True.
        kernel_initializer: a name or a function (shape, dtype) -> array. Defaults to "glorot_uniform".
        bias_initializer: a name or a function (shape, dtype) -> array. Defaults to "zeros".
        kernel_regularizer: a penalty on w that is added to the loss, or None.
        bias_regularizer: a penalty on b that is added to the loss, or None.
        activity_regularizer: a penalty on the output that is added to the loss, or None.
        kernel_constraint: a function applied to w after each training step, or None.
        bias_constraint: a function applied to b after each training step, or None.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if `units` is below 1, or if the size of the last input axis is unknown or changes.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layer = layers.Dense(10, activation="softmax")
        >>> layer(np.zeros((2, 784))).shape
        (2, 10)
        >>> layer.kernel.shape, layer.bias.shape
        ((784, 10), (10,))
        >>> layer.count_params()
        7850
    """

    def __init__(
        self,
        units: int,
        activation: ActivationLike | None = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        activity_regularizer: RegularizerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None,
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

    def build(self, input_shape: Tree) -> None:
        if not input_shape or input_shape[-1] is None:
            raise ValueError(f"{self.name}: the last axis of the input must be known. Received: {input_shape=}")
        self.kernel = self.weight("kernel", (input_shape[-1], self.units))
        if self.use_bias:
            self.bias = self.weight("bias", (self.units,))

    def call(self, inputs: Array, training: bool | None = None) -> Array:
        y = ops.matmul(inputs, self.kernel)
        return self.activation(y + self.bias if self.use_bias else y)


@register("layer")
class Wrapper(Layer):
    """Base class of layers that contain another layer.

    Args:
        layer: a `Layer`.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if `layer` is not a `Layer`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> class Doubled(layers.Wrapper):
        ...     def call(self, inputs):
        ...         return 2 * self.layer(inputs)
        >>> Doubled(layers.ReLU())(np.array([-1.0, 3.0])).tolist()
        [0.0, 6.0]
    """

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise ValueError(f"{type(self).__name__}: layer must be a Layer. Received: layer={layer!r}")
        self.layer: Any = layer

    def build(self, input_shape: Tree = None) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)

    @classmethod
    def from_config(cls, config: Config, custom_objects: Mapping[str, Any] | None = None) -> Any:
        layer = serialization.deserialize("layer", config["layer"], custom_objects)
        return super().from_config({**config, "layer": layer})


@register("layer")
class TimeDistributed(Wrapper):
    """Apply a layer to each element of the second axis, y[:, t] = layer(x[:, t]).

    Shapes: x (N, T, ...), y (N, T, ...).

    Args:
        layer: a `Layer`, shared by all T elements.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if `layer` is not a `Layer`, or if the input has fewer than three axes.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> video = np.zeros((2, 5, 28, 28, 1))
        >>> layers.TimeDistributed(layers.Conv2D(4, 3))(video).shape
        (2, 5, 26, 26, 4)
    """

    def build(self, input_shape: Tree) -> None:  # type: ignore[override]  # needs the shape
        if len(input_shape) < 3:
            raise ValueError(f"{self.name}: inputs must have at least three axes. Received: {input_shape=}")
        super().build((input_shape[0], *input_shape[2:]))

    def call(self, inputs: Array, training: bool = False) -> Array:
        if training and any(not v.trainable for v in self.layer.weights):  # update moving statistics step by step
            steps = [self.layer(inputs[:, t], training=training) for t in range(inputs.shape[1])]
            return ops.stack(steps, 1)
        n, steps, *rest = inputs.shape
        y = self.layer(ops.reshape(inputs, (n * steps, *rest)), training=training)
        return ops.reshape(y, (n, steps, *y.shape[1:]))


@register("layer")
class Pipeline(Layer):
    """Layer that applies a list of layers one after another, for example to prepare images.

    Args:
        layers: list of `Layer`, in the order of their application.
        name: str, the name of the layer, or None to make a unique name.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> prepare = layers.Pipeline([layers.Resizing(8, 8), layers.Rescaling(1 / 255)])
        >>> prepare(np.full((1, 16, 16, 1), 255.0)).shape
        (1, 8, 8, 1)
    """

    INPUTS = None

    def __init__(self, layers: Sequence[Layer], name: str | None = None) -> None:
        super().__init__(name=name)
        self.layers = list(layers)

    def call(self, inputs: Array, training: bool = True) -> Array:
        for layer in self.layers:
            inputs = layer(inputs, training=training)
        return inputs

    def get_config(self) -> Config:
        return {
            "layers": [serialization.serialize_for_keras("layer", layer) for layer in self.layers],
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: Config) -> Any:
        layers = [serialization.deserialize("layer", data) for data in config["layers"]]
        return super().from_config({**config, "layers": layers})


@register("layer")
class Identity(Layer):
    """Identity layer, y = x.

    Args:
        kwargs: keyword arguments of `Layer`, for example `name`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.Identity()(np.array([1.0, 2.0])).tolist()
        [1.0, 2.0]
    """

    def call(self, inputs: Array) -> Array:
        return inputs


@register("layer")
class Lambda(Layer):
    """Layer that computes function(x, **arguments).

    Saved models hold the name of the function, never its code. When a model is loaded, a function of `ops` or an
    activation is found by its name. Other functions must be among the `custom_objects` under their names; a lambda
    under the name of its layer, or under "<lambda>".

    Args:
        function: a function of the inputs, written with ops.
        output_shape: accepted for older scripts and ignored; the shape is found by tracing the function.
        mask: only None; masks are not supported.
        arguments: dict of further arguments of the function, or None.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if `function` is not callable, or if a mask is given.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers, ops
        >>> layers.Lambda(lambda x: ops.square(x) + 1)(np.array([1.0, 2.0])).tolist()
        [2.0, 5.0]
    """

    ARGUMENTS = ("function", "arguments")
    INPUTS = None

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: object = None,
        mask: object = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if mask is not None:
            raise ValueError(f"Lambda: masks are not supported. Received: mask={mask!r}")
        if not callable(function):
            raise ValueError(f"Lambda: function must be callable. Received: function={function!r}")
        self.function = function
        self.arguments = map_leaves(owned, dict(arguments or {}))

    def get_config(self) -> Config:
        """Return the arguments of the constructor.

        A user's function that has the name of a function of `ops` is saved as "Custom>name".
        """
        config = super().get_config()
        name = config["function"]
        if is_of_ops(name) and not serialization.is_of_this_package(self.function):
            return {**config, "function": f"Custom>{name}"}
        return config

    @classmethod
    def from_config(
        cls, config: Config, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool | None = None
    ) -> Any:
        """Return a new layer, whose function is a function of `ops`, an activation or a custom object.

        Args:
            config: dict that `get_config` has returned, here or in Keras.
            custom_objects: dict of functions by name, searched before the objects of the surrounding scope. A lambda is
                also found by the name of the layer.
            safe_mode: accepted for compatibility with Keras; code in a configuration is never run.
        """
        given = serialization.arguments(cls, config)
        function = given["function"]
        with custom_object_scope(custom_objects or {}):
            named = serialization.get_registered_object(str(given.get("name"))) if is_nameless(function) else None
            return cls(**{**given, "function": named or function_named(function)})

    def call(self, inputs: Array) -> Array:
        return self.function(inputs, **self.arguments)


def is_of_ops(name: object) -> bool:
    """Return whether a name in a configuration is the name of a function of `ops`."""
    return isinstance(name, str) and name in ops.__all__


def function_named(name: Any) -> Any:
    """Return the function for a name: a custom object, a function of `ops` or an activation."""
    if is_of_ops(name) and serialization.get_registered_object(name) is None:
        return getattr(ops, name)
    is_activation = isinstance(name, str) and serialization.holds("activation", name)
    return serialization.get("activation" if is_activation else "function", name)
