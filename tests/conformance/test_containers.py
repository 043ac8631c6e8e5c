"""Inputs, targets and sample weights in lists, tuples and dicts, for every form that Keras accepts."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

pytestmark = [  # from Keras's variables
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The structure of `inputs`:UserWarning"),
    pytest.mark.filterwarnings("ignore:Your input ran out of data:UserWarning"),
    pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64:UserWarning"),
]

A, B = (np.random.default_rng(i).normal(size=(6, 4)).astype("float32") for i in range(2))
LEFT, RIGHT = (np.random.default_rng(i).normal(size=(6, 2)).astype("float32") for i in (2, 3))
OF_LEFT, OF_RIGHT = np.arange(6.0), np.array([1.0, 0, 0, 0, 2, 0])
CLASSES = np.arange(6) % 2


def two_outputs(keras, order):
    """Return a model whose inputs and outputs are lists, dicts, or dicts in reverse order."""
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    both = keras.layers.Subtract()([a, b])
    left = keras.layers.Dense(2, kernel_initializer="ones", name="left")(both)
    right = keras.layers.Dense(2, kernel_initializer="ones", name="right")(keras.layers.Add()([both, a]))
    if order == "lists":
        return keras.Model([a, b], [left, right])
    inputs, outputs = {"a": a, "b": b}, {"left": left, "right": right}
    back = dict if order == "dicts" else lambda named: dict(reversed(named.items()))
    return keras.Model(back(inputs), back(outputs))


def scores(keras, order, mode, x, y, w, **how):
    model = two_outputs(keras, order)
    model.compile(keras.optimizers.SGD(0.0), **{"loss": "mse", **how})
    if mode == "train_on_batch":
        logs = model.train_on_batch(x, y, sample_weight=w, return_dict=True)
    elif mode == "fit":
        history = model.fit(x, y, sample_weight=w, batch_size=4, verbose=0).history
        logs = {name: values[0] for name, values in history.items()}
    elif mode == "generator":
        logs = model.evaluate(iter_of((x, y) if w is None else (x, y, w)), verbose=0, return_dict=True)
    else:
        logs = model.evaluate(x, y, sample_weight=w, batch_size=4, verbose=0, return_dict=True)
    return {name: float(logs[name]) for name in sorted(logs)}


def iter_of(batch):
    yield batch


X = {"dict": {"a": A, "b": B}, "flipped": {"b": B, "a": A}, "list": [A, B], "tuple": (A, B)}
Y = {"dict": {"left": LEFT, "right": RIGHT}, "flipped": {"right": RIGHT, "left": LEFT}, "list": [LEFT, RIGHT]}
W = {
    "none": None,
    "one": OF_LEFT,
    "column": OF_LEFT[:, None],
    "dict": {"left": OF_LEFT, "right": OF_RIGHT},
    "flipped": {"right": OF_RIGHT, "left": OF_LEFT},
    "list": [OF_LEFT, OF_RIGHT],
    "list with None": [OF_LEFT, None],
}
MODES = ["evaluate", "fit", "train_on_batch", "generator"]
TAKEN = {  # Keras accepts these combinations of weights, targets and outputs; fastconv accepts the others too
    "lists": {"list": {"none", "one", "column", "list", "list with None"}},
    "dicts": {
        "dict": {"none", "one", "column", "dict", "flipped"},
        "flipped": {"none", "one", "column", "dict", "flipped"},
    },
}
CASES = [
    (order, mode, x, y, w)
    for order, taken in TAKEN.items()
    for mode in MODES
    for x in ("dict", "flipped", "list")
    for y, weights in taken.items()
    for w in W
    if w in weights and not (mode == "generator" and w == "list with None")
]


@pytest.mark.parametrize(("order", "mode", "x", "y", "w"), CASES)
def test_scores_of_two_outputs(reference, order, mode, x, y, w):
    arguments = order, mode, X[x], Y[y], W[w]
    how = {} if mode == "generator" else {"weighted_metrics": [["mae"], ["mae"]]}
    asked = reference(lambda: scores(importlib.import_module("keras"), *arguments, **how))
    assert scores(importlib.import_module("fastconv"), *arguments, **how) == pytest.approx(asked, rel=1e-4)


@pytest.mark.parametrize("order", ["lists", "dicts", "dicts backwards"])
@pytest.mark.parametrize("x", ["dict", "flipped", "list", "tuple"])
def test_predictions_of_two_inputs(reference, order, x):
    if order == "dicts backwards" and x in ("list", "tuple"):
        pytest.skip("refused by both")
    found = []
    for name in ("keras", "fastconv"):

        def compute(name=name):
            outputs = two_outputs(importlib.import_module(name), order).predict(X[x], verbose=0)
            return outputs if isinstance(outputs, dict) else dict(zip(("left", "right"), outputs))

        found.append(reference(compute) if name == "keras" else compute())
    for name in ("left", "right"):
        np.testing.assert_allclose(found[1][name], found[0][name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("targets", ["all", "one by name", "one in a list", "list with None"])
def test_targets_of_outputs_with_a_loss(reference, targets):
    y = {
        "all": Y["dict"],
        "one by name": {"left": LEFT},
        "one in a list": [LEFT],
        "list with None": [LEFT, None],
    }[targets]
    arguments = "lists", "evaluate", X["flipped"], y, None
    asked = reference(lambda: scores(importlib.import_module("keras"), *arguments, loss=["mse", None]))
    assert scores(importlib.import_module("fastconv"), *arguments, loss=["mse", None]) == pytest.approx(asked, rel=1e-4)


TARGETS = {
    "integers": (CLASSES, 1, "binary_crossentropy"),
    "a column": (CLASSES[:, None], 1, "binary_crossentropy"),
    "booleans": (CLASSES.astype(bool), 1, "binary_crossentropy"),
    "nearly integers": (CLASSES * 0.998 + 0.001, 1, "binary_crossentropy"),
    "-1 and 1": (2 * CLASSES - 1, 1, "hinge"),
    "sparse": (CLASSES.astype("uint8"), 2, "sparse_categorical_crossentropy"),
    "one-hot": (np.eye(2)[CLASSES], 2, "categorical_crossentropy"),
}


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("mode", ["fit", "train_on_batch"])
def test_weights_of_classes(reference, kind, mode):
    y, units, loss = TARGETS[kind]

    def compute(name):
        keras = importlib.import_module(name)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, "sigmoid", kernel_initializer="ones")])
        model.compile(keras.optimizers.SGD(0.0), loss)
        if mode == "fit":
            return model.fit(A, y, class_weight={-1: 3.0, 0: 0.5, 1: 5}, batch_size=6, verbose=0).history["loss"][0]
        return float(model.train_on_batch(A, y, class_weight={-1: 3.0, 0: 0.5, 1: 5}))

    assert compute("fastconv") == pytest.approx(reference(lambda: compute("keras")), rel=1e-4)
