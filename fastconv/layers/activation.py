"""Activations with arguments, as layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastconv import activations, ops
from fastconv.layers.base import Layer, check_count
from fastconv.layers.weighted import Weighted, choices
from fastconv.serialization import register


@register("layer")
class Activation(Layer):
    """activation(x), for the name of an activation or a function written with ops."""

    ARGUMENTS = ("activation",)

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)


@register("layer")
class ReLU(Layer):
    """x above `threshold`, at most `max_value`; below it, negative_slope (x - threshold).

    Raises:
        ValueError: a negative argument.
    """

    ARGUMENTS = ("max_value", "negative_slope", "threshold")

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if (max_value is not None and max_value < 0) or negative_slope < 0 or threshold < 0:
            raise ValueError(
                "ReLU: arguments must be at least 0. Received: "
                f"max_value={max_value}, negative_slope={negative_slope}, threshold={threshold}"
            )
        self.max_value = max_value
        self.negative_slope = negative_slope
        self.threshold = threshold

    def call(self, inputs: Any) -> Any:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


@register("layer")
class LeakyReLU(Layer):
    """x where it is positive, else negative_slope x. Raises ValueError for a slope below 0."""

    ARGUMENTS = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**{key: value for key, value in kwargs.items() if key != "alpha"})
        negative_slope = kwargs.get("alpha", negative_slope)  # what Keras 2 calls it
        if negative_slope is None or negative_slope < 0:
            raise ValueError(f"LeakyReLU: negative_slope must be at least 0. Received: {negative_slope}")
        self.negative_slope = negative_slope

    def call(self, inputs: Any) -> Any:
        return ops.leaky_relu(inputs, self.negative_slope)


@register("layer")
class PReLU(Weighted):
    """x where it is positive, else alpha x, with an alpha for each element that is trained; He et al. 2015.

    Args:
        alpha_initializer, alpha_regularizer, alpha_constraint: of alpha.
        shared_axes: the axes along which elements share an alpha: (1, 2) for one a channel of images (N, H, W, C).

    Raises:
        ValueError: the size of an axis that is not shared is unknown.
    """

    ARGUMENTS = (*choices("alpha"), "shared_axes")

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.choose(
            alpha_initializer=alpha_initializer,
            alpha_regularizer=alpha_regularizer,
            alpha_constraint=alpha_constraint,
        )
        self.shared_axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes and list(shared_axes)

    def build(self, input_shape: Any) -> None:
        shared = {axis % len(input_shape) for axis in self.shared_axes or ()}
        self.alpha = self.weight("alpha", [1 if i in shared else n for i, n in enumerate(input_shape)][1:])

    def call(self, inputs: Any) -> Any:
        return ops.relu(inputs) - self.alpha * ops.relu(-inputs)


@register("layer")
class ELU(Layer):
    """x where it is positive, else alpha (e^x - 1). Raises ValueError for alpha below 0."""

    ARGUMENTS = ("alpha",)

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if alpha < 0:
            raise ValueError(f"ELU: alpha must be at least 0. Received: {alpha}")
        self.alpha = alpha

    def call(self, inputs: Any) -> Any:
        return ops.elu(inputs, self.alpha)


@register("layer")
class Softmax(Layer):
    """e^x / sum(e^x) along `axis`."""

    ARGUMENTS = ("axis",)

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        return ops.softmax(inputs, self.axis)


@register("layer")
class Maxout(Layer):
    """The largest of each run of neighbours: K axes of `axis` become `num_units`, a multiple of which K must be.

    Behind a dense or convolutional layer without activation, the maximum of K / num_units affine functions for each
    unit; Goodfellow et al. 2013.

    Raises:
        ValueError: K is not a multiple of `num_units`.
    """

    ARGUMENTS = ("num_units", "axis")

    def __init__(self, num_units: int, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_units = check_count(self, "num_units", num_units)
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        shape, at = inputs.shape, self.axis % inputs.ndim
        if shape[at] % self.num_units:
            raise ValueError(
                f"{self.name}: the size of axis {self.axis} must be a multiple of num_units={self.num_units}. "
                f"Received: shape={tuple(shape)}"
            )
        runs = ops.reshape(inputs, (*shape[:at], self.num_units, shape[at] // self.num_units, *shape[at + 1 :]))
        return ops.max(runs, at + 1)
