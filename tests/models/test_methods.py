"""Methods of layers, callbacks and symbolic tensors that Keras or scripts call."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import (
    Input,
    KerasTensor,
    Model,
    Sequential,
    callbacks,
    initializers,
    layers,
    metrics,
    models,
    ops,
    random,
)

X = np.random.default_rng(0).normal(size=(6, 5, 5, 2)).astype("float32")
Y = np.zeros((6, 1), "float32")


class Standardized(layers.Conv2D):
    def convolution_op(self, inputs, kernel):
        return super().convolution_op(inputs, kernel - ops.mean(kernel, (0, 1, 2), keepdims=True))


def test_a_convolution_of_a_subclass():
    layer, plain = Standardized(3, 3, bias_initializer="ones"), layers.Conv2D(3, 3, bias_initializer="ones")
    layer.build((None, 5, 5, 2))
    plain.build((None, 5, 5, 2))
    kernel = layer.get_weights()[0]
    plain.set_weights([kernel - kernel.mean((0, 1, 2), keepdims=True), np.ones(3)])
    np.testing.assert_allclose(layer(X), plain(X), rtol=1e-5, atol=1e-6)


def a_model():
    model = Sequential([Input((5, 5, 2)), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


class OnSum(callbacks.EarlyStopping):
    """Stops by a quantity that is not in logs."""

    def get_monitor_value(self, logs):
        self.asked.append(set(logs))
        return 1.0


def test_the_quantity_of_early_stopping():
    stopping = OnSum(monitor="sum", mode="min", patience=2)
    stopping.asked = []
    history = a_model().fit(X, Y, epochs=9, verbose=0, callbacks=[stopping]).history
    assert len(history["loss"]) == len(stopping.asked) == 3
    assert stopping.asked[0] == {"loss"}


def test_in_cooldown():
    callback = callbacks.ReduceLROnPlateau("loss", patience=1, cooldown=2)
    assert callback.in_cooldown() is False
    callback.cooldown_counter = 1
    assert callback.in_cooldown() is True


def test_how_layers_are_built_again():
    layer, twin = layers.Dense(3), layers.Dense(3)
    assert layer.get_build_config() is None
    twin.build_from_config(None)
    assert not twin.built
    layer.build((8, 4))
    assert layer.get_build_config() == {"input_shape": (None, 4)}
    twin.build_from_config(layer.get_build_config())
    assert [v.shape for v in twin.weights] == [(4, 3), (3,)]


def test_weights_in_a_store():
    layer, twin = layers.BatchNormalization(), layers.BatchNormalization()
    layer.build((None, 2))
    twin.build((None, 2))
    layer.set_weights([[1, 2], [3, 4], [5, 6], [7, 8]])
    store = {}
    layer.save_own_variables(store)
    assert list(store) == ["0", "1", "2", "3"]
    twin.load_own_variables(store)
    for a, b in zip(twin.get_weights(), layer.get_weights()):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="store must hold a value for each of"):
        twin.load_own_variables({"0": np.ones(2)})


def test_shapes_and_dtypes_without_weights():
    x = KerasTensor((None, 5, 5, 2))
    layer = layers.Conv2D(4, 3)
    spec = layer.compute_output_spec(x)
    assert (spec.shape, spec.dtype, layer.built) == ((None, 3, 3, 4), np.float32, False)
    model = Model(inputs := Input((5, 5, 2)), [layers.Flatten()(inputs), layer(inputs)])
    assert [t.shape for t in model.compute_output_spec(x)] == [(None, 50), (None, 3, 3, 4)]
    assert layers.Dense(2, dtype="float64").compute_output_spec(KerasTensor((3, 4))).dtype == np.float64


def test_dtypes_and_paths():
    layer = layers.Dense(2, dtype="float64", name="dense")
    assert (layer.compute_dtype, layer.variable_dtype, layer.input_dtype) == ("float64",) * 3
    layer.build((None, 3))
    assert {v.path for v in layer.weights} == {f"{layer.path}/kernel", f"{layer.path}/bias"}
    extra = layer.add_variable((2,), "ones", "float32", False, True, None, "non_neg", "extra")
    assert (extra.shape, extra.dtype, extra.trainable, extra.path) == ((2,), np.float32, False, "dense/extra")
    assert extra.constraint is not None


def test_non_trainable_variables():
    model = Sequential([Input((4,)), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(1)])
    model.layers[2].trainable = False
    names = [v.name for v in model.non_trainable_variables]
    assert names == ["moving_mean", "moving_variance", "seed_state", "kernel", "bias"]
    assert {*model.trainable_variables, *model.non_trainable_variables} == {*model.variables}


def test_symbolic_tensors_in_another_shape():
    x = Input((2, 3, 1))
    y = x.squeeze(-1).reshape((-1, 6))
    assert y.shape == (None, 6)
    data = np.arange(12.0).reshape(2, 2, 3, 1)
    np.testing.assert_array_equal(Model(x, y).predict(data, verbose=0), data.reshape(2, 6))


def test_copies_of_random_objects():
    initializer = initializers.HeNormal(seed=3)
    twin = initializer.clone()
    assert twin is not initializer
    np.testing.assert_array_equal(twin((3, 3)), initializer((3, 3)))
    generator = random.SeedGenerator(5, name="mine")
    generator.next()
    again = random.SeedGenerator.from_config(generator.get_config())
    assert (again.name, int(again.numpy()[0])) == ("mine", 5)


def test_a_model_is_one_file(tmp_path):
    model = a_model()
    model.save(tmp_path / "a.npz", True, zipped=True)
    model.save_weights(tmp_path / "w.npz", max_shard_size=None)
    with pytest.raises(ValueError, match="zipped must be None or True"):
        model.save(tmp_path / "a.npz", zipped=False)
    with pytest.raises(ValueError, match="max_shard_size must be None"):
        model.save_weights(tmp_path / "w.npz", max_shard_size=1)


def test_layers_by_name_or_position():
    model = a_model()
    assert model.get_layer(index=1) is model.get_layer(model.layers[1].name) is model.get_layer(None, -1)
    for how in ({}, {"name": "nothing"}, {"index": 2}, {"name": model.layers[0].name, "index": 0}):
        with pytest.raises(ValueError, match="Received: name="):
            model.get_layer(**how)


def test_metrics_are_reset_in_a_custom_loop():
    model = Sequential([Input((3,)), layers.Dense(1)])
    model.seen = metrics.Mean()
    model.seen.update_state(3.0)
    model.reset_metrics()
    assert model.seen.result() == 0


class OwnCompile(Sequential):
    def compile(self, optimizer, factor):
        super().compile(optimizer, "mse")
        self.factor = factor


class WhollyOwnCompile(OwnCompile):
    def get_compile_config(self):
        return {"optimizer": "sgd", "factor": self.factor}

    def compile_from_config(self, config):
        self.compile(config["optimizer"], config["factor"])


def test_compile_configurations():
    model, twin = a_model(), Sequential([Input((5, 5, 2)), layers.Flatten(), layers.Dense(1)])
    assert twin.get_compile_config() == {}
    twin.compile_from_config(model.get_compile_config())
    assert twin.get_compile_config() == model.get_compile_config()
    assert twin.optimizer is not model.optimizer
    assert twin.optimizer.known_variables() == twin.trainable_variables  # built like the model


@pytest.mark.parametrize("kind", [OwnCompile, WhollyOwnCompile])
def test_models_with_their_own_compile(tmp_path, kind):
    model = kind([Input((2,)), layers.Dense(1)])
    model.compile("sgd", 3)
    model.save(tmp_path / "m.npz")
    if kind is OwnCompile:
        with pytest.warns(UserWarning, match="was not compiled, since OwnCompile has a `compile` of its own"):
            again = models.load_model(tmp_path / "m.npz", custom_objects={kind.__name__: kind})
        assert not again.compiled
    else:
        again = models.load_model(tmp_path / "m.npz", custom_objects={kind.__name__: kind})
        assert again.factor == 3
