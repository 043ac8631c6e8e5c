"""Preprocessing layers, beyond the properties of every layer."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, Sequential, config, layers, models
from fastconv.utils import Dataset, PyDataset

X = np.random.default_rng(0).normal(3, 2, (40, 6, 5, 3)).astype("float32")


class Batches(PyDataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return X[10 * index : 10 * index + 10], np.zeros(10)


def test_channels_first():
    config.set_image_data_format("channels_first")
    first = X.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(
        layers.Rescaling([1, 2, 3], [0, 0, 1])(first), first * [[[1]], [[2]], [[3]]] + [[[0]], [[0]], [[1]]], rtol=1e-6
    )


SOURCES = {
    "array": lambda: X,
    "dataset": lambda: Dataset.from_tensor_slices((X, X)).batch(7),
    "pydataset": Batches,
    "generator": lambda: (X[i : i + 3] for i in range(0, 40, 3)),
}


@pytest.mark.parametrize("axis", [-1, None, (1, 3)])
@pytest.mark.parametrize("source", SOURCES)
def test_adapting(source, axis):
    layer, inverse = layers.Normalization(axis=axis), layers.Normalization(axis=axis, invert=True)
    for each in (layer, inverse):
        each.adapt(SOURCES[source]())
    reduced = {-1: (0, 1, 2), None: None, (1, 3): (0, 2)}[axis]
    y = (X - X.mean(reduced, keepdims=True)) / X.std(reduced, keepdims=True)
    np.testing.assert_allclose(layer(X), y, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(inverse(y), X, rtol=1e-4, atol=1e-4)


def test_constant_features():
    layer = layers.Normalization()
    layer.adapt(np.full((5, 2), 3.0))
    np.testing.assert_array_equal(layer(np.full((5, 2), 3.0)), np.zeros((5, 2)))


def test_adapt_resets_the_statistics():
    layer = layers.Normalization()
    layer.adapt(X)
    layer.adapt(X * 2)
    np.testing.assert_allclose(layer.mean[0, 0, 0], 2 * X.mean((0, 1, 2)), rtol=1e-5)
    assert [w.name for w in layer.weights] == ["mean", "variance", "count"]
    assert not layer.trainable_weights


@pytest.mark.parametrize("suffix", [".npz", ".keras"])
def test_adapted_statistics_are_saved(tmp_path, suffix):
    if suffix == ".keras":
        pytest.importorskip("h5py")
    layer = layers.Normalization()
    layer.adapt(X)
    model = Sequential([Input(X.shape[1:]), layer])
    model.save(tmp_path / f"model{suffix}")
    again = models.load_model(tmp_path / f"model{suffix}")
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_invalid_arguments_of_normalization():
    with pytest.raises(ValueError, match="must both be given"):
        layers.Normalization(mean=1.0)
    with pytest.raises(ValueError, match="at most as many axes"):
        layers.Normalization(mean=[[1.0]], variance=[[1.0]])
    with pytest.raises(ValueError, match="adapt must not be called"):
        layers.Normalization(mean=1.0, variance=1.0).adapt(X)
    with pytest.raises(ValueError, match="the sizes of axis"):
        layers.Normalization(axis=7).adapt(X)
    with pytest.raises(ValueError, match="needs data"):
        layers.Normalization().adapt(iter(()))
    layer = layers.Normalization()
    layer.adapt(X)
    with pytest.raises(ValueError, match="must have the shape of the inputs"):
        layer.adapt(X[..., :2])
    with pytest.raises(ValueError, match="must be built by a call, build"):
        layers.Normalization().mean  # noqa: B018


def test_resized_integers_stay_integers():
    x = np.random.default_rng(1).integers(0, 256, (2, 5, 6, 3), np.uint8)
    y = layers.Resizing(8, 9, "bicubic")(x)
    exact = layers.Resizing(8, 9, "bicubic")(x.astype("float32"))
    assert y.dtype == np.uint8
    assert exact.min() < 0 or exact.max() > 255
    np.testing.assert_array_equal(y, np.round(exact).clip(0, 255))


@pytest.mark.parametrize("layer", [layers.Resizing(4, 9), layers.CenterCrop(4, 4), layers.CenterCrop(9, 4)])
def test_one_image(layer):
    np.testing.assert_array_equal(layer(X[0]), layer(X)[0])
    mapped = list(Dataset.from_tensor_slices(X[:3]).map(layer).batch(3))
    np.testing.assert_array_equal(mapped[0], layer(X[:3]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Resizing(0, 3), "height must be an int of at least 1"),
        (lambda: layers.CenterCrop(3, 2.5), "width must be an int of at least 1"),
        (lambda: layers.Resizing(3, 3, "area"), "interpolation must be one of"),
        (lambda: layers.Resizing(3, 3, fill_mode="wrap")(X), "fill_mode must be 'constant'"),
        (lambda: layers.Resizing(3, 3, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True)(X), "exclude each other"),
    ],
)
def test_refused_arguments_and_inputs(make, message):
    with pytest.raises(ValueError, match=message):
        make()
