"""Functions and classes of users in files, including lambdas, under any name."""

import functools
import json

import numpy as np
import pytest

from fastconv import Input, Model, Sequential, activations, layers, metrics, models, ops, saving

from .samples import assert_same_outputs

pytest.importorskip("h5py")
pytest.importorskip("safetensors")

SUFFIXES = [".npz", ".safetensors", ".keras", ".h5", ".hdf5"]
each_suffix = pytest.mark.parametrize("suffix", SUFFIXES)

X, Y = np.random.default_rng(0).normal(size=(6, 4)).astype("float32"), np.ones((6, 3), "float32")


def saved(model, tmp_path, suffix):
    """Return the path of a model's file; its lambdas cause a warning."""
    path = tmp_path / f"m{suffix}"
    with pytest.warns(UserWarning, match=r"The code of a lambda is not stored in a file.* custom_objects") as caught:
        model.save(path)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    return path


# ---- in layers -------------------------------------------------------------------------------------------------------


@each_suffix
def test_layers_of_lambdas(tmp_path, suffix):
    model = Sequential([Input((4,)), layers.Lambda(lambda x: 2 * x, name="twice"), layers.Lambda(lambda x: x + 1)])
    path = saved(model, tmp_path, suffix)
    with pytest.raises(ValueError, match=r"m\.\w+: .*code of a lambda.* custom_objects.*Received: .*<lambda>"):
        models.load_model(path)
    twice, plus = (layer.function for layer in model.layers)
    assert_same_outputs(model, models.load_model(path, {"<lambda>": twice, "<lambda>_1": plus}))
    assert_same_outputs(model, models.load_model(path, {"twice": twice, model.layers[1].name: plus}))
    with saving.custom_object_scope({"twice": twice, "<lambda>_1": plus}):
        assert_same_outputs(model, models.load_model(path))


@each_suffix
def test_a_lambda_in_several_places_has_a_single_name(tmp_path, suffix):
    def of(x):
        return x * 3

    act = lambda x: of(x)  # noqa: E731
    model = Sequential([Input((4,)), layers.Dense(3, activation=act), layers.Activation(act), layers.Lambda(act)])
    assert_same_outputs(model, models.load_model(saved(model, tmp_path, suffix), {"<lambda>": act}))


CHOICES = {
    "activation": lambda x: x * 0.5,
    "kernel_initializer": lambda shape, dtype=None: np.full(shape, 0.5, dtype),
    "kernel_regularizer": lambda w: 0.1 * ops.sum(ops.absolute(w)),
    "bias_regularizer": lambda w: 0.1 * ops.sum(ops.absolute(w)),
    "activity_regularizer": lambda y: 0.1 * ops.sum(ops.absolute(y)),
    "kernel_constraint": lambda w: ops.clip(w, -1, 1),
}


@each_suffix
@pytest.mark.parametrize("choice", CHOICES)
def test_lambdas_among_the_arguments_of_layers(tmp_path, suffix, choice):
    model = Sequential([Input((4,)), layers.Dense(3, **{choice: CHOICES[choice]})])
    model.compile("sgd", "mse")
    path = saved(model, tmp_path, suffix)
    with pytest.raises(ValueError, match="code of a lambda"):
        models.load_model(path)
    again = models.load_model(path, {"<lambda>": CHOICES[choice]})
    assert again.train_on_batch(X, Y) == model.train_on_batch(X, Y)
    assert_same_outputs(model, again)


# ---- in compile ------------------------------------------------------------------------------------------------------


class Absolute:
    """A callable without a name."""

    def __call__(self, y_true, y_pred):
        return ops.mean(ops.absolute(y_true - y_pred), axis=-1)


def scaled(y_true, y_pred, factor=1.0):
    return factor * ops.mean(ops.square(y_true - y_pred), axis=-1)


def made(factor):
    def loss(y_true, y_pred):
        return scaled(y_true, y_pred, factor)

    return loss


@each_suffix
def test_losses_and_metrics_without_names(tmp_path, suffix):
    model = Sequential([Input((4,)), layers.Dense(3)])
    loss, metric = functools.partial(scaled, factor=2.0), lambda t, p: ops.max(ops.absolute(t - p), axis=-1)
    model.compile("adam", loss, metrics=[metric], weighted_metrics=[metrics.MeanMetricWrapper(Absolute(), "absolute")])
    model.fit(X, Y, verbose=0)
    path = saved(model, tmp_path, suffix)
    with pytest.raises(ValueError, match=r"Received: loss='<partial>'"):
        models.load_model(path)
    assert_same_outputs(model, models.load_model(path, compile=False))
    objects = {"<partial>": loss, "<lambda>": metric, "<Absolute>": Absolute()}
    again = models.load_model(path, objects)
    assert again.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    assert again.train_on_batch(X, Y) == model.train_on_batch(X, Y)


