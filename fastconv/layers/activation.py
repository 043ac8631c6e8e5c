"""Activation layers."""

from __future__ import annotations

from typing import Any

import fastconv.activations as activations
import fastconv.ops as ops
from fastconv.arguments import as_axes, as_integer, as_number
from fastconv.layers.base import Layer, check_count
from fastconv.layers.weighted import Activated, Weighted
from fastconv.serialization import register
from fastconv.typing import ActivationLike, Array, Axis, ConstraintLike, InitializerLike, RegularizerLike, Tree


@register("layer")
class Activation(Activated):
    """Apply an activation function, y = activation(x).

    Args:
        activation: a name, or a function written with ops.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if the name is unknown.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.Activation("relu")(np.array([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def __init__(self, activation: ActivationLike | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activation

    def call(self, inputs: Array) -> Array:
        return self.activation(inputs)


@register("layer")
class ReLU(Layer):
    """Rectified linear unit, y = min(x, max_value) if x > threshold, else negative_slope (x - threshold).

    Args:
        max_value: float >= 0, the upper bound of y, or None for no bound.
        negative_slope: float >= 0. Defaults to 0.
        threshold: float >= 0. Defaults to 0.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if an argument is negative.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.ReLU(max_value=6)(np.array([-1.0, 2.0, 10.0])).tolist()
        [0.0, 2.0, 6.0]
    """

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.max_value = None if max_value is None else as_number(self, "max_value", max_value, 0)
        self.negative_slope = as_number(self, "negative_slope", negative_slope, 0)
        self.threshold = as_number(self, "threshold", threshold, 0)

    def call(self, inputs: Array) -> Array:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


@register("layer")
class LeakyReLU(Layer):
    """Leaky rectified linear unit, y = x if x > 0, else negative_slope x.

    Args:
        negative_slope: float >= 0. Defaults to 0.3. `alpha` is its name in Keras 2.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if `negative_slope` is negative.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.LeakyReLU(0.5)(np.array([-1.0, 2.0])).tolist()
        [-0.5, 2.0]

    References:
        Maas et al. 2013, "Rectifier nonlinearities improve neural network acoustic models".
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**{key: value for key, value in kwargs.items() if key != "alpha"})
        negative_slope = kwargs.get("alpha", negative_slope)  # the name in Keras 2
        self.negative_slope = as_number(self, "negative_slope", negative_slope, 0)

    def call(self, inputs: Array) -> Array:
        return ops.leaky_relu(inputs, self.negative_slope)


@register("layer")
class PReLU(Weighted):
    """Parametric rectified linear unit, y = x if x > 0, else alpha x, with a trained alpha for each element.

    Shapes: x and y (N, ...); alpha (...), with size 1 along `shared_axes`.

    Args:
        alpha_initializer: a name or a function (shape, dtype) -> array. Defaults to "Zeros".
        alpha_regularizer: a penalty on alpha that is added to the loss, or None.
        alpha_constraint: a function applied to alpha after each training step, or None.
        shared_axes: int or sequence of int, the axes along which elements share an alpha; (1, 2) gives an alpha for
            each channel of images (N, H, W, C). Defaults to None, no shared axes.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if `shared_axes` do not exist, or if the size of an axis that is not shared is unknown.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layer = layers.PReLU(shared_axes=(1, 2))
        >>> layer(np.zeros((1, 28, 28, 3))).shape
        (1, 28, 28, 3)
        >>> layer.alpha.shape
        (1, 1, 3)

    References:
        He et al. 2015, "Delving deep into rectifiers".
    """

    def __init__(
        self,
        alpha_initializer: InitializerLike = "Zeros",
        alpha_regularizer: RegularizerLike | None = None,
        alpha_constraint: ConstraintLike | None = None,
        shared_axes: Axis | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.choose(
            alpha_initializer=alpha_initializer,
            alpha_regularizer=alpha_regularizer,
            alpha_constraint=alpha_constraint,
        )
        axes = None if shared_axes is None else as_axes(self, "shared_axes", shared_axes)
        self.shared_axes = [axes] if isinstance(axes, int) else axes

    def build(self, input_shape: Tree) -> None:
        rank = len(input_shape)
        if not all(-rank <= axis < rank and axis % rank for axis in self.shared_axes or ()):
            raise ValueError(
                f"{self.name}: shared_axes must exist in the input and not be the batch axis. "
                f"Received: shared_axes={self.shared_axes}, input_shape={tuple(input_shape)}"
            )
        shared = {axis % rank for axis in self.shared_axes or ()}
        self.alpha = self.weight("alpha", [1 if i in shared else n for i, n in enumerate(input_shape)][1:])

    def call(self, inputs: Array) -> Array:
        return ops.relu(inputs) - self.alpha * ops.relu(-inputs)


@register("layer")
class ELU(Layer):
    """Exponential linear unit, y = x if x > 0, else alpha (e^x - 1).

    Args:
        alpha: float, the negative limit of y. Defaults to 1.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> [round(float(v), 4) for v in layers.ELU()(np.array([-1.0, 2.0]))]
        [-0.6321, 2.0]

    References:
        Clevert et al. 2016, "Fast and accurate deep network learning by exponential linear units".
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = as_number(self, "alpha", alpha)

    def call(self, inputs: Array) -> Array:
        return ops.elu(inputs, self.alpha)


@register("layer")
class Softmax(Layer):
    """Softmax, y = e^x / sum(e^x), along one or several axes.

    Args:
        axis: int or sequence of int, the axes of the sum. Defaults to -1.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.Softmax()(np.array([[0.0, 0.0]])).tolist()
        [[0.5, 0.5]]
    """

    def __init__(self, axis: Axis = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = as_axes(self, "axis", axis)

    def call(self, inputs: Array) -> Array:
        return ops.softmax(inputs, self.axis)


@register("layer")
class Maxout(Layer):
    """Maximum over groups of K / num_units neighbouring channels.

    After a dense or convolutional layer without activation, each unit is the maximum of K / num_units affine functions.

    Shapes: x (..., K, ...), y (..., num_units, ...), with K at `axis`.

    Args:
        num_units: int, the number of groups.
        axis: int, the axis of the channels. Defaults to -1.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if K is not a multiple of `num_units`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.Maxout(2)(np.array([[1.0, 5.0, 2.0, 3.0]])).tolist()
        [[5.0, 3.0]]

    References:
        Goodfellow et al. 2013, "Maxout networks".
    """

    def __init__(self, num_units: int, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_units = check_count(self, "num_units", num_units)
        self.axis = as_integer(self, "axis", axis)

    def call(self, inputs: Array) -> Array:
        shape, at = inputs.shape, self.axis % inputs.ndim
        if shape[at] % self.num_units:
            raise ValueError(
                f"{self.name}: the size of axis {self.axis} must be a multiple of num_units={self.num_units}. "
                f"Received: shape={tuple(shape)}"
            )
        runs = ops.reshape(inputs, (*shape[:at], self.num_units, shape[at] // self.num_units, *shape[at + 1 :]))
        return ops.max(runs, at + 1)
