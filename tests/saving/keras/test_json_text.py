"""Models as JSON in Keras's format, without Keras."""

import json

import numpy as np
import pytest

from fastconv import Input, Model, Sequential, layers, models, ops, optimizers


def small():
    return Sequential([Input((3,)), layers.Dense(2, name="d")], name="m")


def test_the_format_is_that_of_keras():
    model = small()
    data = json.loads(model.to_json())
    assert (data["module"], data["class_name"], data["registered_name"]) == ("keras", "Sequential", None)
    x, dense = data["config"]["layers"]
    assert x["config"]["batch_shape"] == [None, 3]
    assert dense["module"] == "keras.layers"
    assert json.loads(json.dumps(model.get_config())) == data["config"]


def test_compile_arguments():
    model = small()
    model.compile(optimizers.SGD(0.25, momentum=0.5), "mse", metrics=["mae"])
    again = models.model_from_json(model.to_json())
    assert float(again.optimizer.learning_rate) == 0.25
    assert models.model_from_json(small().to_json()).optimizer is None


def test_an_optimizer_of_keras_only():
    data = json.loads(small().to_json())
    lamb = {"module": "keras.optimizers", "class_name": "Lamb", "config": {}, "registered_name": None}
    data["compile_config"] = {"optimizer": lamb, "loss": "mse"}
    with pytest.warns(UserWarning, match="model_from_json: the model was compiled with Lamb, .*call compile"):
        model = models.model_from_json(json.dumps(data))
    assert model.optimizer is None


def test_an_operation_that_keras_lacks():
    """Its model keeps fastconv's format."""
    a = Input((4, 4, 1))
    model = Model(a, ops.min_pool(a, 2))
    again = models.model_from_json(model.to_json())
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 1)).astype("float32")
    np.testing.assert_array_equal(again(x), model(x))
    np.testing.assert_array_equal(Model.from_config(model.get_config())(x), model(x))


class Named(Sequential):
    def __init__(self, layers=None, mark="", **kwargs):
        super().__init__(layers, **kwargs)
        self.mark = mark

    def get_config(self):
        return {**super().get_config(), "mark": self.mark}

    @classmethod
    def from_config(cls, config):
        model = super().from_config({key: value for key, value in config.items() if key != "mark"})
        model.mark = config["mark"]
        return model


@pytest.mark.parametrize("suffix", [".npz", ".keras", ".h5"])
def test_a_subclass_that_adds_to_the_configuration(tmp_path, suffix):
    if suffix != ".npz":
        pytest.importorskip("h5py")
    model = Named([Input((3,)), layers.Dense(2)], mark="here")
    model.save(tmp_path / f"m{suffix}")
    for again in (
        models.load_model(tmp_path / f"m{suffix}", custom_objects={"Named": Named}),
        models.model_from_json(model.to_json(), custom_objects={"Named": Named}),
    ):
        assert type(again) is Named
        assert again.mark == "here"


@pytest.mark.parametrize("text", ["null", "3", "[]", "{", "{}", '{"class_name": "Dense"}', "[" * 100000, None])
def test_json_that_is_not_a_model(text):
    with pytest.raises(ValueError, match="model_from_json: "):
        models.model_from_json(text)
