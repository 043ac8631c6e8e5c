"""Inputs, targets and sample weights in dicts are matched by name, not by the order of the dict."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from copy import deepcopy
from itertools import permutations

import numpy as np
import pytest

from fastconv import Input, Model, Sequential, layers, ops, optimizers, utils
from fastconv.engine.tree import leaves

pytestmark = pytest.mark.filterwarnings("ignore:.*there are no trainable weights:UserWarning")

X = {name: np.random.default_rng(i).normal(size=(6, 3)).astype("float32") for i, name in enumerate("abc")}
Y = {
    name: np.random.default_rng(i + 5).normal(size=(6, 3)).astype("float32") for i, name in enumerate(("left", "right"))
}
W = {"left": np.arange(6.0), "right": np.array([1.0, 0, 0, 0, 2, 0])}


def compute(a, b, c):
    """Compute outputs that all differ, and that depend on all inputs differently."""
    return a - 2 * b + 5 * c, 3 * a + b


def outputs_of(arrays):
    left, right = compute(arrays["a"], arrays["b"], arrays["c"])
    return {"left": left, "right": right}


def graph(inputs, outputs):
    a, b, c = (Input((3,), name=name) for name in "abc")
    left, right = (layers.Identity(name=name)(t) for name, t in zip(("left", "right"), compute(a, b, c)))
    return Model(inputs(a, b, c), outputs(left, right))


class Written(Model):
    """A subclass that takes and returns dicts."""

    def call(self, inputs):
        return outputs_of(inputs)


class Whole(Model):
    """A subclass that takes a dict in any order."""

    def call(self, inputs):
        return outputs_of(dict(zip("abc", inputs.values())))


def in_list(*tensors):
    return list(tensors)


MODELS = {
    "lists": lambda: graph(in_list, in_list),
    "tuples": lambda: graph(lambda *t: t, lambda *t: t),
    "dicts": lambda: graph(lambda a, b, c: {"a": a, "b": b, "c": c}, lambda y, z: {"left": y, "right": z}),
    "dicts backwards": lambda: graph(lambda a, b, c: {"c": c, "b": b, "a": a}, lambda y, z: {"right": z, "left": y}),
    "a list backwards": lambda: graph(lambda a, b, c: [c, a, b], lambda y, z: [z, y]),
    "subclass": Written,
    "values of a dict": Whole,
}


def all_orders(named):
    """Return dicts of the same entries in every order."""
    return [kind(order) for order in permutations(named.items()) for kind in (dict, OrderedDict)]


def by_name(model, outputs):
    return outputs if isinstance(outputs, dict) else dict(zip(leaves(model._output_names(outputs)), outputs))


def compiled(kind, **how):
    model = MODELS[kind]()
    names = {"loss": "mse", "weighted_metrics": {"left": ["mae"], "right": ["mse"]}, **how}
    model.compile(optimizers.SGD(0.0), **names)
    return model


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("run_eagerly", [False, True])
def test_predictions_follow_names(kind, run_eagerly):
    model = compiled(kind, run_eagerly=run_eagerly)
    calls = [
        lambda x: model.predict(x, verbose=0),
        model.predict_on_batch,
        lambda x: model.predict(iter([x]), verbose=0),
        lambda x: model.predict(utils.Dataset.from_tensor_slices(x).batch(3), verbose=0),
    ]
    if kind != "values of a dict":  # a call takes a dict unchanged; batches bring its entries into a fixed order
        calls.append(model)
    for x in all_orders(X):
        for call in calls:
            for name, output in by_name(model, call(x)).items():
                np.testing.assert_allclose(output, outputs_of(X)[name], rtol=1e-5, atol=1e-5)


class OfDicts(utils.PyDataset):
    """Two batches of dicts, as `fit` takes them."""

    def __init__(self, *data):
        super().__init__()
        self.data, self.num_batches = data, 2

    def __getitem__(self, index):
        part = slice(3 * index, 3 * index + 3)
        return tuple({name: a[part] for name, a in named.items()} for named in self.data)


def scores(model, mode, x, y, w):
    if mode == "evaluate":
        return model.evaluate(x, y, sample_weight=w, batch_size=3, verbose=0, return_dict=True)
    if mode == "fit":
        history = model.fit(x, y, sample_weight=w, batch_size=3, verbose=0, shuffle=False)
        return {name: values[0] for name, values in history.history.items()}
    if mode == "validation":
        history = model.fit(x, y, batch_size=3, verbose=0, validation_data=(x, y, w)).history
        return {name[4:]: values[0] for name, values in history.items() if name.startswith("val_")}
    if mode == "train_on_batch":
        return model.train_on_batch(x, y, sample_weight=w, return_dict=True)
    if mode == "test_on_batch":
        return model.test_on_batch(x, y, sample_weight=w, return_dict=True)
    dataset = OfDicts(x, y, w)
    if mode == "PyDataset":
        return model.evaluate(dataset, verbose=0, return_dict=True)
    if mode == "Dataset":
        whole = utils.Dataset.from_tensor_slices((x, y, w)).batch(3)
        return model.evaluate(whole, verbose=0, return_dict=True)
    return model.evaluate((dataset[i] for i in range(2)), verbose=0, return_dict=True)


def expected_scores():
    found = outputs_of(X)
    square, absolute = ({name: f(found[name] - Y[name]) for name in Y} for f in (np.square, np.abs))
    losses = {name: (square[name].mean(1) * W[name]).mean() for name in Y}
    return {
        "loss": sum(losses.values()),
        "left_loss": losses["left"],
        "right_loss": losses["right"],
        "left_mean_absolute_error": (absolute["left"].mean(1) * W["left"]).sum() / W["left"].sum(),
        "right_mean_squared_error": (square["right"].mean(1) * W["right"]).sum() / W["right"].sum(),
    }


MODES = [
    "evaluate",
    "fit",
    "validation",
    "train_on_batch",
    "test_on_batch",
    "PyDataset",
    "Dataset",
    "generator",
]


@pytest.mark.parametrize("kind", [kind for kind in MODELS if kind != "values of a dict"])
@pytest.mark.parametrize("mode", MODES)
def test_scores_follow_names(kind, mode):
    """A single model receives all orders, so that a plan traced for one order would fail for another."""
    wanted = list(expected_scores().values())
    for run_eagerly in (False, True):
        model = compiled(kind, run_eagerly=run_eagerly)
        for x, y, w in zip(all_orders(X), all_orders(Y) * 3, reversed(all_orders(W) * 3)):
            found = scores(model, mode, x, y, w)
            assert sorted(found.values()) == pytest.approx(sorted(wanted), rel=1e-4)
            assert found["left_loss"] == pytest.approx(expected_scores()["left_loss"], rel=1e-4)


@pytest.mark.parametrize("kind", ["lists", "dicts", "subclass"])
def test_targets_and_weights_in_every_container(kind):
    model = compiled(kind)
    wanted = expected_scores()["loss"]
    lists = [list(Y.values()), list(W.values())]
    for y in (Y, lists[0], tuple(lists[0])):
        for w in (W, lists[1], tuple(lists[1])):
            for mode in ("evaluate", "train_on_batch", "fit"):
                assert scores(model, mode, X, y, w)["loss"] == pytest.approx(wanted, rel=1e-4)
    same = scores(model, "evaluate", X, Y, W["left"])["loss"]
    assert same == pytest.approx(scores(model, "evaluate", X, Y, [W["left"], W["left"]])["loss"])
    ones = np.ones(6)
    unweighted = scores(model, "evaluate", X, Y, [W["left"], None])["loss"]
    assert unweighted == pytest.approx(scores(model, "evaluate", X, Y, {"left": W["left"], "right": ones})["loss"])


@pytest.mark.parametrize("kind", ["lists", "dicts", "dicts backwards", "subclass"])
@pytest.mark.parametrize("mode", ["evaluate", "fit", "validation", "train_on_batch", "test_on_batch"])
def test_weights_of_none_leave_their_output_unweighted(kind, mode):
    model = compiled(kind)
    w = {"right": None, "left": W["left"]}
    wanted = scores(model, "evaluate", X, Y, {**w, "right": np.ones(6)})
    assert scores(model, mode, X, Y, w)["loss"] == pytest.approx(wanted["loss"], rel=1e-4)


def test_additional_inputs_are_ignored():
    wanted = outputs_of(X)["left"]
    for kind in ("lists", "dicts", "dicts backwards", "subclass"):
        model = compiled(kind)
        for x in ({**X, "d": X["a"]}, {"aa": X["c"], **X}):
            for call in (model, model.predict_on_batch):
                np.testing.assert_allclose(by_name(model, call(x))["left"], wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["lists", "dicts", "dicts backwards"])
def test_missing_names_are_errors(kind):
    model = compiled(kind)
    for x in ({"a": X["a"], "b": X["b"]}, {"a": X["a"], "b": X["b"], "z": X["c"]}):
        model.predict(X, verbose=0)  # a plan for arrays of these shapes
        for call in (model, model.predict_on_batch, lambda x: model.evaluate(x, Y, verbose=0)):
            with pytest.raises(ValueError, match=r"inputs must be nested as .*'c'.* Received: \{'a': \(6, 3\)"):
                call(x)
    for y in (
        {"left": Y["left"]},
        {**Y, "middle": Y["left"]},
        {"left": Y["left"], "z": Y["right"]},
        Y["left"],
        [Y["left"]],
    ):
        with pytest.raises(ValueError, match=r"Every output needs a target\. Received: outputs=\['left', 'right'\]"):
            model.evaluate(X, y, verbose=0)
    for w in ({"left": W["left"]}, {**W, "middle": W["left"]}, [W["left"]], [W["left"]] * 3):
        with pytest.raises(ValueError, match="sample_weight must be an array for all outputs, or a list or dict"):
            model.evaluate(X, Y, sample_weight=w, verbose=0)
    with pytest.raises(ValueError, match=r"one weight for each of 6 samples. Received: shape=\(5,\)"):
        model.evaluate(X, Y, sample_weight={**W, "right": np.ones(5)}, verbose=0)


def test_lists_for_a_dict_follow_its_sorted_keys():
    """As in Keras: the order of a dict does not define the meaning of a list."""
    values = [X["a"], X["b"], X["c"]]
    model = compiled("dicts")
    np.testing.assert_allclose(model.predict(values, verbose=0)["left"], outputs_of(X)["left"], rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="inputs must be nested as"):
        compiled("dicts backwards").predict(values, verbose=0)
    backwards = compiled("dicts backwards")
    assert [t.name for t in backwards.inputs] == ["a", "b", "c"]
    found = backwards.evaluate(X, list(Y.values()), verbose=0, return_dict=True)
    assert found == pytest.approx(backwards.evaluate(X, Y, verbose=0, return_dict=True))


def nested_model():
    a, b, c = (Input((3,), name=name) for name in "abc")
    left, right = compute(a, b, c)
    return Model({"pair": [a, {"y": b}], "one": c}, [left, {"z": right, "y": a}])


def test_nested_inputs_and_targets():
    model = nested_model()
    model.compile(optimizers.SGD(0.0), "mse")
    targets = [Y["left"], {"z": Y["right"], "y": Y["left"]}]
    flipped = [Y["left"], {"y": Y["left"], "z": Y["right"]}]
    first, second = {"pair": [X["a"], {"y": X["b"]}], "one": X["c"]}, {"one": X["c"], "pair": (X["a"], {"y": X["b"]})}
    wanted = outputs_of(X)
    losses = []
    for x in (first, second, X):
        for y in (targets, flipped, tuple(flipped)):
            losses.append(model.evaluate(x, y, verbose=0, return_dict=True)["loss"])
            losses.append(model.train_on_batch(x, y, return_dict=True)["loss"])
        for call in (model, model.predict_on_batch, lambda x: model.predict(x, batch_size=2, verbose=0)):
            left, rest = call(x)
            np.testing.assert_allclose(left, wanted["left"], rtol=1e-5, atol=1e-5)
            np.testing.assert_allclose(rest["z"], wanted["right"], rtol=1e-5, atol=1e-5)
            np.testing.assert_array_equal(rest["y"], X["a"])
    by_hand = [wanted["left"] - Y["left"], wanted["right"] - Y["right"], X["a"] - Y["left"]]
    assert losses == pytest.approx([sum(np.square(d).mean() for d in by_hand)] * len(losses), rel=1e-4)
    with pytest.raises(ValueError, match=r"inputs must be nested as \{'pair': \['a', \{'y': 'b'\}\], 'one': 'c'\}"):
        model.predict({"one": X["c"], "pair": [X["a"], {"x": X["b"]}]}, verbose=0)


def test_losses_and_weights_nested_like_the_outputs():
    model = nested_model()
    targets = [Y["left"], {"z": Y["right"], "y": Y["left"]}]
    model.compile(optimizers.SGD(0.0), ["mse", {"z": "mae"}], loss_weights=[2.0, {"z": 3.0}])
    logs = model.evaluate(X, targets, verbose=0, return_dict=True)
    assert list(logs) == ["loss", "output_1_loss", "1/z_loss"]
    assert logs["loss"] == pytest.approx(2 * logs["output_1_loss"] + 3 * logs["1/z_loss"], rel=1e-5)
    for wrong in (["mse", {"x": "mae"}], ["mse", ["mae", "mae"]], [["mse"], {"z": "mae"}]):
        model.compile(optimizers.SGD(0.0), wrong)
        with pytest.raises(
            ValueError, match=r"loss must be a list with an entry for each output or a dict .* Received"
        ):
            model.evaluate(X, targets, verbose=0)


def test_copies_keep_the_order_of_outputs():
    model = compiled("dicts backwards")
    for copy in (pickle.loads(pickle.dumps(model)), deepcopy(model)):
        assert [t.name for t in copy.outputs] == [t.name for t in model.outputs]


def test_one_input_and_one_output_by_name():
    model = Sequential([Input((3,), name="a"), layers.Dense(1, name="out")])
    model.compile(optimizers.SGD(0.0), "mse")
    y, w = Y["left"][:, :1], W["left"]
    plain = model.evaluate(X["a"], y, sample_weight=w, verbose=0)
    assert model.evaluate({"a": X["a"]}, {"out": y}, sample_weight={"out": w}, verbose=0) == pytest.approx(plain)
    assert model.train_on_batch([X["a"]], [y], [w]) == pytest.approx(plain)
    np.testing.assert_array_equal(
        model.predict({"a": X["a"], "b": X["b"]}, verbose=0), model.predict(X["a"], verbose=0)
    )
    with pytest.raises(ValueError, match=r"inputs must be nested as a. Received: \{'z': \(6, 3\)\}"):
        model.predict({"z": X["a"]}, verbose=0)


def test_targets_for_outputs_with_a_loss_only():
    for kind, how in (("lists", {"left": "mse"}), ("lists", ["mse", None]), ("dicts", {"left": "mse"})):
        model = compiled(kind, loss=how, weighted_metrics=None)
        wanted = {"loss": np.square(outputs_of(X)["left"] - Y["left"]).mean()}
        for y in (Y, {"left": Y["left"]}, [Y["left"], None], [Y["left"]], Y["left"]):
            assert model.evaluate(X, y, verbose=0, return_dict=True) == pytest.approx(wanted, rel=1e-4)
        with pytest.raises(ValueError, match=r"needs a target\. Received: outputs=\['left'\], targets=\['right'\]"):
            model.evaluate(X, {"right": Y["right"]}, verbose=0)
    model = compiled("lists", loss=["mse", None], weighted_metrics=None, metrics=[None, ["mae"]])
    with pytest.raises(ValueError, match=r"needs a target\. Received: outputs=\['left', 'right'\], targets=\['left'\]"):
        model.evaluate(X, {"left": Y["left"]}, verbose=0)


def test_plans_are_kept_by_structure():
    """A list and a tuple may have different meanings in a subclass, even with arrays of equal shapes."""

    class Kind(Model):
        def call(self, inputs):
            return inputs[0] - inputs[1] if isinstance(inputs, tuple) else inputs[1] - inputs[0]

    model = Kind()
    pair = [X["a"], X["b"]]
    for x, sign in ((pair, -1), (tuple(pair), 1), (pair, -1)):
        np.testing.assert_allclose(model.predict_on_batch(x), sign * (X["a"] - X["b"]), rtol=1e-5)


def test_a_model_as_a_layer_follows_names():
    inner = graph(in_list, in_list)
    outer = {name: Input((3,), name=f"outer_{name}") for name in "cab"}
    left, _ = inner(outer)
    found = Model(list(outer.values()), left).predict([X["c"], X["a"], X["b"]], verbose=0)
    np.testing.assert_allclose(found, outputs_of(X)["left"], rtol=1e-5, atol=1e-5)


def test_a_custom_step_gets_the_given_structure():
    class Step(Model):
        def train_step(self, data):
            x, y, w = utils.unpack_x_y_sample_weight(data)
            return {"seen": ops.sum(x["a"] * 2 - x["b"]) + ops.sum(y["left"]) + ops.sum(w["right"]) * 3}

    model = Step()
    model.compile("sgd")
    wanted = (X["a"] * 2 - X["b"]).sum() + Y["left"].sum() + W["right"].sum() * 3
    for x, y, w in zip(all_orders(X), all_orders(Y), all_orders(W)):
        assert model.train_on_batch(x, y, w) == pytest.approx(wanted, rel=1e-4)


def test_a_batch_of_a_dataset_follows_names():
    """Elements may have their entries in different orders."""
    orders = list(permutations("abc"))
    rows = [({name: X[name][i] for name in orders[i]}, Y["left"][i]) for i in range(6)]
    for dataset in (
        utils.Dataset.from_generator(lambda: rows),
        utils.Dataset.from_tensor_slices(X).map(lambda x: (x, 0)),
    ):
        for x, _ in dataset.batch(3):
            start = 0 if np.array_equal(x["a"][0], X["a"][0]) else 3
            for name in X:
                np.testing.assert_array_equal(x[name], X[name][start : start + 3])
    model = compiled("dicts")
    found = model.predict(utils.Dataset.from_generator(lambda: rows).batch(4), verbose=0)
    np.testing.assert_allclose(found["left"], outputs_of(X)["left"], rtol=1e-5, atol=1e-5)
    mixed = [{"a": 1.0}, {"b": 1.0}]
    with pytest.raises(
        ValueError, match=r"elements must have one structure. Received: \{'b': 1.0\} after \{'a': 1.0\}"
    ):
        list(utils.Dataset.from_generator(lambda: mixed).batch(2))