@each_suffix
def test_functions_with_equal_names_are_distinct(tmp_path, suffix):
    model = Sequential([Input((4,)), layers.Dense(3)])
    first, second = made(1.0), made(3.0)
    model.compile("sgd", first, metrics=[metrics.MeanMetricWrapper(second, "other")])
    before = model.evaluate(X, Y, verbose=0)
    model.save(tmp_path / f"m{suffix}")
    with pytest.raises(ValueError, match=r"unknown name.*loss_1"):
        models.load_model(tmp_path / f"m{suffix}", {"loss": first})
    again = models.load_model(tmp_path / f"m{suffix}", {"loss": first, "loss_1": second})
    assert again.evaluate(X, Y, verbose=0) == before


class WithMethod(Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(3)

    def call(self, x):
        return self.dense(x)

    def distance(self, y_true, y_pred):
        return scaled(y_true, y_pred)


@each_suffix
def test_a_method_as_loss_and_metric(tmp_path, suffix):
    model = WithMethod()
    model.compile("sgd", model.distance, metrics=[model.distance])
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / f"m{suffix}")
    again = models.load_model(tmp_path / f"m{suffix}", {"WithMethod": WithMethod, "distance": scaled})
    assert again.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)


# ---- names of this package -------------------------------------------------------------------------------------------


def relu(x):
    return x * 7


def mse(y_true, y_pred):
    return ops.mean(ops.absolute(y_true - y_pred), axis=-1)


class Dense(layers.Dense):
    def call(self, x):
        return super().call(x) * 2


@each_suffix
def test_names_that_this_package_has(tmp_path, suffix):
    model = Sequential([Input((4,)), layers.Dense(4, activation="relu"), Dense(3, activation=relu)])
    model.compile("sgd", mse, metrics=["mse"])
    before = model.evaluate(X, Y, verbose=0)
    model.save(tmp_path / f"m{suffix}")
    with pytest.raises(ValueError, match=r"unknown name.* Received: 'Custom>Dense'"):
        models.load_model(tmp_path / f"m{suffix}")
    objects = {"Custom>Dense": Dense, "Custom>relu": relu, "Custom>mse": mse}
    again = models.load_model(tmp_path / f"m{suffix}", objects)
    assert [type(layer) for layer in again.layers] == [layers.Dense, Dense]
    assert again.evaluate(X, Y, verbose=0) == before


# ---- other formats ---------------------------------------------------------------------------------------------------


def test_json():
    model = Sequential([Input((4,)), layers.Lambda(lambda x: 2 * x)])
    with pytest.warns(UserWarning, match="code of a lambda"):
        text = model.to_json()
    json.loads(text)
    assert_same_outputs(model, models.model_from_json(text, {"<lambda>": model.layers[0].function}))


def test_a_check_warns_too(tmp_path):
    model = Sequential([Input((4,)), layers.Lambda(lambda x: 2 * x)])
    for suffix in SUFFIXES:
        with pytest.warns(UserWarning, match="code of a lambda"):
            model.check_save(tmp_path / f"m{suffix}")
    model.check_save(tmp_path / "w.weights.h5", save_weights_only=True)
    assert not list(tmp_path.iterdir())


def test_clones_need_no_names():
    act, plus, kernel = lambda x: x * 3, lambda x: x + 1, lambda shape, dtype=None: np.ones(shape, dtype)
    model = Sequential([Input((4,)), Dense(3, activation=act, kernel_initializer=kernel), layers.Lambda(plus)])
    clone = models.clone_model(model)
    assert_same_outputs(model, clone)
    assert type(clone.layers[0]) is Dense
    functional = Model(model.input, model.output)
    assert_same_outputs(functional, models.clone_model(functional))


# ---- functions of ops in layers --------------------------------------------------------------------------------------


def square(x):
    return x * 7


@each_suffix
@pytest.mark.parametrize("function", [ops.square, ops.absolute, ops.relu, activations.tanh, activations.mish])
def test_functions_of_ops_are_found(tmp_path, suffix, function):
    model = Sequential([Input((4,)), layers.Lambda(function)])
    model.save(tmp_path / f"m{suffix}")
    assert_same_outputs(model, models.load_model(tmp_path / f"m{suffix}"))
    assert_same_outputs(model, models.model_from_json(model.to_json()))


@each_suffix
@pytest.mark.parametrize("function", [square, relu], ids=lambda f: f.__name__)
def test_functions_with_names_of_ops_are_not_taken_for_them(tmp_path, suffix, function):
    model = Sequential([Input((4,)), layers.Lambda(function)])
    model.save(tmp_path / f"m{suffix}")
    with pytest.raises(ValueError, match=f"unknown name.*Received: 'Custom>{function.__name__}'"):
        models.load_model(tmp_path / f"m{suffix}")
    for name in (function.__name__, f"Custom>{function.__name__}"):
        assert_same_outputs(model, models.load_model(tmp_path / f"m{suffix}", {name: function}))
