"""Scripts for students: the net on the screen as a program for Keras or fastconv."""

from __future__ import annotations

import inspect

from fastconv.playground import points
from fastconv.playground.net import PIECES
from fastconv.playground.settings import FEATURES, Settings
from fastconv.playground.starts import BIAS, seeds

PASSES = 1000  # of a script, if the net on the screen is not trained yet

SCRIPT = """{head}
import fastconv as keras  # or: import keras
import numpy as np


{data_set}

def features(points):
    x1, x2 = points[:, 0], points[:, 1]
    return np.stack([{features}], axis=1).astype("float32")


def half_squared_error(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_pred - y_true), axis=-1) / 2


rng = np.random.default_rng({seed})
points, values = {name}(rng, {count}, noise={noise:g})
order = rng.permutation({count})
x, y = features(points[order]), values[order, np.newaxis].astype("float32")
x_train, y_train, x_test, y_test = x[:{train}], y[:{train}], x[{train}:], y[{train}:]

model = keras.Sequential([
    keras.layers.Input(({inputs},)),
{layers}
])
model.compile(keras.optimizers.{optimizer}, loss=half_squared_error)
model.fit(x_train, y_train, batch_size={batch_size}, epochs={passes}, shuffle=False, verbose=0)

for part, x, y in (("training", x_train, y_train), ("test", x_test, y_test)):
    print(f"{{part}} loss: {{np.mean((model.predict(x, verbose=0) - y) ** 2) / 2:.4f}}")
"""


def script(settings: Settings, passes: int, edited: bool = False) -> str:
    """Return a script that makes, trains and tests the net of settings.

    Args:
        settings: the settings of the Networks tab.
        passes: the number of passes over the training points; 0 for 1,000.
        edited: whether a comment says that the script lacks weights that were set by hand.
    """
    data_set, count = points.chosen(settings.problem, settings.dataset, settings.reg_dataset)
    return SCRIPT.format(
        head="\n".join(_head(settings, edited)),
        data_set=_source(data_set),
        features=", ".join(FEATURES[name].formula for name in settings.features),
        seed=settings.seed,
        name=data_set.__name__,
        count=count,
        noise=settings.noise / 100,
        train=round(count * settings.train_percent / 100),
        inputs=len(settings.features),
        layers="\n".join(_layers(settings)),
        optimizer=_optimizer(settings),
        batch_size=settings.batch_size,
        passes=passes or PASSES,
    )


def _head(settings: Settings, edited: bool) -> list[str]:
    title = f"# A net for {settings.problem}, as the playground of fastconv has trained it."
    return [title, *(["# This script lacks the weights that were set by hand."] if edited else [])]


def _source(data_set: points.DataSet) -> str:
    """Return the source of a data set's function, without types."""
    source = inspect.getsource(data_set)
    head = source[: source.index("\n")]
    return source.replace(head, f"def {data_set.__name__}(rng, count, noise):", 1)


def _layers(settings: Settings) -> list[str]:
    *hidden_seeds, last_seed = seeds(settings)
    lines = []
    for units, seed in zip(settings.shape, hidden_seeds):
        if settings.activation == "maxout":
            lines.append(_dense(PIECES * units, seed, settings, "linear"))
            lines.append(f"    keras.layers.Maxout({units}),  # Keras lacks this layer; fastconv has it")
        else:
            lines.append(_dense(units, seed, settings, settings.activation))
    last = "tanh" if settings.problem == "classification" else "linear"
    return [*lines, _dense(1, last_seed, settings, last)]


def _dense(units: int, seed: int, settings: Settings, activation: str) -> str:
    kernel = '"zeros"' if settings.init_zero else f"keras.initializers.Orthogonal(seed={seed})"
    bias = 0.0 if settings.init_zero else BIAS
    arguments = [
        str(units),
        f'activation="{activation}"',
        f"kernel_initializer={kernel}",
        f"bias_initializer=keras.initializers.Constant({bias})",
        *_regularizer(settings),
    ]
    return "    keras.layers.Dense(\n" + "".join(f"        {each},\n" for each in arguments) + "    ),"


def _regularizer(settings: Settings) -> list[str]:
    rate = settings.regularization_rate
    if settings.regularization == "none" or not rate:
        return []
    value = f"L1({rate:g})" if settings.regularization == "L1" else f"L2({rate:g} / 2)"
    return [f"kernel_regularizer=keras.regularizers.{value}"]


def _optimizer(settings: Settings) -> str:
    rate = f"{settings.learning_rate:g}"
    names = {"sgd": "SGD({})", "momentum": "SGD({}, momentum=0.9)", "rmsprop": "RMSprop({})", "adam": "Adam({})"}
    return names[settings.optimizer].format(rate)
