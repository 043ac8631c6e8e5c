"""Models rebuilt from their descriptions."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fastconv import Input, Model, Sequential, layers, models

X = np.random.default_rng(0).normal(size=(3, 8, 8, 2)).astype("float32")


def functional():
    x = Input((8, 8, 2))
    y = layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(x)
    y = layers.add([y, layers.Conv2D(4, 3, padding="same", name="second")(y)])
    return Model(x, layers.Dense(2)(layers.Flatten()(y)))


def sequential():
    return Sequential([Input((8, 8, 2)), layers.Conv2D(3, 3), layers.Flatten(), layers.Dense(2)])


@pytest.mark.parametrize("make", [functional, sequential])
@pytest.mark.parametrize(
    "again",
    [
        models.clone_model,
        lambda model: models.model_from_json(model.to_json(indent=1)),
        lambda model: Model.from_config(model.get_config()) if type(model) is not Sequential else model,
        lambda model: type(model).from_config(json.loads(json.dumps(model.get_config()))),
    ],
)
def test_clones_have_weights_of_their_own(make, again):
    model = make()
    twin = again(model)
    assert [layer.name for layer in twin.layers] == [layer.name for layer in model.layers]
    if twin is not model:
        assert not set(map(id, twin.weights)) & set(map(id, model.weights))
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(twin.predict(X, verbose=0), model.predict(X, verbose=0))


class Written(Model):
    def __init__(self, name=None):
        super().__init__(name=name)
        self.dense = layers.Dense(2)

    def call(self, inputs):
        return self.dense(inputs)


def nested():
    inner = Sequential([Input((4,)), layers.Dense(3, name="inside")], name="inner")
    x = {"a": Input((4,)), "b": Input((4,))}
    shared = layers.Dense(4, name="shared")
    return Model(x, inner(shared(x["a"]) - shared(x["b"])), name="outer")


@pytest.mark.parametrize("make", [functional, sequential])
def test_clones_of_given_inputs(make):
    model, x = make(), Input((8, 8, 2), name="new")
    twin = models.clone_model(model, x)
    assert twin.inputs[0] is x
    again = models.clone_model(model, [layers.Rescaling(2.0)(x)] if make is sequential else layers.Rescaling(2.0)(x))
    for clone, inputs in ((twin, X), (again, X)):
        clone.set_weights(model.get_weights())
        np.testing.assert_array_equal(clone.predict(inputs, verbose=0), model.predict(X, verbose=0))


def test_clones_of_given_inputs_find_them_by_their_keys():
    model = nested()
    twin = models.clone_model(model, {"b": Input((4,)), "a": Input((4,))})
    twin.set_weights(model.get_weights())
    a, b = X[:, 0, :2].reshape(3, 4), X[:, 1, :2].reshape(3, 4)
    np.testing.assert_array_equal(twin({"a": a, "b": b}), model({"a": a, "b": b}))


def test_a_clone_is_compiled_as_the_model_is():
    for model in (functional(), sequential(), Written()):
        assert not models.clone_model(model).compiled
        model.compile("sgd", lambda t, p: abs(t - p), metrics=["mae"])
        twin = models.clone_model(model)
        if not isinstance(model, Written):  # a configuration has no arguments of compile
            assert type(twin.optimizer).__name__ == "SGD"
            assert twin.optimizer is not model.optimizer
            assert twin.evaluate(X, np.zeros((3, 2)), verbose=0, return_dict=True).keys() == {"loss", "mae"}


def test_a_clone_with_additional_layers():
    called = []

    def with_dropout(layer, *args, **kwargs):
        called.append(layer)
        y = layer(*args, **kwargs)
        return layers.Dropout(0.5)(y) if isinstance(layer, layers.Conv2D) else y

    model = functional()
    twin = models.clone_model(model, clone_function=lambda layer: layer, call_function=with_dropout)
    assert [type(layer).__name__ for layer in twin.layers].count("Dropout") == 2
    assert len(called) == len(model.nodes)
    assert twin.get_layer("first") is model.get_layer("first")


@pytest.mark.parametrize(("recursive", "expected"), [(False, {"shared", "inner"}), (True, {"shared", "inside"})])
def test_models_inside_a_clone(recursive, expected):
    seen = []

    def noted(layer):
        seen.append(layer.name)
        return type(layer).from_config(layer.get_config())

    model = nested()
    twin = models.clone_model(model, clone_function=noted, recursive=recursive)
    assert sorted(seen) == sorted(expected)  # each layer once, although it is shared
    assert [v.shape for v in twin.weights] == [v.shape for v in model.weights]
    assert twin.get_layer("inner") is not model.get_layer("inner")


@pytest.mark.parametrize("make", [functional, sequential])
def test_a_clone_function_may_change_layers(make):
    model = make()

    def with_less_width(layer):
        config = layer.get_config()
        return type(layer).from_config({**config, "activation": "tanh"} if isinstance(layer, layers.Conv2D) else config)

    twin = models.clone_model(model, clone_function=with_less_width)
    convolutions = [layer for layer in twin.layers if isinstance(layer, layers.Conv2D)]
    assert {layer.get_config()["activation"] for layer in convolutions} == {"tanh"}
    assert twin.count_params() == model.count_params()


def test_refused_arguments():
    with pytest.raises(ValueError, match="call_function must be None for a Sequential"):
        models.clone_model(sequential(), call_function=lambda layer, *args: layer(*args))
    with pytest.raises(ValueError, match="input_tensors must be a symbolic tensor"):
        models.clone_model(sequential(), X)
    with pytest.raises(ValueError, match="input_tensors must be symbolic tensors, nested as"):
        models.clone_model(functional(), [Input((8, 8, 2)), Input((8, 8, 2))])
    with pytest.raises(ValueError, match="unless the model is Sequential or functional"):
        models.clone_model(Written(), clone_function=lambda layer: layer)
    with pytest.raises(ValueError, match="layer: unknown name"):
        models.model_from_json('{"class_name": "Nothing", "config": {}}')
    with pytest.raises(ValueError):
        models.model_from_json("{")
