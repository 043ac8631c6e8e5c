"""Configurations in the spellings of Keras's versions, and refused configurations."""

import numpy as np
import pytest

from fastconv import layers, losses, ops, optimizers
from fastconv.layers import Layer
from fastconv.saving.keras.from_keras import from_keras
from fastconv.serialization import custom_object_scope, deserialize


def made(kind, data):
    return deserialize(kind, from_keras(kind, data))


def of(class_name, /, **config):
    return {"class_name": class_name, "config": config}


def test_a_list_of_layers_is_a_sequence():
    """The format of Keras 2.2 and older versions."""
    dense = of("Dense", name="d", units=2, activation="linear", batch_input_shape=[None, 3], dtype="float32")
    model = made(
        "layer", {"class_name": "Sequential", "config": [dense, of("Activation", name="a", activation="relu")]}
    )
    assert [layer.name for layer in model.layers] == ["d", "a"]
    assert model.input_shape == (None, 3)


def test_a_graph_of_keras_2():
    """Calls as lists, a nested model whose calls are counted from 1, and keyword arguments of a call."""
    inner = of("Sequential", name="inner", layers=[of("InputLayer", name="i", batch_input_shape=[None, 4]), DENSE])
    nodes = {
        "x": {**of("InputLayer", name="x", batch_input_shape=[None, 4], sparse=False), "inbound_nodes": []},
        "sum": {**of("Add", name="sum"), "inbound_nodes": [[["inner", 1, 0, {}], ["inner", 2, 0, {}]]]},
        "inner": {**inner, "inbound_nodes": [[["x", 0, 0, {}]], [["inner", 1, 0, {}]]]},
        "drop": {**of("Dropout", name="drop", rate=0.5), "inbound_nodes": [[["sum", 0, 0, {"training": True}]]]},
    }
    entries = [{**node, "name": name} for name, node in nodes.items()]
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [["drop", 0, 0]]}
    model = made("layer", of("Model", name="m", layers=entries, **ends))
    assert [layer.name for layer in model.layers] == ["x", "inner", "sum", "drop"]
    x = np.ones((200, 4), "float32")
    assert (np.asarray(model(x)) == 0).any()  # even outside of training
    assert model.output_shape == (None, 4)


DENSE = of(
    "Dense", name="dense", units=4, kernel_initializer=of("VarianceScaling", scale=1.0, mode="fan_avg", seed=None)
)


@pytest.mark.parametrize(
    ("given", "attribute", "value"),
    [
        (of("Dense", units=2, dtype={"class_name": "DTypePolicy", "config": {"name": "float64"}}), "dtype", "float64"),
        (of("Dense", units=2, dtype="mixed_float16"), "dtype", "float32"),
        (of("BatchNormalization", axis=[3], renorm=False, renorm_momentum=0.9, synchronized=True), "axis", 3),
        (of("LeakyReLU", alpha=0.25), "negative_slope", 0.25),
        (
            of("Activation", activation={"class_name": "function", "config": "tanh", "module": "keras"}),
            "activation",
            ops.tanh,
        ),
        (of("Dense", units=2, quantization_config=None, lora_rank=None), "units", 2),
    ],
)
def test_arguments(given, attribute, value):
    assert getattr(made("layer", given), attribute) == value


def test_losses_and_optimizers_of_keras_2():
    data = of("SparseCategoricalCrossentropy", reduction="auto", name="s", from_logits=True, fn="f", ignore_class=None)
    loss = made("loss", data)
    assert type(loss) is losses.SparseCategoricalCrossentropy
    assert loss.get_config()["from_logits"] is True
    data = of("Custom>Adam", name="Adam", learning_rate=0.5, jit_compile=True, is_legacy_optimizer=False, decay=0.0)
    adam = made("optimizer", data)
    assert type(adam) is optimizers.Adam
    assert float(adam.learning_rate) == 0.5


@pytest.mark.parametrize(
    "data",
    [
        of("Lambda", name="l", function=["code", None, None], function_type="lambda"),
        of("Lambda", name="l", function={"class_name": "__lambda__", "config": {"code": "x"}}),
        of("Activation", activation={"class_name": "__lambda__", "config": {"value": "x"}}),
        of("Activation", activation={"class_name": "__bytes__", "config": {"value": "x"}}),
    ],
)
def test_code_is_refused(data):
    with pytest.raises(
        ValueError, match=r"code is never read from a file.*custom_objects.*register_keras_serializable"
    ):
        from_keras("layer", data)


def test_a_function_stands_for_code():
    data = of("Lambda", name="twice", function=["code", None, None], function_type="lambda", module="__main__")
    with custom_object_scope({"twice": lambda x: x * 2}):
        assert made("layer", data)(np.ones(2))[0] == 2


@pytest.mark.parametrize(
    "data",
    [
        {"class_name": "Dense", "module": "os", "config": {"units": 2}, "registered_name": "Dense"},
        {"class_name": "Dense", "module": None, "config": {"units": 2}, "registered_name": None},
        {"class_name": "system", "module": "os", "config": {}},
        {"class_name": "TFOpLambda", "config": {}},
    ],
)
def test_a_class_of_another_package_is_not_replaced(data):
    with pytest.raises(ValueError, match="unknown name"):
        made("layer", data)


def test_custom_classes_come_first():
    class Dense(Layer):
        pass

    data = {"class_name": "Dense", "module": "mine", "config": {}, "registered_name": "package>Dense"}
    with custom_object_scope({"Dense": Dense}):
        assert type(made("layer", data)) is Dense
        assert type(made("layer", {**data, "config": {"autocast": True, "name": "d"}})) is Dense
    assert type(made("layer", {**data, "module": "keras.layers", "config": {"units": 2}})) is layers.Dense


@pytest.mark.parametrize("argument", [{"sparse": True}, {"unknown": 3}])
def test_unknown_arguments_with_effect_are_errors(argument):
    with pytest.raises((TypeError, ValueError)):
        made("layer", of("InputLayer", batch_shape=[None, 2], **argument))


TENSOR = {"class_name": "__keras_tensor__", "config": {"keras_history": ["x", 0, 0]}}


@pytest.mark.parametrize(
    ("history", "reason"),
    [(["later", 0, 0], "called on tensors that come before"), (["nowhere", 0, 0], "come from its layers")],
)
def test_a_graph_that_cannot_run(history, reason):
    tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": history}}
    call = {"args": [tensor], "kwargs": {}}
    entries = [
        {**of("InputLayer", name="x", batch_shape=[None, 2]), "name": "x", "inbound_nodes": []},
        {**of("Flatten", name="later"), "name": "later", "inbound_nodes": [call]},
    ]
    ends = {"input_layers": ["x", 0, 0], "output_layers": ["later", 0, 0]}
    with pytest.raises(ValueError, match=reason):
        made("layer", of("Functional", name="m", layers=entries, **ends))


@pytest.mark.parametrize(("name", "config"), [("Argmin", {"axis": 1, "keepdims": True}), ("Swapaxes", {"axis1": 0})])
def test_a_missing_operation(name, config):
    operation = {"class_name": name, "module": "keras.src.ops.numpy", "config": {"name": "op", **config}}
    entries = [
        {**of("InputLayer", name="x", batch_shape=[None, 2]), "name": "x", "inbound_nodes": []},
        {**operation, "name": "op", "inbound_nodes": [{"args": [TENSOR], "kwargs": {}}]},
    ]
    ends = {"input_layers": ["x", 0, 0], "output_layers": ["op", 0, 0]}
    with pytest.raises(ValueError, match="Received"):
        made("layer", of("Functional", name="m", layers=entries, **ends))
