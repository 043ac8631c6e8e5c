"""Losses and metrics of outputs in `compile`, their names, and the order of scores, compared with Keras."""

from __future__ import annotations

import numpy as np
import pytest

import fastconv

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # from Keras's variables
    pytest.mark.filterwarnings("ignore:.*the loss does not depend", "ignore:Gradients do not exist"),
]

rng = np.random.default_rng(0)
X = rng.random((16, 4)).astype("float32")
CLASSES = rng.integers(0, 3, 16)
ONE_HOT, NUMBERS = np.eye(3, dtype="float32")[CLASSES], rng.random((16, 1)).astype("float32")
WEIGHTS = rng.random(16).astype("float32")
TWO = {"loss": ["sparse_categorical_crossentropy", "mse"]}
BOTH = [CLASSES, NUMBERS]


def a_model(library, outputs):
    """Return a model with these outputs, whose weights are the same in both libraries."""
    x = library.Input((4,))
    made = [library.layers.Dense(units, activation, name=name)(x) for name, units, activation in outputs]
    model = library.Model(x, made if len(made) > 1 else made[0])
    model.set_weights([np.cos(np.arange(w.size, dtype="float32").reshape(w.shape)) for w in model.get_weights()])
    return model


PAIR = [("right", 3, "softmax"), ("left", 1, None)]  # not in alphabetical order
ONE = [("out", 3, "softmax")]


def loss(y_true, y_pred):  # the name of the total loss in logs
    return (y_true - y_pred) ** 2.0


def MyMetric(y_true, y_pred):
    return abs(y_true - y_pred)


class Absolute:
    def __call__(self, y_true, y_pred):
        return abs(y_true - y_pred)


CASES = {
    "one each": (PAIR, BOTH, {**TWO, "metrics": ["accuracy", "mae"]}),
    "lists": (PAIR, BOTH, {**TWO, "metrics": [["accuracy"], ["mae", "mse"]]}),
    "mixed": (PAIR, BOTH, {**TWO, "metrics": ["accuracy", ["mae", "mse"]]}),
    "of one": (PAIR, BOTH, {**TWO, "metrics": {"right": "accuracy"}}),
    "None": (PAIR, BOTH, {**TWO, "metrics": [None, ["mae"]]}),
    "empty": (PAIR, BOTH, {**TWO, "metrics": [[], ["mae"]]}),
    "weighted": (PAIR, BOTH, {**TWO, "metrics": [["acc"], ["mae"]], "weighted_metrics": [["acc"], ["mae", "mse"]]}),
    "twice": (PAIR, [ONE_HOT, NUMBERS], {"loss": "mse", "metrics": {"left": ["mae", "mae"], "right": ["mae", "mse"]}}),
    "weights of losses": (PAIR, BOTH, {**TWO, "loss_weights": [0.5, 3.0]}),
    "no loss for one": (PAIR, BOTH, {"loss": [None, "mse"]}),
    "no loss but a metric": (PAIR, BOTH, {"loss": [None, "mse"], "metrics": ["accuracy", None]}),
    "first target only": (PAIR, [CLASSES], {"loss": [TWO["loss"][0], None]}),
    "only target": (PAIR, CLASSES, {"loss": [TWO["loss"][0], None]}),
    "second target only": (PAIR, [NUMBERS], {"loss": [None, "mse"]}),
    "strings of accuracy": (ONE, ONE_HOT, {"loss": "crossentropy", "metrics": ["ACC", "Accuracy", "acc"]}),
    "ce of classes": (ONE, CLASSES, {"loss": "ce", "metrics": ["accuracy"]}),
    "ce of one": ([("out", 1, "sigmoid")], NUMBERS, {"loss": "CE"}),
    "list of one": (ONE, ONE_HOT, {"loss": ["mse"], "metrics": [["mae"]], "loss_weights": [2.0]}),
    "number of one": (ONE, ONE_HOT, {"loss": "mse", "loss_weights": 2.0}),
    "name of one": (ONE, ONE_HOT, {"loss": {"out": "mse"}, "loss_weights": {"out": 2.0}, "metrics": {"out": "mae"}}),
    "same names": (ONE, ONE_HOT, {"loss": "mse", "metrics": ["mse", "mae", "mse", "mse"]}),
    "weighted of same names": (ONE, ONE_HOT, {"loss": "mse", "metrics": ["mse"], "weighted_metrics": ["mse", "mse"]}),
    "functions": (ONE, ONE_HOT, {"loss": MyMetric, "metrics": [MyMetric, lambda a, b: a * b, Absolute()]}),
}


