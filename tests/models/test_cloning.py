"""Models made again from what describes them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fastconv import Input, Model, Sequential, layers, models

X = np.random.default_rng(0).normal(size=(3, 8, 8, 2)).astype("float32")


def drawn():
    x = Input((8, 8, 2))
    y = layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(x)
    y = layers.add([y, layers.Conv2D(4, 3, padding="same", name="second")(y)])
    return Model(x, layers.Dense(2)(layers.Flatten()(y)))


def sequential():
    return Sequential([Input((8, 8, 2)), layers.Conv2D(3, 3), layers.Flatten(), layers.Dense(2)])


@pytest.mark.parametrize("make", [drawn, sequential])
@pytest.mark.parametrize(
    "again",
    [
        models.clone_model,
        lambda model: models.model_from_json(model.to_json(indent=1)),
        lambda model: Model.from_config(model.get_config()) if type(model) is not Sequential else model,
        lambda model: type(model).from_config(json.loads(json.dumps(model.get_config()))),
    ],
)
def test_the_same_model_with_weights_of_its_own(make, again):
    model = make()
    twin = again(model)
    assert [layer.name for layer in twin.layers] == [layer.name for layer in model.layers]
    if twin is not model:
        assert not set(map(id, twin.weights)) & set(map(id, model.weights))
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(twin.predict(X, verbose=0), model.predict(X, verbose=0))


@pytest.mark.parametrize("make", [drawn, sequential])
def test_layers_may_be_changed_on_the_way(make):
    model = make()

    def with_less_width(layer):
        config = layer.get_config()
        return type(layer).from_config({**config, "activation": "tanh"} if isinstance(layer, layers.Conv2D) else config)

    twin = models.clone_model(model, clone_function=with_less_width)
    convolutions = [layer for layer in twin.layers if isinstance(layer, layers.Conv2D)]
    assert {layer.get_config()["activation"] for layer in convolutions} == {"tanh"}
    assert twin.count_params() == model.count_params()


def test_what_is_refused():
    with pytest.raises(ValueError, match="input_tensors must be None"):
        models.clone_model(sequential(), Input((8, 8, 2)))
    with pytest.raises(ValueError, match="layer: unknown name"):
        models.model_from_json('{"class_name": "Nothing", "config": {}}')
    with pytest.raises(ValueError):
        models.model_from_json("{")
