"""Numeric arguments of functions and methods: NumPy scalars count as Python numbers; errors name the argument."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
import pytest

from fastconv import (
    Input,
    KerasTensor,
    Sequential,
    Variable,
    activations,
    applications,
    config,
    layers,
    losses,
    metrics,
    ops,
    preprocessing,
    random,
    utils,
)
from fastconv.preprocessing import image
from fastconv.utils import Dataset

X = np.ones((4, 6, 6, 1), np.float32)
Y = np.ones((4, 3), np.float32)


def numbers():
    return Dataset.from_tensor_slices(np.arange(10.0))


@functools.lru_cache
def a_model():
    model = Sequential([Input((6, 6, 1)), layers.Flatten(), layers.Dense(3)])
    model.compile("sgd", "mse")
    return model


def windows(**how):
    return [*utils.timeseries_dataset_from_array(np.arange(20.0), np.arange(20.0), shuffle=True, **how)]


def generated(**how):
    return next(preprocessing.image.ImageDataGenerator(**how).flow(X, Y, 2))


def flown(**how):
    return next(preprocessing.image.ImageDataGenerator(rotation_range=3).flow(X, Y, **how))


def fit_generator(**how):
    return preprocessing.image.ImageDataGenerator(featurewise_center=True, rotation_range=3).fit(X, True, **how)


PHOTO = X[0]
PAIR = np.array([[0.2, 0.8], [0.6, 0.4]], np.float32)
# Each function with its numeric arguments.
CALLS = [
    (lambda **how: utils.to_categorical([0, 1, 2], **how), {"num_classes": 3}),
    (lambda **how: utils.normalize(Y, **how), {"axis": -1, "order": 2}),
    (lambda **how: utils.normalize(Input((3,)), **how), {"axis": -1, "order": 2}),
    (lambda **how: utils.pad_sequences([[1], [1, 2]], **how), {"maxlen": 3, "value": 0}),
    (windows, {"sequence_length": 3, "sequence_stride": 1, "sampling_rate": 1, "batch_size": 4, "seed": 1}),
    (lambda **how: windows(sequence_length=3, **how), {"start_index": 0, "end_index": 20}),
    (
        lambda **how: utils.split_dataset(np.arange(10), shuffle=True, **how),
        {"left_size": 5, "right_size": 0.5, "seed": 1},
    ),
    (utils.set_random_seed, {"seed": 1}),
    (utils.PyDataset, {"workers": 1, "max_queue_size": 10}),
    (utils.Progbar, {"target": 3, "width": 20, "interval": 0.05}),
    (lambda **how: [*numbers().batch(**how)], {"batch_size": 2}),
    (lambda **how: [*numbers().shuffle(**how)], {"buffer_size": 3, "seed": 1}),
    (lambda **how: [*numbers().take(**how)], {"count": 2}),
    (lambda **how: [*numbers().skip(**how)], {"count": 2}),
    (lambda **how: [*itertools.islice(numbers().repeat(**how), 30)], {"count": 2}),
    (lambda **how: [*numbers().prefetch(**how)], {"buffer_size": 2}),
    (lambda **how: [*numbers().map(lambda x: x, **how)], {"num_parallel_calls": 2}),
    (lambda **how: [*numbers().enumerate(**how)], {"start": 2}),
    (
        generated,
        {
            "zca_epsilon": 1e-6,
            "rotation_range": 1,
            "width_shift_range": 0.1,
            "height_shift_range": 2,
            "brightness_range": [0.5, 1],
            "shear_range": 0.1,
            "zoom_range": 0.1,
            "channel_shift_range": 0.1,
            "cval": 0.0,
            "rescale": 0.1,
            "validation_split": 0.0,
            "interpolation_order": 1,
        },
    ),
    (flown, {"batch_size": 2, "seed": 1}),
    (lambda **how: image.random_rotation(PHOTO, row_axis=0, col_axis=1, channel_axis=2, **how), {"rg": 3, "cval": 0.5}),
    (lambda **how: image.random_shift(PHOTO, row_axis=0, col_axis=1, channel_axis=2, **how), {"wrg": 0.1, "hrg": 0.1}),
    (lambda **how: image.random_shear(PHOTO, row_axis=0, col_axis=1, channel_axis=2, **how), {"intensity": 3.0}),
    (
        lambda **how: image.random_zoom(PHOTO, row_axis=0, col_axis=1, channel_axis=2, **how),
        {"zoom_range": [0.5, 1.0], "interpolation_order": 1},
    ),
    (lambda **how: image.random_channel_shift(PHOTO, **how), {"intensity_range": 3.0}),
    (lambda **how: image.random_brightness(PHOTO, **how), {"brightness_range": [0.5, 1.0]}),
    (
        lambda **how: image.apply_affine_transform(PHOTO, row_axis=0, col_axis=1, channel_axis=2, **how),
        {"theta": 1, "tx": 1.0, "ty": 2.0, "shear": 3.0, "zx": 0.5, "zy": 0.5},
    ),
    (
        lambda **how: applications.MobileNet(
            (32, 32, 3), weights=None, include_top=False, input_tensor=Input((32, 32, 3)), **how
        ),
        {"alpha": 0.25, "depth_multiplier": 1},
    ),
    (
        lambda renorm_clipping: layers.BatchNormalization(renorm_clipping={"rmax": renorm_clipping}),
        {"renorm_clipping": 2.0},
    ),
    (fit_generator, {"rounds": 1, "seed": 1}),
    (random.SeedGenerator, {"seed": 1}),
    (lambda **how: random.normal((2,), **how), {"mean": 0.0, "stddev": 1.0, "seed": 1}),
    (lambda **how: random.uniform((2,), **how), {"minval": 0.0, "maxval": 1.0, "seed": 1}),
    (lambda **how: random.truncated_normal((2,), **how), {"mean": 0.0, "stddev": 1.0, "seed": 1}),
    (lambda **how: random.randint((2,), **how), {"minval": 0, "maxval": 3, "seed": 1}),
    (lambda **how: random.categorical(Y, **how), {"num_samples": 3, "seed": 1}),
    (lambda **how: random.shuffle(Y, **how), {"axis": 0, "seed": 1}),
    (lambda **how: random.dropout(Y, **how), {"rate": 0.5, "seed": 1}),
    (config.set_epsilon, {"value": 1e-7}),
    (config.set_max_workspace, {"size": 2**28}),
    (lambda **how: ops.round(Y, **how), {"decimals": 2}),
    (lambda **how: ops.one_hot([0, 1], **how), {"num_classes": 3, "axis": -1}),
    (lambda **how: ops.image.resize(X, **how), {"size": [3, 3]}),
    (lambda **how: ops.image.resize(X, (3, 3), **how), {"fill_value": 0.5}),
    (
        lambda **how: ops.image.pad_images(X, **how),
        {"top_padding": 1, "target_height": 8, "left_padding": 1, "right_padding": 1},
    ),
    (
        lambda **how: ops.image.crop_images(X, **how),
        {"bottom_cropping": 1, "target_height": 3, "left_cropping": 1, "target_width": 4},
    ),
    (lambda **how: ops.image.extract_patches(X, **how), {"size": 2, "strides": 1, "dilation_rate": 1}),
    (lambda **how: ops.max_pool(X, **how), {"pool_size": 2, "strides": [1, 2]}),
    (lambda **how: ops.conv(X, np.ones((2, 2, 1, 1), np.float32), **how), {"strides": 2, "dilation_rate": [1, 1]}),
    (lambda **how: ops.pad(Y, [[1, 1], [0, 0]], **how), {"constant_values": 0.5}),
    (lambda **how: ops.batch_norm(Y, **how), {"axis": -1, "epsilon": 1e-3}),
    (lambda **how: ops.batch_normalization(Y, Y[0], Y[0], **how), {"axis": -1, "epsilon": 1e-3}),
    (lambda **how: ops.leaky_relu(Y, **how), {"negative_slope": 0.2}),
    (lambda **how: ops.elu(Y, **how), {"alpha": 1.0}),
    (lambda **how: ops.celu(Y, **how), {"alpha": 1.0}),
    (lambda **how: ops.hard_shrink(Y, **how), {"threshold": 0.5}),
    (lambda **how: ops.soft_shrink(Y, **how), {"threshold": 0.5}),
    (lambda **how: ops.threshold(Y, **how), {"threshold": 0.5, "default_value": 2}),
    (lambda **how: ops.squareplus(Y, **how), {"b": 4}),
    (lambda **how: activations.relu(Y, **how), {"negative_slope": 0.1, "max_value": 6, "threshold": 0.5}),
    (lambda **how: losses.binary_crossentropy(PAIR, PAIR, **how), {"label_smoothing": 0.1, "axis": -1}),
    (lambda **how: losses.categorical_crossentropy(PAIR, PAIR, **how), {"label_smoothing": 0.1, "axis": -1}),
    (lambda **how: losses.sparse_categorical_crossentropy([0, 1], PAIR, **how), {"ignore_class": 1, "axis": -1}),
    (lambda **how: losses.huber(PAIR, PAIR, **how), {"delta": 1.0}),
    (lambda **how: losses.categorical_focal_crossentropy(PAIR, PAIR, **how), {"alpha": 0.25, "gamma": 2.0}),
    (lambda **how: losses.tversky(PAIR, PAIR, **how), {"alpha": 0.25, "beta": 0.5, "axis": [0, 1]}),
    (lambda **how: metrics.top_k_categorical_accuracy(PAIR, PAIR, **how), {"k": 1}),
    (lambda **how: metrics.binary_accuracy(PAIR, PAIR, **how), {"threshold": 0.5}),
    (
        lambda **how: a_model().fit(X, Y, verbose=0, **how),
        {
            "batch_size": 2,
            "epochs": 1,
            "initial_epoch": 0,
            "steps_per_epoch": 1,
            "validation_split": 0.5,
            "validation_steps": 1,
            "validation_batch_size": 2,
            "validation_freq": 1,
        },
    ),
    (lambda **how: a_model().evaluate(X, Y, verbose=0, **how), {"batch_size": 2, "steps": 1}),
    (lambda **how: a_model().predict(X, verbose=0, **how), {"batch_size": 2, "steps": 1}),
    (lambda **how: a_model().get_layer(**how), {"index": 0}),
    (lambda **how: a_model().summary(print_fn=str, **how), {"line_length": 80}),
    (lambda **how: Sequential([layers.Dense(1)]).compile("sgd", "mse", **how), {"loss_weights": 0.5}),
    (lambda **how: Sequential([layers.Dense(1)]).compile("sgd", "mse", **how), {"steps_per_execution": 1}),
]
CASES = [
    pytest.param(call, given, name, id=f"{number}-{name}")
    for number, (call, given) in enumerate(CALLS)
    for name in given
]
NOT_NUMBERS = ["3", math.nan, True, np.bool_(True), ["a", 1], {"a": 1}, 1j, 10**400, np.array(["a"]), object()]


@pytest.fixture(autouse=True)
def settings_stay():
    epsilon, size = config.epsilon(), config.max_workspace()
    yield
    config.set_epsilon(epsilon)
    config.set_max_workspace(size)


@pytest.mark.parametrize(("call", "given", "name"), CASES)
def test_numpy_scalars(call, given, name):
    for of_numpy in (np.asarray, lambda value: np.asarray(value)[()]):
        call(**{**given, name: of_numpy(given[name])})


@pytest.mark.parametrize(("call", "given", "name"), CASES)
@pytest.mark.filterwarnings("ignore:The data ended")
def test_objects_that_are_not_numbers(call, given, name):
    for wrong in NOT_NUMBERS:
        if name == "loss_weights" and isinstance(wrong, dict):
            continue  # named after the outputs
        with pytest.raises(ValueError, match="Received") as error:
            call(**{**given, name: wrong})
        assert name in str(error.value), f"{wrong!r}: {error.value}"


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: utils.to_categorical([0], -1), "num_classes"),
        (lambda: utils.normalize(Y, -1, 0), "order"),
        (lambda: utils.normalize(Input((3,)), -1, -2), "order"),
        (lambda: utils.normalize(["a"]), "x must be an array of real numbers"),
        (lambda: utils.pad_sequences([[1]], 3, value=2**40), "value"),
        (lambda: utils.pad_sequences([[1]], 3, value=math.nan), "value"),
        (lambda: utils.pad_sequences([[1]], -1), "maxlen"),
        (lambda: utils.set_random_seed(2**32), "seed"),
        (lambda: numbers().take(-2), "count"),
        (lambda: numbers().shuffle(3, seed=-1), "seed"),
        (lambda: preprocessing.image.ImageDataGenerator(validation_split=1.0), "validation_split"),
        (lambda: preprocessing.image.ImageDataGenerator(zoom_range=[1, 2, 3]), "zoom_range"),
        (lambda: flown(seed=2**32), "seed"),
        (lambda: random.normal((2,), stddev=-1.0), "stddev"),
        (lambda: random.randint((2,), 3, 3), "minval"),
        (lambda: config.set_epsilon(0), "value"),
        (lambda: ops.round(Y, 400), "decimals"),
        (lambda: losses.huber(PAIR, PAIR, -1.0), "delta"),
        (lambda: losses.binary_crossentropy(PAIR, PAIR, False, 2.0), "label_smoothing"),
        (lambda: a_model().fit(X, Y, validation_split=1.0), "validation_split"),
        (lambda: a_model().fit(X[:1], Y[:1], validation_split=0.5), "validation_split"),
        (lambda: a_model().fit(X, Y, validation_freq=[0]), "validation_freq"),
        (lambda: applications.VGG16(weights=None, include_top=False, classes=0), "classes"),
        (lambda: layers.BatchNormalization(renorm_clipping="3"), "renorm_clipping"),
        (lambda: layers.BatchNormalization(renorm_clipping={"smax": 1}), "renorm_clipping"),
        (lambda: KerasTensor((2.5,)), "shape"),
        (lambda: KerasTensor(3), "shape"),
        (lambda: Variable("zeros", shape={}), "shape"),
        (lambda: Variable("zeros", shape=(True,)), "shape"),
    ],
)
def test_numbers_outside_of_their_range(call, name):
    with pytest.raises(ValueError, match=f"{name}.*Received"):
        call()


def test_arguments_may_be_positional_or_keyword():
    expected = losses.binary_crossentropy(PAIR, PAIR, False, 0.1, 0)
    found = losses.binary_crossentropy(y_pred=PAIR, y_true=PAIR, axis=0, label_smoothing=0.1)
    np.testing.assert_array_equal(found, expected)
    for call in (
        lambda: losses.huber(PAIR, PAIR, 1.0, 2.0),
        lambda: losses.huber(PAIR, PAIR, gamma=1.0),
        lambda: losses.huber(PAIR, PAIR, 1.0, delta=1.0),
        lambda: losses.huber(PAIR),
    ):
        with pytest.raises(TypeError, match="argument"):
            call()


def test_focal_weights_of_classes():
    y_true, y_pred = np.eye(2, dtype=np.float32), PAIR
    weighted = losses.CategoricalFocalCrossentropy(alpha=[0.25, 0.5], reduction=None)
    ones = losses.CategoricalFocalCrossentropy(alpha=1.0, reduction=None)
    np.testing.assert_allclose(weighted(y_true, y_pred), ones(y_true, y_pred) * np.array([0.25, 0.5]), rtol=1e-6)
    assert weighted.get_config()["alpha"] == [0.25, 0.5]


def test_norms_of_other_orders():
    x = np.array([[3.0, -4.0], [0.0, 0.0]], np.float32)
    for order, norms in ((1, [7, 1]), (2, [5, 1]), (math.inf, [4, 1])):
        expected = x / np.array(norms, np.float32)[:, None]
        np.testing.assert_allclose(utils.normalize(x, -1, order), expected, rtol=1e-6)
        x_symbolic = Input((2,))
        model = Sequential([layers.Lambda(lambda z, order=order: utils.normalize(z, -1, order), name="norm")])
        np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-6)
        assert utils.normalize(x_symbolic, -1, order).shape == (None, 2)


def test_skipping_all_elements():
    assert [*numbers().skip(-1)] == []
    assert len(numbers().skip(-1)) == 0


def test_inputs_of_symbolic_tensors():
    a, b, c = Input((3,)), Input((3,)), Input((3,))
    y = layers.Add()([layers.Dense(3)(b), a, layers.Dense(3)(b * 2.0)])
    first, second = utils.get_source_inputs(y)
    assert first is b
    assert second is a
    assert len(utils.get_source_inputs(layers.Add()([y, c, y]))) == 3
    (found,) = utils.get_source_inputs(a)
    assert found is a
    assert utils.get_source_inputs(3) == 3
