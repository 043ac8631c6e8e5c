"""Activations with arguments, as layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastconv import activations, ops
from fastconv.arguments import as_axes, as_integer, as_number
from fastconv.layers.base import Layer, check_count
from fastconv.layers.weighted import Activated, Weighted, choices
from fastconv.serialization import register


@register("layer")
class Activation(Activated):
    """activation(x), for the name of an activation or a function written with ops."""

    ARGUMENTS = ("activation",)

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activation

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
        self.max_value = None if max_value is None else as_number(self, "max_value", max_value, 0)
        self.negative_slope = as_number(self, "negative_slope", negative_slope, 0)
        self.threshold = as_number(self, "threshold", threshold, 0)

    def call(self, inputs: Any) -> Any:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


@register("layer")
class LeakyReLU(Layer):
    """x where it is positive, else negative_slope x. Raises ValueError for a slope below 0."""

    ARGUMENTS = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**{key: value for key, value in kwargs.items() if key != "alpha"})
        negative_slope = kwargs.get("alpha", negative_slope)  # what Keras 2 calls it
        self.negative_slope = as_number(self, "negative_slope", negative_slope, 0)

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
        alpha_initializer: Any = "Zeros",
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
        axes = None if shared_axes is None else as_axes(self, "shared_axes", shared_axes)
        self.shared_axes = [axes] if isinstance(axes, int) else axes

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        if not all(-rank <= axis < rank and axis % rank for axis in self.shared_axes or ()):
            raise ValueError(
                f"{self.name}: shared_axes must be among those of the input after the batch. "
                f"Received: shared_axes={self.shared_axes}, input_shape={tuple(input_shape)}"
            )
        shared = {axis % rank for axis in self.shared_axes or ()}
        self.alpha = self.weight("alpha", [1 if i in shared else n for i, n in enumerate(input_shape)][1:])

    def call(self, inputs: Any) -> Any:
        return ops.relu(inputs) - self.alpha * ops.relu(-inputs)


@register("layer")
class ELU(Layer):
    """x where it is positive, else alpha (e^x - 1)."""

    ARGUMENTS = ("alpha",)

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = as_number(self, "alpha", alpha)

    def call(self, inputs: Any) -> Any:
        return ops.elu(inputs, self.alpha)


@register("layer")
class Softmax(Layer):
    """e^x / sum(e^x) along `axis`, or along several axes together."""

    ARGUMENTS = ("axis",)

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = as_axes(self, "axis", axis)

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
        self.axis = as_integer(self, "axis", axis)

    def call(self, inputs: Any) -> Any:
        shape, at = inputs.shape, self.axis % inputs.ndim
        if shape[at] % self.num_units:
            raise ValueError(
                f"{self.name}: the size of axis {self.axis} must be a multiple of num_units={self.num_units}. "
                f"Received: shape={tuple(shape)}"
            )
        runs = ops.reshape(inputs, (*shape[:at], self.num_units, shape[at] // self.num_units, *shape[at + 1 :]))
        return ops.max(runs, at + 1)
