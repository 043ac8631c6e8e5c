"""Normalisation layers."""

from __future__ import annotations

from typing import Any

from fastconv import ops
from fastconv.layers.weighted import Weighted, choices
from fastconv.serialization import register


@register("layer")
class BatchNormalization(Weighted):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, channel by channel; Ioffe and Szegedy 2015.

    In training with the batch's own statistics, of which moving averages are kept, each momentum times itself plus
    1 - momentum times the batch's; otherwise with these averages.

    Args:
        axis: the axis of the channels.
        momentum: of the moving averages.
        epsilon: added to the variance.
        center, scale: whether beta and gamma exist.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer: names or functions.
        beta_regularizer, gamma_regularizer: penalties added to the loss, or None.
        beta_constraint, gamma_constraint: what the weights are held to after each step of training, or None.

    Raises:
        ValueError: the number of channels is unknown.
    """

    ARGUMENTS = ("axis", "momentum", "epsilon", "center", "scale", *choices("beta", "gamma"),
                 *choices("moving_mean", "moving_variance", of=["initializer"]))  # fmt: skip

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = axis
        self.momentum = momentum
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.choose(
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            moving_mean_initializer=moving_mean_initializer,
            moving_variance_initializer=moving_variance_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )

    def build(self, input_shape: Any) -> None:
        if not -len(input_shape) <= self.axis < len(input_shape) or input_shape[self.axis] is None:
            raise ValueError(f"{self.name}: the size of axis={self.axis} must be known. Received: {input_shape=}")
        shape = (input_shape[self.axis],)
        self.gamma = self.weight("gamma", shape) if self.scale else None
        self.beta = self.weight("beta", shape) if self.center else None
        self.moving_mean = self.weight("moving_mean", shape, trainable=False)
        self.moving_variance = self.weight("moving_variance", shape, trainable=False)

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or not self.trainable:
            return ops.batch_normalization(
                inputs, self.moving_mean, self.moving_variance, self.axis, self.beta, self.gamma, self.epsilon
            )
        y, mean, variance = ops.batch_norm(inputs, self.gamma, self.beta, self.axis, self.epsilon)
        for average, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            average.assign(average * self.momentum + ops.stop_gradient(batch) * (1 - self.momentum))
        return y
