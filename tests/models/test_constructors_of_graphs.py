"""Subclasses of functional models and of `Sequential` keep what their constructors were given."""

import copy
import pickle

import numpy as np
import pytest

from fastconv import Input, Model, Sequential, layers
from fastconv.models import clone_model, load_model, model_from_json

ENDINGS = (".npz", ".keras", ".h5", ".safetensors")
NEEDS = {".keras": "h5py", ".h5": "h5py", ".safetensors": "safetensors"}


class Graph(Model):
    def __init__(self, inputs, outputs, alpha=0.1, name=None):
        super().__init__(inputs, outputs, name=name)
        self.alpha = alpha


class GraphWithMore(Model):
    def __init__(self, inputs, outputs, alpha=0.1, **kwargs):
        super().__init__(inputs, outputs, **kwargs)
        self.alpha = alpha


class GraphWithAny(Model):
    def __init__(self, *args, **kwargs):
        alpha = kwargs.pop("alpha", 0.1)
        super().__init__(*args, **kwargs)
        self.alpha = alpha


class Listed(Sequential):
    def __init__(self, layers=None, alpha=0.1, name=None):
        super().__init__(layers, name=name)
        self.alpha = alpha


class Made(Sequential):
    def __init__(self, alpha=3):
        super().__init__([layers.Dense(alpha), layers.Dense(2)])
        self.alpha = alpha


class MadeWithInput(Sequential):
    def __init__(self, input_shape=(4,), alpha=3, **kwargs):
        super().__init__(**kwargs)
        self.alpha = alpha
        self.add(Input(input_shape))
        self.add(layers.Dense(alpha))


class Filled(Sequential):
    def __init__(self, alpha=3):
        super().__init__()
        self.alpha = alpha


def functional(kind, **kwargs):
    x = Input((5,))
    return kind(x, layers.Dense(3)(x), **kwargs)


def filled():
    model = Filled(7)
    model.add(layers.Dense(3))
    return model


MODELS = {
    "functional": lambda: functional(Graph, alpha=0.3, name="mine"),
    "by default": lambda: functional(Graph),
    "with more": lambda: functional(GraphWithMore, alpha=0.3),
    "with any": lambda: functional(GraphWithAny, alpha=0.3),
    "listed": lambda: Listed([Input((5,)), layers.Dense(3)], alpha=0.3),
    "made": lambda: Made(4),
    "made with an input": lambda: MadeWithInput((5,), 4, name="mine"),
    "filled": filled,
}
KINDS = {kind.__name__: kind for kind in (Graph, GraphWithMore, GraphWithAny, Listed, Made, MadeWithInput, Filled)}
X = np.linspace(-1, 1, 10, dtype="float32").reshape(2, 5)


def check_same(model, twin):
    assert (type(twin).__name__, twin.alpha, twin.name) == (type(model).__name__, model.alpha, model.name)
    np.testing.assert_array_equal(twin(X), model(X))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("ending", ENDINGS)
def test_files(name, ending, tmp_path):
    if ending in NEEDS:
        pytest.importorskip(NEEDS[ending])
    model = MODELS[name]()
    model(X)
    model.save(tmp_path / f"a{ending}")
    check_same(model, load_model(tmp_path / f"a{ending}", custom_objects=KINDS))


@pytest.mark.parametrize("name", MODELS)
def test_configurations_and_copies(name):
    model = MODELS[name]()
    model(X)
    by_config = type(model).from_config(model.get_config())
    by_json = model_from_json(model.to_json(), custom_objects=KINDS)
    for twin in (by_config, by_json):
        twin(X)
        twin.set_weights(model.get_weights())
        check_same(model, twin)
    check_same(model, copy.deepcopy(model))
    check_same(model, pickle.loads(pickle.dumps(model)))


@pytest.mark.parametrize("name", ["functional", "with more", "with any"])
def test_clones(name):
    model = MODELS[name]()
    twin = clone_model(model)
    twin.set_weights(model.get_weights())
    check_same(model, twin)


@pytest.mark.parametrize("kind", [Graph, GraphWithMore, GraphWithAny])
def test_arguments_that_no_file_holds_are_refused(kind, tmp_path):
    model = functional(kind, alpha=object())
    for action in (model.get_config, model.to_json, lambda: clone_model(model), lambda: model.save(tmp_path / "a.npz")):
        with pytest.raises(ValueError, match=r"get_config must be overridden.*Received: alpha"):
            action()
    model = Listed([Input((5,)), layers.Dense(3)], alpha=object())
    with pytest.raises(ValueError, match="get_config must be overridden"):
        model.save(tmp_path / "a.npz")


def test_an_argument_with_a_name_of_the_graph_is_refused():
    class Deep(Model):
        def __init__(self, inputs, outputs, layers=2):
            super().__init__(inputs, outputs)

    class Counted(Sequential):
        def __init__(self, layers=2):
            super().__init__()

    for model in (functional(Deep, layers=3), Counted(3)):
        with pytest.raises(ValueError, match="Received: layers"):
            model.get_config()


def test_a_get_config_may_add_an_argument_to_those_of_the_graph():
    class Added(Model):
        def __init__(self, inputs, outputs, part=None):
            super().__init__(inputs, outputs)
            self.part = part

        def get_config(self):
            return {**super().get_config(), "part": "of a file"}

    model = functional(Added, part=object())
    assert Added.from_config(model.get_config()).part == "of a file"


def test_layers_that_a_constructor_does_not_make_again_are_refused():
    model = Made(4)
    model.add(layers.Dense(1))
    model(X)
    with pytest.raises(ValueError, match="the constructor must make the layers of the configuration, or none"):
        Made.from_config(model.get_config())


def test_frozen_layers_stay_frozen():
    model = Made(4)
    model.layers[0].trainable = False
    model(X)
    twin = Made.from_config(model.get_config())
    assert [layer.trainable for layer in twin.layers] == [False, True]


def test_a_layer_keeps_arguments_that_all_layers_have_if_its_constructor_names_them():
    class Shaped(layers.Layer):
        def __init__(self, input_shape=(1,), weights="none"):
            super().__init__()
            self.settings = input_shape, weights

    twin = Shaped.from_config(Shaped((4,), "some").get_config())
    assert twin.settings == ((4,), "some")
