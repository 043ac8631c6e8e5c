"""Activations with arguments, as layers."""

from __future__ import annotations

from typing import Any

from fastconv import ops
from fastconv.layers.base import Layer
from fastconv.serialization import register


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
        if self.threshold:
            y = ops.where(inputs > self.threshold, inputs, (inputs - self.threshold) * self.negative_slope)
        else:
            y = ops.leaky_relu(inputs, self.negative_slope) if self.negative_slope else ops.relu(inputs)
        return y if self.max_value is None else ops.minimum(y, self.max_value)


@register("layer")
class LeakyReLU(Layer):
    """x where it is positive, else negative_slope x. Raises ValueError for a slope below 0."""

    ARGUMENTS = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if negative_slope is None or negative_slope < 0:
            raise ValueError(f"LeakyReLU: negative_slope must be at least 0. Received: {negative_slope}")
        self.negative_slope = negative_slope

    def call(self, inputs: Any) -> Any:
        return ops.leaky_relu(inputs, self.negative_slope)


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