def results(library, outputs, y, arguments):
    """Return everything that fit, evaluate and train_on_batch report."""
    model = a_model(library, outputs)
    model.compile(library.optimizers.SGD(0.1), **arguments)
    weights = {"sample_weight": WEIGHTS} if "weighted_metrics" in arguments else {}
    history = model.fit(X, y, verbose=0, batch_size=8, shuffle=False, **weights).history
    scores = [model.evaluate(X, y, verbose=0, **weights), model.train_on_batch(X, y, **weights)]
    return [dict(sorted(history.items())), *scores]


@pytest.mark.parametrize("case", CASES)
def test_results_are_those_of_keras(case, reference):
    def theirs():
        import keras

        history, *scores = results(keras, *CASES[case])
        repeats = any(name[-1].isdigit() for name in history)  # scores with equal names, in Keras
        return [history, *([None, None] if repeats else scores)]

    history, *scores = results(fastconv, *CASES[case])
    their_history, *their_scores = reference(theirs)
    assert list(history) == list(their_history)
    for name, values in their_history.items():
        assert history[name] == pytest.approx(values, rel=1e-4), name
    for found, expected in zip(scores, their_scores):
        if expected is not None:
            assert found == pytest.approx(expected, rel=1e-4)


def test_objects_of_one_class(reference):
    """The names of the second and third object get a number as a suffix; a loss may be a metric too."""

    def names(library):
        model = a_model(library, ONE)
        mse, loss_object = library.metrics.MeanSquaredError(name="m"), library.losses.MeanSquaredError(name="e")
        given = [library.metrics.AUC(name="auc"), library.metrics.AUC(name="auc", curve="PR"), mse, mse, loss_object]
        model.compile("sgd", loss_object, metrics=given)
        return sorted(model.fit(X, ONE_HOT, verbose=0).history)

    def theirs():
        import keras

        return names(keras)

    assert names(fastconv) == reference(theirs)


TREES = {
    "list in a dict": lambda a, b, c: {"o": [a, b], "p": c},
    "dict in a dict": lambda a, b, c: {"o": {"a": a, "b": b}, "p": c},
    "list in a list": lambda a, b, c: [[a, b], c],
    "dict in a list": lambda a, b, c: [{"a": a, "b": b}, c],
    "list of one": lambda a, b, c: {"o": [a], "p": b, "q": c},
}


def results_of_nested_outputs(library, tree, arguments):
    """Return the history of a model with nested outputs, and its scores."""
    x = library.Input((4,))
    made = [library.layers.Dense(1, kernel_initializer="ones", name=name)(x) for name in ("d1", "d2", "d3")]
    model = library.Model(x, TREES[tree](*made))
    model.compile(library.optimizers.SGD(0.1), **{name: given(TREES[tree]) for name, given in arguments.items()})
    y = TREES[tree](NUMBERS, NUMBERS + 1, NUMBERS + 2)
    history = model.fit(X, y, verbose=0, batch_size=8, shuffle=False).history
    return [dict(sorted(history.items())), model.evaluate(X, y, verbose=0)]


@pytest.mark.parametrize("tree", TREES)
@pytest.mark.parametrize(
    "arguments",
    [
        {"loss": lambda tree: "mse"},
        {"loss": lambda tree: tree("mse", "mae", "mse"), "loss_weights": lambda tree: tree(1.0, 2.0, 3.0)},
        {"loss": lambda tree: tree("mse", None, "mae"), "metrics": lambda tree: tree("mae", "mse", "mse")},
        {"loss": lambda tree: "mse", "metrics": lambda tree: tree(["mae"], ["mse", "mae"], ["mse"])},
    ],
    ids=["one loss", "losses", "without a loss", "lists of metrics"],
)
def test_names_of_nested_outputs(tree, arguments, reference):
    if tree == "list of one" and "metrics" in arguments:
        pytest.skip("Keras refuses metrics for these outputs")

    def theirs():
        import keras

        return results_of_nested_outputs(keras, tree, arguments)

    found, expected = results_of_nested_outputs(fastconv, tree, arguments), reference(theirs)
    assert list(found[0]) == list(expected[0])
    for name, values in expected[0].items():
        assert found[0][name] == pytest.approx(values, rel=1e-4), name
    assert found[1] == pytest.approx(expected[1], rel=1e-4)
