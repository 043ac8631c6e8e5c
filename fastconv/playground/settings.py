"""Settings of the Networks tab, and the values that they may have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from fastconv.playground import fields
from fastconv.playground.points import CLASSIFICATION, REGRESSION
from fastconv.typing import Array


@dataclass(frozen=True)
class Feature:
    """A number that the net gets of each point: its name in links, its formula, and the function."""

    link: str
    formula: str
    compute: Callable[[Array, Array], Array]


FEATURES = {
    "x1": Feature("x", "x1", lambda x1, x2: x1),
    "x2": Feature("y", "x2", lambda x1, x2: x2),
    "x1_squared": Feature("xSquared", "x1**2", lambda x1, x2: x1**2),
    "x2_squared": Feature("ySquared", "x2**2", lambda x1, x2: x2**2),
    "x1_x2": Feature("xTimesY", "x1 * x2", lambda x1, x2: x1 * x2),
    "sin_x1": Feature("sinX", "np.sin(x1)", lambda x1, x2: np.sin(x1)),
    "sin_x2": Feature("sinY", "np.sin(x2)", lambda x1, x2: np.sin(x2)),
}
PROBLEMS = ("classification", "regression")
ACTIVATIONS = ("tanh", "sigmoid", "relu", "linear", "leaky_relu", "elu", "maxout")
REGULARIZATIONS = ("none", "L1", "L2")
OPTIMIZERS = ("sgd", "momentum", "rmsprop", "adam")
LARGEST_SEED = 2**32 - 1  # of points
LARGEST_WEIGHTS_SEED = 9_999_999
MOST_LAYERS = 6
MOST_UNITS = 8


@dataclass(frozen=True)
class Settings:
    """The settings of a student, all valid. `noise` and `train_percent` are percentages."""

    problem: str = "classification"
    dataset: str = "circle"
    reg_dataset: str = "reg-plane"
    noise: int = 0
    train_percent: int = 50
    batch_size: int = 10
    features: tuple[str, ...] = ("x1", "x2")
    shape: tuple[int, ...] = (4, 2)
    activation: str = "tanh"
    learning_rate: float = 0.03
    regularization: str = "none"
    regularization_rate: float = 0.0
    optimizer: str = "sgd"
    seed: int = 0
    weights_seed: int = 0
    init_zero: bool = False
    show_test: bool = False
    discretize: bool = False

    def changed(self, changes: Any) -> Settings:
        """Return settings with some values replaced. Raises ValueError if a name or value is not valid."""
        if not isinstance(changes, Mapping):
            raise ValueError(f"changes: an object of names and values is expected. Received: {str(changes)[:60]}")
        unknown = changes.keys() - CHECKS.keys()
        if unknown:
            raise ValueError(f"changes: unknown settings: {', '.join(sorted(map(str, unknown)))[:60]}")
        return replace(self, **{name: CHECKS[name](name, value) for name, value in changes.items()})

    def as_dict(self) -> dict[str, Any]:
        """Return all settings by name."""
        return asdict(self)


Check = Callable[[str, Any], Any]


def _choice(choices: Any) -> Check:
    return lambda name, value: fields.choice(name, value, choices)


def _integer(least: int, most: int) -> Check:
    return lambda name, value: fields.integer(name, value, least, most)


def _number(least: float, most: float) -> Check:
    return lambda name, value: fields.number(name, value, least, most)


def _features_of(name: str, value: Any) -> tuple[str, ...]:
    """Return names of features without repetitions, in the order of `FEATURES`."""
    chosen = {fields.choice(name, each, FEATURES) for each in _list(name, value, len(FEATURES))}
    if not chosen:
        raise ValueError(f"{name}: a net needs at least one feature. Received: {value}")
    return tuple(each for each in FEATURES if each in chosen)


def _shape_of(name: str, value: Any) -> tuple[int, ...]:
    return tuple(fields.integer(name, each, 1, MOST_UNITS) for each in _list(name, value, MOST_LAYERS))


def _list(name: str, value: Any, most: int) -> list[Any]:
    if not isinstance(value, (list, tuple)) or len(value) > most:
        raise ValueError(f"{name}: a list of at most {most} entries is expected. Received: {str(value)[:60]}")
    return list(value)


CHECKS: dict[str, Check] = {
    "problem": _choice(PROBLEMS),
    "dataset": _choice(CLASSIFICATION),
    "reg_dataset": _choice(REGRESSION),
    "noise": _integer(0, 50),
    "train_percent": _integer(10, 90),
    "batch_size": _integer(1, 30),
    "features": _features_of,
    "shape": _shape_of,
    "activation": _choice(ACTIVATIONS),
    "learning_rate": _number(1e-6, 10),
    "regularization": _choice(REGULARIZATIONS),
    "regularization_rate": _number(0, 10),
    "optimizer": _choice(OPTIMIZERS),
    "seed": _integer(0, LARGEST_SEED),
    "weights_seed": _integer(0, LARGEST_WEIGHTS_SEED),
    "init_zero": fields.boolean,
    "show_test": fields.boolean,
    "discretize": fields.boolean,
}
