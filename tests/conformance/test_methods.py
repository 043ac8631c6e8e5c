"""Methods compared with Keras: stateless functions, metrics of layers, clones, and summary tables of models."""

from __future__ import annotations

import re

import numpy as np
import pytest

import fastconv

# Keras's variables warn when NumPy 2 converts them to arrays.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)).astype("float32"), RNG.normal(size=(12, 2)).astype("float32")
W, B = RNG.normal(size=(3, 2)).astype("float32"), np.array([0.5, -0.5], "float32")


def arrays(values):
    return [np.asarray(value) for value in values]


def call(library):
    model = library.Sequential(
        [library.Input((3,)), library.layers.BatchNormalization(), library.layers.Dense(2, kernel_regularizer="l2")]
    )
    trained = [np.full(3, 2.0, "float32"), np.ones(3, "float32"), W, B]
    others = [np.ones(3, "float32"), np.full(3, 3.0, "float32")]
    outputs, others, penalties = model.stateless_call(trained, others, X, training=True, return_losses=True)
    return [*arrays([outputs, *others]), float(penalties[0])]


def metric(library):
    kinds = [library.metrics.MeanSquaredError(), library.metrics.BinaryAccuracy(), library.metrics.F1Score("micro")]
    found = []
    for each in kinds:
        if not each.variables:
            each.update_state(Y * 0, Y * 0)
        state = each.stateless_reset_state()
        for weight in (np.ones(12, "float32"), np.arange(12, dtype="float32")):
            state = each.stateless_update_state(state, (Y > 0).astype("float32"), Y, sample_weight=weight)
        found.append(np.asarray(each.stateless_result(state)))
    return found


def steps(library):
    found = []
    for make in (
        lambda: library.optimizers.SGD(0.1, momentum=0.9),
        lambda: library.optimizers.Adam(0.1, weight_decay=0.01),
        lambda: library.optimizers.RMSprop(0.1, centered=True, momentum=0.5),
    ):
        optimizer, dense = make(), library.layers.Dense(2)
        dense.build((None, 3))
        optimizer.build(dense.trainable_variables)
        weights, own = [W, B], [v.numpy() for v in optimizer.variables]
        for _ in range(3):
            weights, own = optimizer.stateless_apply(own, [W * 0.5, B * 2], weights)
        found += arrays(weights)
    return found


def loss(library):
    model = library.Sequential([library.Input((3,)), library.layers.Dense(2, kernel_regularizer="l2")])
    model.compile("sgd", "mse")
    value, (trained, others, _) = model.stateless_compute_loss(
        [W, B], [], [v.numpy() for v in model.metrics_variables], X, Y, X @ W, sample_weight=np.arange(12.0)
    )
    return [float(value), *arrays(trained), len(others)]


@pytest.mark.parametrize("function", [call, metric, steps, loss])
def test_functions_of_state(function, reference):
    wanted, found = reference(lambda: function(__import__("keras"))), function(fastconv)
    assert len(found) == len(wanted)
    for a, b in zip(found, wanted):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-5)


def metrics_of_layers(library):
    class Counted(library.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.seen = library.metrics.Mean(name="seen")

        def call(self, inputs):
            self.seen.update_state(inputs)
            return inputs

    model = library.Sequential([library.Input((3,)), Counted(), library.layers.Dense(2)])
    model.compile("sgd", "mse", metrics=["mae"])
    found = [[m.name for m in layer.metrics] for layer in (model.layers[0], model)]
    return [*found, [len(layer.metrics_variables) for layer in (model.layers[0], model)]]


def test_metrics_of_layers(reference):
    assert metrics_of_layers(fastconv) == reference(lambda: metrics_of_layers(__import__("keras")))


def tables(library):
    inner = library.Sequential(
        [library.Input((6,)), library.layers.Dense(3, name="in1"), library.layers.Dense(2, name="in2")], name="inner"
    )
    x = library.Input((4,), name="x")
    h = library.layers.Dense(6, name="d1")(x)
    y = library.layers.Dense(2, name="d2", trainable=False)(h)
    model = library.Model(x, library.layers.add([inner(h), y], name="sum"), name="outer")
    found = []
    for how in ({}, {"expand_nested": True}, {"layer_range": ("d.*", "inner")}, {"show_trainable": True}):
        lines = []
        model.summary(line_length=75, print_fn=lambda text, lines=lines: lines.extend(text.splitlines()), **how)
        rows = [[cell.strip() for cell in line.split("│")[1:4]] for line in lines if line.startswith("│")]
        names = "".join(row[0] + " " for row in rows)
        totals = [line.strip() for line in lines if re.match(r" [\w-]+ params", line)]
        found.append([names.replace(" ", ""), [row[1:] for row in rows if row[2]], totals])
    return found


def test_tables_of_models(reference):
    assert tables(fastconv) == reference(lambda: tables(__import__("keras")))


def clones(library):
    inner = library.Sequential([library.Input((3,)), library.layers.Dense(2, name="inside")], name="inner")
    x = library.Input((3,), name="x")
    model = library.Model(x, inner(library.layers.Dense(3, name="d")(x)), name="outer")
    model.compile("sgd", "mse", metrics=["mae"])
    found = []
    for recursive in (False, True):
        seen = []

        def noted(layer, seen=seen):
            seen.append(layer.name)
            return type(layer).from_config(layer.get_config())

        def called(layer, *args, **kwargs):
            return library.layers.Identity()(layer(*args, **kwargs))

        twin = library.models.clone_model(model, None, noted, called, recursive)
        kinds = [type(layer).__name__ for layer in twin.layers]
        found.append([sorted(seen), sorted(kinds), twin.name, twin.compiled, len(twin.weights)])
    return found


def test_clones(reference):
    assert clones(fastconv) == reference(lambda: clones(__import__("keras")))
