"""Information that files hold for Keras: modules, registered names, operations and their tensors."""

import json

import pytest

from fastconv import Input, Model, Sequential, layers, ops, optimizers, regularizers
from fastconv.saving.keras.to_keras import model_to_keras


def entries(model):
    return {entry["name"]: entry for entry in model_to_keras(model)["config"]["layers"]}


def test_a_sequential_model_and_its_compile_arguments():
    model = Sequential([Input((3,), name="x"), layers.Dense(2, kernel_regularizer=regularizers.L2(0.5), name="d")])
    model.compile(optimizers.SGD(optimizers.schedules.CosineDecay(0.1, 5)), ["mse"], metrics=["mae"])
    data = json.loads(json.dumps(model_to_keras(model)))
    assert (data["module"], data["class_name"], data["registered_name"]) == ("keras", "Sequential", None)
    assert data["config"]["build_input_shape"] == [None, 3]
    x, dense = data["config"]["layers"]
    assert x["config"] == {"batch_shape": [None, 3], "dtype": "float32", "sparse": False, "name": "x"}
    assert dense["module"] == "keras.layers"
    assert dense["config"]["kernel_regularizer"]["module"] == "keras.regularizers"
    assert dense["config"]["kernel_initializer"]["class_name"] == "GlorotUniform"
    sgd = data["compile_config"]["optimizer"]
    assert sgd["module"] == "keras.optimizers"
    assert sgd["config"]["learning_rate"]["module"] == "keras.optimizers.schedules"
    assert (data["compile_config"]["loss"], data["compile_config"]["metrics"]) == (["mse"], ["mae"])


def test_functions_of_compile_are_distinct_from_names():
    def cubic(y_true, y_pred):
        return ops.mean(ops.absolute(y_true - y_pred) ** 3, axis=-1)

    model = Sequential([Input((3,)), layers.Dense(2, name="a")])
    model.compile("sgd", {"a": cubic}, metrics=[["accuracy", cubic]])
    data = model_to_keras(model)["compile_config"]
    function = {"module": "builtins", "class_name": "function", "config": "cubic", "registered_name": "cubic"}
    assert data["loss"] == {"a": function}
    assert data["metrics"] == [["accuracy", function]]


def test_operations_have_unique_names():
    a = Input((4, 3), name="relu")
    model = Model(a, ops.relu(ops.mean(ops.relu(a), axis=1, keepdims=True)))
    found = entries(model)
    assert list(found) == ["relu", "relu_1", "mean", "relu_2"]
    assert found["mean"]["module"] == "keras.src.ops.numpy"
    assert found["mean"]["config"] == {"name": "mean", "axis": 1, "keepdims": True}
    (call,) = found["mean"]["inbound_nodes"]
    (tensor,) = call["args"]
    assert tensor["config"] == {"shape": [None, 4, 3], "dtype": "float32", "keras_history": ["relu_1", 0, 0]}


def test_calls_of_a_layer_are_numbered():
    a = Input((3,))
    shared = layers.Dense(3, name="shared")
    inner = Model(a, shared(shared(a)), name="inner")
    model = Model(a, inner(inner(a)))
    data = model_to_keras(model)["config"]
    assert data["output_layers"] == ["inner", 2, 0]
    (nested,) = (entry for entry in data["layers"] if entry["name"] == "inner")
    assert nested["config"]["output_layers"] == ["shared", 1, 0]
    assert len(nested["inbound_nodes"]) == 2


@pytest.mark.parametrize("layer", [layers.MinPooling2D(), layers.Maxout(2)])
def test_layers_that_keras_lacks_are_marked(layer):
    model = Sequential([Input((4, 4, 2)), layer])
    entry = model_to_keras(model)["config"]["layers"][1]
    assert entry["module"] == "fastconv.layers"
    assert entry["registered_name"] == type(layer).__name__


def test_operations_that_keras_lacks_are_an_error(tmp_path):
    pytest.importorskip("h5py")
    a = Input((4, 4, 1))
    model = Model(a, ops.min_pool(a, 2))
    for suffix in (".keras", ".h5"):
        with pytest.raises(ValueError, match=r"operations that Keras has; .npz holds all. Received: 'min_pool'"):
            model.save(tmp_path / f"m{suffix}")
    model.save(tmp_path / "m.npz")


def test_operations_are_next_to_the_layers_that_they_need():
    """Keras 3.6 rebuilds a graph in this order."""
    i = Input((4,), name="i")
    x = ops.relu(layers.Dense(4, name="first")(i)) + i
    model = Model(i, layers.Dense(2, name="last")(ops.square(x) * x))
    names = [layer["config"]["name"] for layer in json.loads(model.to_json())["config"]["layers"]]
    assert names == ["i", "first", "relu", "add", "square", "multiply", "last"]
