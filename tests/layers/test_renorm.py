"""Batch renormalisation compared with its definition, in configurations, and in training."""

import numpy as np
import pytest

from fastconv import Input, Sequential, layers, models

X = np.random.default_rng(0).normal(1, 3, (6, 4, 2)).astype("float32")


def test_one_step_by_hand():
    bounds = {"rmin": 0.5, "rmax": 1.5, "dmax": 0.75}
    layer = layers.BatchNormalization(renorm=True, renorm_clipping=bounds, renorm_momentum=0.75, momentum=0.5)
    y = np.asarray(layer(X, training=True))
    mean, stddev = X.mean((0, 1)), np.sqrt(X.var((0, 1)) + 1e-3)
    r, d = np.clip(stddev, 0.5, 1.5), np.clip(mean, -0.75, 0.75)
    np.testing.assert_allclose(y, (X - mean) / stddev * r + d, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(layer.renorm_mean, 0.25 * mean, rtol=1e-5)
    np.testing.assert_allclose(layer.renorm_stddev, 0.75 + 0.25 * stddev, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_mean, 0.5 * mean, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_stddev, 0.5 + 0.5 * stddev, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, (0.5 + 0.5 * stddev) ** 2 - 1e-3, rtol=1e-5)


def test_it_equals_batch_normalisation_if_averages_equal_the_statistics():
    """r = 1 and d = 0 if the averages equal the statistics of the batch."""
    layer, plain = layers.BatchNormalization(renorm=True), layers.BatchNormalization()
    layer.build(X.shape)
    layer.renorm_mean.assign(X.mean((0, 1)))
    layer.renorm_stddev.assign(np.sqrt(X.var((0, 1)) + 1e-3))
    np.testing.assert_allclose(layer(X, training=True), plain(X, training=True), rtol=1e-5, atol=1e-6)


def test_prediction_uses_the_moving_averages():
    layer, plain = layers.BatchNormalization(renorm=True, momentum=0.5), layers.BatchNormalization()
    layer(X, training=True)
    plain.build(X.shape)
    plain.set_weights(layer.get_weights()[:4])
    np.testing.assert_array_equal(layer(X), plain(X))


def test_an_empty_batch_and_a_frozen_layer_change_nothing():
    layer = layers.BatchNormalization(renorm=True)
    layer.build(X.shape)
    before = layer.get_weights()
    layer(X[:0], training=True)
    layer.trainable = False
    layer(X, training=True)
    for a, b in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("suffix", [".npz", ".keras", ".h5"])
def test_in_a_model(tmp_path, suffix):
    if suffix != ".npz":
        pytest.importorskip("h5py")
    norm = layers.BatchNormalization(renorm=True, renorm_clipping={"rmax": 2.0}, synchronized=True, name="norm")
    model = Sequential([Input((4, 2)), norm, layers.Flatten(), layers.Dense(1)])
    model.compile("adam", "mse")
    losses = model.fit(X, np.ones((6, 1), "float32"), epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / f"m{suffix}")
    again = models.load_model(tmp_path / f"m{suffix}")
    assert again.get_layer("norm").get_config() == norm.get_config()
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


@pytest.mark.parametrize("bounds", [{"rmax": 1.0, "rmin": 2.0}, {"dmax": -1.0}, {"max": 1.0}])
def test_empty_bounds_are_refused(bounds):
    with pytest.raises(ValueError, match="renorm_clipping must have only the keys rmin, rmax and dmax"):
        layers.BatchNormalization(renorm=True, renorm_clipping=bounds)
