"""Names and configurations; only registered objects are found."""

from __future__ import annotations

import pytest

from fastconv import activations, initializers, losses, metrics, ops, optimizers, regularizers, serialization
from fastconv.serialization import Configurable, deserialize, get, register, serialize, snake_case

OBJECTS = [
    ("initializer", initializers.HeNormal(seed=3)),
    ("initializer", initializers.Constant(0.5)),
    ("initializer", initializers.RandomNormal(1.0, 2.0, 3)),
    ("initializer", initializers.TruncatedNormal(1.0, 2.0)),
    ("initializer", initializers.RandomUniform(-1.0, 2.0)),
    ("initializer", initializers.VarianceScaling(3.0, "fan_out", "uniform", 4)),
    ("regularizer", regularizers.L1(0.1)),
    ("regularizer", regularizers.L2(0.2)),
    ("regularizer", regularizers.L1L2(0.1, 0.2)),
    ("optimizer", optimizers.SGD(0.5, 0.9, True, clipnorm=1.0)),
    ("optimizer", optimizers.Adam(0.5, 0.8, 0.9, 1e-3, clipvalue=2.0, name="other")),
    ("loss", losses.MeanSquaredError("sum", "m")),
    ("loss", losses.BinaryCrossentropy(True, 0.1, 1, "none")),
    ("loss", losses.CategoricalCrossentropy(True, 0.1, 1)),
    ("loss", losses.SparseCategoricalCrossentropy(True, None, "sum", 1)),
    ("loss", losses.LossFunctionWrapper(losses.categorical_crossentropy, "sum", label_smoothing=0.25)),
    ("metric", metrics.Mean("m")),
    ("metric", metrics.BinaryAccuracy("b", threshold=0.25)),
    ("metric", metrics.MeanMetricWrapper(metrics.binary_accuracy, threshold=0.25)),
    ("metric", metrics.SparseCategoricalAccuracy()),
]


@pytest.mark.parametrize(("kind", "thing"), OBJECTS, ids=lambda x: type(x).__name__)
def test_an_object_is_rebuilt_from_its_configuration(kind, thing):
    again = deserialize(kind, serialize(thing))
    assert type(again) is type(thing)
    assert again.get_config() == thing.get_config()


def test_a_function_is_serialized_as_its_name():
    assert serialize(ops.tanh) == "tanh"
    assert deserialize("activation", "tanh") is ops.tanh
    assert serialize(None) is None
    assert deserialize("regularizer", None) is None


@pytest.mark.parametrize(
    ("name", "snake"),
    [("GlorotUniform", "glorot_uniform"), ("SGD", "sgd"), ("L1L2", "l1l2"), ("Conv2D", "conv2d"), ("Mean", "mean")],
)
def test_snake_case_is_that_of_keras(name, snake):
    assert snake_case(name) == snake


@pytest.mark.parametrize("identifier", ["he_normal", "HeNormal", {"class_name": "HeNormal"}, initializers.HeNormal])
def test_forms_of_identifiers(identifier):
    assert type(get("initializer", identifier)) is initializers.HeNormal


def test_an_object_is_returned_unchanged():
    thing = initializers.Zeros()
    assert get("initializer", thing) is thing
    assert get("activation", ops.tanh) is ops.tanh
    assert get("regularizer", None) is None


@pytest.mark.parametrize("module", [activations, initializers, losses, metrics, optimizers, regularizers])
def test_the_error_of_an_unknown_name_lists_known_names(module):
    with pytest.raises(ValueError, match=r"unknown name. Known names are .+\. Received: 'nothing'"):
        module.get("nothing")


def test_known_names_are_listed_once():
    with pytest.raises(ValueError, match=r"Known names are Adadelta, .*, SGD\. .*custom_objects"):
        optimizers.get("nothing")
    with pytest.raises(ValueError, match="MeanSquaredError") as error:
        losses.get("nothing")
    assert "mean_squared_error" not in str(error.value)
    assert "Wrapper" not in str(error.value)


@pytest.mark.parametrize("data", [3, ["relu"], {"config": {}}, {"class_name": "relu", "config": {}}])
def test_data_of_other_forms_is_refused(data):
    with pytest.raises(ValueError, match="Received"):
        deserialize("activation", data)


def test_objects_that_are_not_callable_are_refused():
    with pytest.raises(ValueError, match="Received: 3"):
        get("initializer", 3)


def test_a_lambda_is_refused():
    with pytest.raises(ValueError, match="with a name"):
        serialize(lambda x: x)


@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "fastconv.ops.relu", "__import__"])
def test_a_name_finds_only_registered_objects(name):
    with pytest.raises(ValueError, match="unknown name"):
        deserialize("activation", name)
    with pytest.raises(ValueError, match="unknown name"):
        deserialize("layer", {"class_name": name, "config": {}, "module": "os"})


def test_custom_objects_come_first_and_do_not_stay():
    class Mine(Configurable):
        pass

    assert type(deserialize("loss", {"class_name": "Mine"}, {"Mine": Mine})) is Mine
    with pytest.raises(ValueError, match="unknown name"):
        deserialize("loss", {"class_name": "Mine"})


def test_custom_objects_apply_to_nested_objects():
    def distance(y_true, y_pred):
        return ops.absolute(y_true - y_pred)

    saved = serialize(losses.LossFunctionWrapper(distance))
    assert deserialize("loss", saved, {"distance": distance}).fn is distance


def test_a_name_belongs_to_a_single_object():
    with pytest.raises(ValueError, match="must be unique"):

        @register("initializer", "glorot_uniform")
        class Thief:
            pass

    assert type(get("initializer", "glorot_uniform")) is initializers.GlorotUniform
    with pytest.raises(ValueError, match="unknown name"):
        get("initializer", "Thief")


def test_a_definition_may_be_repeated(monkeypatch):
    monkeypatch.setitem(serialization._tables, "metric", {})

    def define():
        @register("metric", "alias")
        class Twice(Configurable):
            pass

        return Twice

    define()
    latest = define()
    assert type(get("metric", "twice")) is latest
    assert type(get("metric", "alias")) is latest


def test_kinds_are_known():
    with pytest.raises(ValueError, match="kind must be one of"):
        register("thing")


@pytest.mark.parametrize("name", ["RMSprop", "AdamW", "Adamax", "SGD"])
def test_optimizers_are_found_by_lowercase_names(name):
    assert type(optimizers.get(name.lower())).__name__ == name


class Scaled:
    ARGUMENTS = ("scale",)

    def __init__(self, scale, name=None):
        self.scale = scale


class Shifted(Scaled):
    def __init__(self, shift, *, name=None, **kwargs):
        super().__init__(name=name, **kwargs)
        self.shift = shift


class Negated(Scaled):
    def __init__(self, sign, name=None):
        super().__init__(-1, name)


def test_arguments_of_a_constructor():
    assert serialization.own_arguments(Shifted, ["name"]) == ("shift", "scale")
    assert serialization.own_arguments(Shifted) == ("shift", "name", "scale")
    assert serialization.own_arguments(Negated, ["name"]) == ("sign",)
