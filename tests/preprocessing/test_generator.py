"""ImageDataGenerator: random transforms, scaling of images, and training."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, Sequential, layers
from fastconv.preprocessing.image import ImageDataGenerator

X = np.random.default_rng(0).uniform(0, 1, (20, 8, 10, 3)).astype("float32")
Y = np.eye(2, dtype="float32")[np.arange(20) % 2]


def drawn(**ranges):
    generator = ImageDataGenerator(**ranges)
    random = np.random.RandomState(0)
    return [generator.draw((10, 20, 3), random) for _ in range(2000)]


@pytest.mark.parametrize(
    ("ranges", "name", "low", "high"),
    [
        ({"rotation_range": 30}, "theta", -30, 30),
        ({"height_shift_range": 0.2}, "tx", -2, 2),
        ({"width_shift_range": 0.2}, "ty", -4, 4),
        ({"width_shift_range": 3.5}, "ty", -3.5, 3.5),
        ({"shear_range": 5.0}, "shear", -5, 5),
        ({"zoom_range": 0.3}, "zx", 0.7, 1.3),
        ({"zoom_range": [0.5, 0.9]}, "zy", 0.5, 0.9),
        ({"channel_shift_range": 7.0}, "channel_shift_intensity", -7, 7),
        ({"brightness_range": (0.2, 0.4)}, "brightness", 0.2, 0.4),
    ],
)
def test_ranges(ranges, name, low, high):
    found = np.array([numbers[name] for numbers in drawn(**ranges)])
    assert low <= found.min() < low + 0.01 * (high - low)
    assert high - 0.01 * (high - low) < found.max() <= high
    assert abs(found.mean() - (low + high) / 2) < 0.02 * (high - low)
    others = {k: v for k, v in drawn(**ranges)[0].items() if k not in (name, "zx", "zy")}
    assert not any(others.values())


def test_shifts_chosen_from_a_list():
    assert {n["tx"] for n in drawn(height_shift_range=3)} == {-2, -1, 0, 1, 2}
    assert {n["ty"] for n in drawn(width_shift_range=[1, 4])} == {-4, -1, 1, 4}
    assert {n["ty"] for n in drawn(width_shift_range=[0.1])} == {-2, 2}


def test_flips():
    flips = np.array([[n["flip_horizontal"], n["flip_vertical"]] for n in drawn(horizontal_flip=True)])
    assert abs(flips[:, 0].mean() - 0.5) < 0.04
    assert not flips[:, 1].any()


def test_random_transform_is_both_steps():
    generator = ImageDataGenerator(rotation_range=40, zoom_range=0.3, vertical_flip=True)
    numbers = generator.get_random_transform(X[0].shape, seed=4)
    np.testing.assert_array_equal(generator.random_transform(X[0], seed=4), generator.apply_transform(X[0], numbers))
    np.random.seed(3)  # noqa: NPY002 - as scripts do
    first = generator.random_transform(X[0])
    np.random.seed(3)  # noqa: NPY002
    np.testing.assert_array_equal(generator.random_transform(X[0]), first)


def test_standardize_does_not_change_its_argument():
    x = X[0].copy()
    y = ImageDataGenerator(rescale=2.0, samplewise_center=True).standardize(x)
    np.testing.assert_array_equal(x, X[0])
    np.testing.assert_allclose(y, 2 * (x - x.mean()), rtol=1e-4, atol=1e-5)
    whole = ImageDataGenerator(rescale=0.5).standardize(np.full((2, 2, 1), 3, "uint8"))
    assert whole.dtype == np.float32
    assert (whole == 1.5).all()


def test_fit():
    generator = ImageDataGenerator(featurewise_std_normalization=True)
    with pytest.warns(UserWarning, match=r"before fit\(x\)"):
        generator.standardize(X[0])
    generator.fit(X)
    y = np.stack([generator.standardize(x) for x in X])
    np.testing.assert_allclose(y.mean((0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(y.std((0, 1, 2)), 1, atol=1e-3)
    white = ImageDataGenerator(zca_whitening=True)
    white.fit(X[:, :2, :2])
    y = np.stack([white.standardize(x) for x in X[:, :2, :2]]).reshape(20, -1)
    np.testing.assert_allclose(y.T @ y / 20, np.eye(12), atol=1e-2)
    augmented = ImageDataGenerator(featurewise_center=True, horizontal_flip=True)
    augmented.fit(X, augment=True, rounds=2, seed=1)
    np.testing.assert_allclose(augmented.mean, X.mean((0, 1, 2), keepdims=True)[0], rtol=1e-4)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_training_from_batches(data_format):
    x = X if data_format == "channels_last" else X.transpose(0, 3, 1, 2)
    generator = ImageDataGenerator(
        rotation_range=20, width_shift_range=0.1, horizontal_flip=True, data_format=data_format, validation_split=0.2
    )
    model = Sequential(
        [
            Input(x.shape[1:]),
            layers.Conv2D(4, 3, data_format=data_format),
            layers.GlobalAveragePooling2D(data_format=data_format),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy")
    flow = generator.flow(x, Y, batch_size=6, subset="training")
    history = model.fit(flow, epochs=2, verbose=0, validation_data=generator.flow(x, Y, subset="validation"))
    assert len(flow) == 3
    assert flow.total_batches_seen == 6
    assert np.isfinite(history.history["val_loss"]).all()
    assert model.predict(generator.flow(x, batch_size=6, shuffle=False), verbose=0).shape == (20, 2)
    assert len(model.fit_generator(flow, steps_per_epoch=5, epochs=1, verbose=0).history["loss"]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fill_mode": "edge"}, "fill_mode must be one of"),
        ({"interpolation_order": 2}, "interpolation_order must be"),
        ({"validation_split": 1.0}, "validation_split must be"),
        ({"brightness_range": 0.3}, "brightness_range must be two numbers"),
        ({"zoom_range": (1, 2, 3)}, "zoom_range must be two numbers"),
        ({"data_format": "NHWC"}, "data_format must be"),
    ],
)
def test_refused_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        ImageDataGenerator(**arguments)


def test_fit_takes_batches():
    with pytest.raises(ValueError, match="takes a batch of images"):
        ImageDataGenerator().fit(X[0])
