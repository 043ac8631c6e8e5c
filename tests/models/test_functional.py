"""Subclasses of `Model` as functional models, with methods of their own: ``Mine(inputs, outputs)``."""

import copy
import pickle

import numpy as np
import pytest

from fastconv import Input, Model, layers, models, ops, saving

X, Y = np.random.default_rng(0).normal(size=(12, 3)).astype("float32"), np.ones((12, 1), "float32")


class Mine(Model):
    def train_step(self, data):
        return {**super().train_step(data), "mine": ops.mean(data[0]) * 0.0 + 7.0}


class Twice(Model):
    def compute_loss(self, x, y, y_pred, sample_weight, allow_empty=False):
        return super().compute_loss(x, y, y_pred, sample_weight) * 2.0


class Named(Model):
    """Builds its own graph in the constructor, with attributes before and after."""

    def __init__(self, units):
        x = Input((3,))
        super().__init__(inputs=x, outputs=layers.Dense(units)(x), name="named")
        self.units = units


def functional(kind):
    x = Input((3,))
    model = kind(x, layers.Dense(1, kernel_initializer="ones")(layers.Dense(4, kernel_initializer="ones")(x)))
    model.compile("sgd", "mse")
    return model


def test_functional_models_have_the_methods_of_their_class():
    model, plain = functional(Mine), functional(Model)
    assert isinstance(model, Mine)
    assert type(model).__name__ == "Mine"
    assert len(model.layers) == 3
    assert model.fit(X, Y, verbose=0, shuffle=False).history["mine"] == [7.0]
    plain.fit(X, Y, verbose=0, shuffle=False)
    np.testing.assert_array_equal(model.predict(X, verbose=0), plain.predict(X, verbose=0))
    assert functional(Twice).evaluate(X, Y, verbose=0) == 2 * functional(Model).evaluate(X, Y, verbose=0)


def test_models_that_build_their_own_graph():
    model = Named(5)
    assert (model.name, model.units, model.output_shape) == ("named", 5, (None, 5))
    assert model.predict(X, verbose=0).shape == (12, 5)
    assert [w.shape for w in model.weights] == [(3, 5), (5,)]


def test_classes_may_be_functional_and_subclassed():
    class Either(Model):
        def call(self, x):
            return x * 2.0

    np.testing.assert_array_equal(Either().predict(X, verbose=0), X * 2)
    x = Input((3,))
    np.testing.assert_array_equal(Either(x, layers.Activation("relu")(x)).predict(X, verbose=0), X * 2)
    np.testing.assert_array_equal(Either().predict(X, verbose=0), X * 2)


def test_copies_of_functional_models_are_of_their_class():
    model = functional(Mine)
    model.fit(X, Y, verbose=0)
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
        assert again.fit(X, Y, verbose=0).history["mine"] == [7.0]
    assert isinstance(models.clone_model(model), Mine)


@pytest.mark.parametrize("ending", [".npz", ".keras"])
def test_files_of_functional_models(tmp_path, ending):
    if ending == ".keras":
        pytest.importorskip("h5py")
    model = functional(Mine)
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / f"model{ending}")
    again = models.load_model(tmp_path / f"model{ending}", custom_objects={"Mine": Mine})
    assert isinstance(again, Mine)
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    assert again.fit(X, Y, verbose=0).history["mine"] == [7.0]


@saving.register_keras_serializable("functional")
class Registered(Model):
    """A registered class with weights and layers in addition to the graph."""

    def __init__(self, inputs, outputs, **kwargs):
        super().__init__(inputs, outputs, **kwargs)
        self.scale = self.add_weight(shape=(2,), initializer="ones", name="scale")
        self.beside = layers.Dense(2)
        self.beside.build((None, 3))
        self.listed = [layers.Dense(3)]
        self.listed[0].build((None, 3))


ENDINGS = [".npz", ".safetensors", ".keras", ".h5"]


def file_of(tmp_path, ending):
    if ending in (".keras", ".h5"):
        pytest.importorskip("h5py")
    if ending == ".safetensors":
        pytest.importorskip("safetensors")
    return tmp_path / f"model{ending}"


@pytest.mark.parametrize("ending", ENDINGS[:3])
def test_layers_and_weights_outside_of_the_graph_are_trained_and_saved(tmp_path, ending):
    model = functional(Registered)
    assert [w.shape for w in model.weights] == [(2,), (3, 4), (4,), (4, 1), (1,), (3, 2), (2,), (3, 3), (3,)]
    assert len(model.trainable_variables) == 9
    assert len(model.layers) == 3
    model.set_weights([np.full(w.shape, i, "float32") for i, w in enumerate(model.weights)])
    path = file_of(tmp_path, ending)
    model.save(path)
    again = models.load_model(path)
    assert isinstance(again, Registered)
    for w, v in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(w, v)


