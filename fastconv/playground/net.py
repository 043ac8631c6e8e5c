"""The net of the Networks tab: a model of fastconv, and a second model that returns the outputs of all its neurons."""

from __future__ import annotations

from typing import Any

import numpy as np

import fastconv.initializers as initializers
import fastconv.layers as layers
import fastconv.ops as ops
import fastconv.optimizers as optimizers
import fastconv.regularizers as regularizers
from fastconv.models import Model
from fastconv.playground.settings import FEATURES, Settings
from fastconv.playground.starts import BIAS, seeds
from fastconv.typing import Array

PIECES = 2  # affine functions of which a maxout unit is the maximum


def half_squared_error(y_true: Array, y_pred: Array) -> Array:
    """Return half of the squared error of each point."""
    return ops.mean(ops.square(y_pred - y_true), axis=-1) / 2


def features_of(points: Array, names: tuple[str, ...]) -> Array:
    """Return features (N, F) of points (N, 2)."""
    x1, x2 = points[:, 0], points[:, 1]
    return np.stack([FEATURES[name].compute(x1, x2) for name in names], axis=1).astype(np.float32)


class Net:
    """A net with the settings of a student."""

    def __init__(self, settings: Settings) -> None:
        self._units = (*settings.shape, 1)
        inputs = layers.Input((len(settings.features),))
        *hidden_seeds, last_seed = seeds(settings)
        outputs, x = [], inputs
        for units, seed in zip(settings.shape, hidden_seeds):
            x = _hidden(x, units, seed, settings)
            outputs.append(x)
        last = "tanh" if settings.problem == "classification" else None
        outputs.append(_dense(1, last_seed, settings, last)(x))
        self.model = Model(inputs, outputs[-1])
        self.neurons = Model(inputs, outputs)
        self._dense = [layer for layer in self.model.layers if isinstance(layer, layers.Dense)]
        self.model.compile(optimizer_of(settings), loss=half_squared_error)

    def train(self, x: Array, y: Array, batch_size: int) -> None:
        """Train for one pass over the points."""
        self.model.fit(x, y, batch_size=batch_size, shuffle=False, verbose=0)

    def outputs(self, x: Array) -> Array:
        """Return the outputs of all neurons (N, neurons), layer by layer; the last column is the output of the net."""
        return np.concatenate([np.asarray(y) for y in _as_list(self.neurons.predict_on_batch(x))], axis=1)

    def weights(self) -> list[tuple[Array, Array]]:
        """Return kernel (inputs, units, pieces) and bias (units, pieces) of each layer.

        Units of maxout have two pieces, others have one.
        """
        return [_in_pieces(layer, units) for layer, units in zip(self._dense, self._units)]

    def set_weight(self, layer: int, unit: int, piece: int, source: int | None, value: float) -> None:
        """Replace the weight of a unit for the output `source` of the layer before, or the unit's bias if it is None.

        Raises:
            IndexError: if there is no such weight.
        """
        kernel, bias = self.weights()[layer]
        if source is None:
            bias[unit, piece] = value
        else:
            kernel[source, unit, piece] = value
        self._dense[layer].set_weights([kernel.reshape(len(kernel), -1), bias.reshape(-1)])


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _in_pieces(layer: layers.Dense, units: int) -> tuple[Array, Array]:
    kernel, bias = layer.get_weights()
    return kernel.reshape(len(kernel), units, -1), bias.reshape(units, -1)


def _hidden(x: Any, units: int, seed: int, settings: Settings) -> Any:
    if settings.activation == "maxout":
        return layers.Maxout(units)(_dense(PIECES * units, seed, settings, None)(x))
    return _dense(units, seed, settings, settings.activation)(x)


def _dense(units: int, seed: int, settings: Settings, activation: str | None) -> layers.Dense:
    return layers.Dense(
        units,
        activation=activation,
        kernel_initializer=initializers.Zeros() if settings.init_zero else initializers.Orthogonal(seed=seed),
        bias_initializer=initializers.Constant(0 if settings.init_zero else BIAS),
        kernel_regularizer=_regularizer(settings),
    )


def _regularizer(settings: Settings) -> Any:
    """Return a penalty of rate |w| or rate w^2 / 2 for each weight w, or None."""
    if settings.regularization == "none" or not settings.regularization_rate:
        return None
    if settings.regularization == "L1":
        return regularizers.L1(settings.regularization_rate)
    return regularizers.L2(settings.regularization_rate / 2)


def optimizer_of(settings: Settings) -> Any:
    """Return the optimizer of settings."""
    rate = settings.learning_rate
    if settings.optimizer == "momentum":
        return optimizers.SGD(rate, momentum=0.9)
    kinds: dict[str, Any] = {"sgd": optimizers.SGD, "rmsprop": optimizers.RMSprop, "adam": optimizers.Adam}
    return kinds[settings.optimizer](rate)
