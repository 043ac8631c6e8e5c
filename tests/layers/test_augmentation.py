"""Effects of random layers on images, and the modes in which they are active."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, Sequential, config, layers, ops
from fastconv.utils import Dataset, set_random_seed

from .cases import RANDOM_CASES, RANDOM_IDS
from .test_layers import inputs_for

each_layer = pytest.mark.parametrize(("cls", "arguments", "shape", "expected"), RANDOM_CASES, ids=RANDOM_IDS)


@each_layer
def test_only_training_is_random_and_seeds_repeat_it(cls, arguments, shape, expected):
    x = inputs_for(shape)
    crops = cls is layers.RandomCrop
    layer, same, other = cls(**arguments, seed=3), cls(**arguments, seed=3), cls(**arguments, seed=4)
    first, second = layer(x), layer(x)
    np.testing.assert_array_equal(same(x, training=True), first)
    np.testing.assert_array_equal(same(x), second)
    np.testing.assert_array_equal(layer(x, training=False), layers.CenterCrop(*crop(arguments))(x) if crops else x)
    if expected != (8, 8, 3):  # the middle; in units of the smaller side
        draws = [first, second, other(x), other(x)]
        assert len({draw.tobytes() for draw in draws}) > 1
    set_random_seed(5)
    unseeded = cls(**arguments)(x)
    set_random_seed(5)
    np.testing.assert_array_equal(cls(**arguments)(x), unseeded)


def crop(arguments):
    return arguments["height"], arguments["width"], arguments.get("data_format")


@each_layer
def test_configuration(cls, arguments, shape, expected):
    layer = cls(**arguments, seed=3)
    again = cls.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    np.testing.assert_array_equal(again(inputs_for(shape)), layer(inputs_for(shape)))


@each_layer
def test_single_images_integers_and_dtypes(cls, arguments, shape, expected):
    x = inputs_for(shape)
    layer, batch = cls(**arguments, seed=3), cls(**arguments, seed=3)
    np.testing.assert_array_equal(layer(x[0]), batch(x[:1])[0])
    whole = np.clip(x * 60 + 128, 0, 255).astype(np.uint8)
    layer, batch = cls(**arguments, seed=3), cls(**arguments, seed=3)
    np.testing.assert_array_equal(layer(whole), batch(whole.astype("float32")))
    fine = cls(**arguments, seed=3, dtype="float64")(x)
    assert fine.dtype == np.float64
    np.testing.assert_allclose(fine, cls(**arguments, seed=3)(x), rtol=1e-4, atol=1e-4)


@each_layer
def test_models_are_random_only_in_training(cls, arguments, shape, expected):
    """The model has no weights; a metric of its outputs shows whether training is random."""
    x = inputs_for(shape)
    model = Sequential([Input(shape), cls(**arguments, seed=3)])
    model.compile("sgd", lambda y_true, y_pred: ops.mean(y_pred * PROBE[: y_pred.size].reshape(y_pred.shape)))
    still = cls(**arguments)(x, training=False)
    rounding = {"rtol": 0, "atol": 0} if config.get_device() == "cpu" else {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(model.predict(x, verbose=0), still, **rounding)
    with pytest.warns(UserWarning, match="no trainable weights"):
        losses = [model.train_on_batch(x, np.zeros(4)) for _ in range(6)]
    layer = cls(**arguments, seed=3)
    wanted = [np.mean(y * PROBE[: y.size].reshape(y.shape)) for y in (layer(x, training=True) for _ in range(6))]
    np.testing.assert_allclose(losses, wanted, rtol=1e-3, atol=1e-4)


PROBE = np.random.default_rng(2).normal(size=1000).astype("float32")


def test_within_a_dataset():
    x = inputs_for((6, 8, 3))
    layer = Sequential([layers.RandomFlip(seed=1), layers.RandomRotation(0.1, seed=2)])
    once = list(Dataset.from_tensor_slices((x, x[:, 0, 0, 0])).map(lambda x, y: (layer(x, training=True), y)).batch(4))
    assert once[0][0].shape == x.shape
    assert not np.array_equal(once[0][0], x)


def test_gradients_pass_after_random_layers_and_are_refused_before_them():
    x, y = inputs_for((6, 8, 3)), np.ones((4, 2), "float32")
    tail = [layers.RandomRotation(0.1), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(2)]
    model = Sequential([Input((6, 8, 3)), *tail])
    model.compile("adam", "mse")
    assert np.isfinite(model.train_on_batch(x, y))
    wrong = Sequential([Input((6, 8, 3)), layers.Conv2D(3, 3), layers.RandomRotation(0.1), layers.Flatten()])
    wrong.compile("adam", "mse")
    with pytest.raises(NotImplementedError, match="affine_transform: no gradient passes through it"):
        wrong.train_on_batch(x, np.ones((4, 72), "float32"))


# ---- distributions ---------------------------------------------------------------------------------------------------

MANY = np.zeros((4000, 10, 20, 1), "float32")


def evenly(numbers, low, high):
    """Return whether numbers fill a range: its ends are nearly reached, and each tenth has its share."""
    assert low <= numbers.min() <= low + 0.01 * (high - low)
    assert high - 0.01 * (high - low) <= numbers.max() <= high
    counts, _ = np.histogram(numbers, 10, (low, high))
    assert (abs(counts / len(numbers) - 0.1) < 0.025).all()


def drawn(layer):
    return layer.get_random_transformation(MANY)


def test_half_of_the_images_are_flipped():
    flips = drawn(layers.RandomFlip(seed=1))["flips"]
    assert flips.shape == (4000, 1, 1, 1)
    assert abs(flips.mean() - 0.5) < 0.03
    assert abs((flips[1:] == flips[:-1]).mean() - 0.5) < 0.03


def test_translations():
    x, y = drawn(layers.RandomTranslation(0.2, (-0.1, 0.4), seed=1))["translations"].T
    evenly(x, -2, 8)
    evenly(y, -2, 2)
    assert abs(np.corrcoef(x, y)[0, 1]) < 0.05


def test_rotations():
    evenly(drawn(layers.RandomRotation((-0.1, 0.3), seed=1))["angle"], -36, 108)


def test_zooms():
    both = drawn(layers.RandomZoom(0.2, (-0.5, 0.1), seed=1))
    evenly(both["height_zoom"][:, 0], 0.8, 1.2)
    evenly(both["width_zoom"][:, 0], 0.5, 1.1)
    alike = drawn(layers.RandomZoom(0.2, seed=1))
    np.testing.assert_array_equal(alike["height_zoom"], alike["width_zoom"])


def test_crops_begin_anywhere():
    layer = layers.RandomCrop(4, 18, seed=1)
    starts = np.array([drawn(layer) for _ in range(700)])
    assert set(map(tuple, starts)) == {(h, w) for h in range(7) for w in range(3)}
    counts = np.bincount(starts[:, 0] * 3 + starts[:, 1]) / 700
    assert (abs(counts - 1 / 21) < 0.03).all()


def test_contrast_and_brightness():
    evenly(drawn(layers.RandomContrast((0.2, 0.5), seed=1))["contrast_factor"].ravel(), 0.8, 1.5)
    evenly(drawn(layers.RandomBrightness((-0.2, 0.5), (0, 10), seed=1))["rgb_delta"].ravel(), -2, 5)


def test_a_given_seed_generator_continues():
    layer = layers.RandomRotation(0.3)
    first, second = (layer.get_random_transformation(MANY, seed=7)["angle"] for _ in range(2))
    np.testing.assert_array_equal(first, second)


# ---- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.RandomFlip("diagonal"), "mode must be one of"),
        (lambda: layers.RandomTranslation(1.2, 0), "height_factor must be a number from -1 to 1"),
        (lambda: layers.RandomTranslation(0, (0.1, 0.2, 0.3)), "width_factor must be a number from -1 to 1"),
        (lambda: layers.RandomTranslation(0, 0, "edge"), "fill_mode must be one of"),
        (lambda: layers.RandomRotation(0.1, interpolation="bicubic"), "interpolation must be"),
        (lambda: layers.RandomRotation(1.5), "factor must be a number from -1 to 1"),
        (lambda: layers.RandomZoom(-1.0), "factors must be above -1"),
        (lambda: layers.RandomContrast(-0.1), "factor must be a number from 0 to 1"),
        (lambda: layers.RandomBrightness(0.1, value_range=3), "value_range must be"),
        (lambda: layers.RandomCrop(0, 3), "height must be an int"),
        (lambda: layers.RandomFlip()(np.zeros((3, 4))), "images must have 3 axes, or 4"),
    ],
)
def test_refused_arguments_and_inputs(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_factors_may_be_numpy_scalars():
    images = np.ones((2, 6, 8, 3), np.float32)
    for factor in (np.float32(0.25), np.float64(0.25)):
        alike = [layers.RandomRotation(f, seed=1)(images, training=True) for f in (factor, 0.25)]
        np.testing.assert_array_equal(*alike)