def test_layers_outside_of_the_graph_of_a_plain_model():
    model = functional(Model)
    model.beside = layers.Dense(2)
    model.beside.build((None, 3))
    assert (len(model.layers), len(model.weights)) == (3, 6)
    model.trainable = False
    assert not model.beside.trainable


class Penalised(Registered):
    """The train step of the class propagates gradients to the additional layer."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(x, y, y_pred, sample_weight) + ops.sum(self.beside.kernel**2)


@pytest.mark.filterwarnings("ignore:.*does not depend on")
def test_layers_outside_of_the_graph_learn():
    model = functional(Penalised)
    before = np.asarray(model.beside.kernel).copy()
    model.fit(X, Y, verbose=0)
    assert np.abs(np.asarray(model.beside.kernel)).sum() < np.abs(before).sum()


@pytest.mark.parametrize("ending", ENDINGS)
def test_files_of_models_that_build_their_own_graph(tmp_path, ending):
    class Configured(Named):
        def get_config(self):
            return {**super().get_config(), "units": self.units}

    class Bare(Model):
        def __init__(self):
            x = Input((3,))
            super().__init__(x, layers.Dense(2)(x))

    path = file_of(tmp_path, ending)

    class Unnamed(Model):
        def __init__(self, make):
            x = Input((3,))
            super().__init__(x, make(2)(x))

    for model in (Configured(5), Named(5), Bare()):
        model.save(path)
        again = models.load_model(path, custom_objects={type(model).__name__: type(model).WRITTEN})
        assert type(again) is type(model)
        np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
        assert type(models.clone_model(model)) is type(model)
    with pytest.raises(ValueError, match="get_config must be overridden"):
        Unnamed(layers.Dense).save(path)


class Tenfold(Model):
    def call(self, inputs, training=False):
        return super().call(inputs) * 10.0


def test_overridden_calls_of_functional_models():
    model = functional(Tenfold)
    plain = functional(Model).predict(X, verbose=0)
    np.testing.assert_allclose(model.predict(X, verbose=0), 10 * plain)
    np.testing.assert_allclose(model(X), 10 * plain)
    x = Input((3,))
    np.testing.assert_allclose(Model(x, model(x)).predict(X, verbose=0), 10 * plain)


def test_functional_models_within_others(tmp_path):
    x = Input((3,))
    outer = Model(x, layers.Dense(2)(functional(Mine)(x)))
    assert [type(layer).__name__ for layer in outer.layers] == ["InputLayer", "Mine", "Dense"]
    assert len(outer.weights) == 6
    outer.save(tmp_path / "outer.npz")
    again = models.load_model(tmp_path / "outer.npz", custom_objects={"Mine": Mine})
    assert isinstance(again.layers[1], Mine)
    np.testing.assert_array_equal(again.predict(X, verbose=0), outer.predict(X, verbose=0))


class Greets:
    def greet(self):
        return "hi"


class Left(Greets, Mine):
    pass


class Right(Mine, Greets):
    pass


@pytest.mark.parametrize("kind", [Left, Right])
def test_functional_models_of_several_classes(kind):
    model = functional(kind)
    assert model.greet() == "hi"
    assert model.fit(X, Y, verbose=0).history["mine"] == [7.0]
    assert type(pickle.loads(pickle.dumps(model))) is type(model)


class Measured(Model):
    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return {**super().compute_metrics(x, y, y_pred, sample_weight), "extra": 3.0}


def test_overridden_metrics_of_functional_models():
    model = functional(Measured)
    assert model.fit(X, Y, verbose=0).history["extra"] == [3.0]
    assert model.evaluate(X, Y, verbose=0, return_dict=True)["extra"] == 3.0
    assert model.train_on_batch(X, Y, return_dict=True)["extra"] == 3.0


def test_descriptions_of_functional_models():
    model, lines = functional(Mine), []
    model.summary(print_fn=lines.append)
    assert model.name in "\n".join(lines)
    config = model.get_config()
    assert [layer["class_name"] for layer in config["layers"]] == ["InputLayer", "Dense", "Dense"]
    again = Mine.from_config(config)
    assert (type(again), again.name) == (type(model), model.name)
    assert isinstance(models.model_from_json(model.to_json(), custom_objects={"Mine": Mine}), Mine)


def test_frozen_functional_models_stay_frozen():
    model = functional(Mine)
    model.trainable = False
    assert not models.clone_model(model).trainable


def test_inputs_without_outputs():
    with pytest.raises(TypeError, match="needs inputs and outputs"):
        Mine(Input((3,)))
    with pytest.raises(TypeError, match="needs inputs and outputs"):
        Mine(inputs=Input((3,)))
