"""Functions and small objects compared with those of the same name in Keras 3."""

from __future__ import annotations

import operator

import numpy as np
import pytest

import fastconv
from fastconv import (
    activations,
    constraints,
    initializers,
    ops,
    random,
    regularizers,
    saving,
    utils,
    value_and_grad,
)

rng = np.random.default_rng(0)
X = rng.permutation(np.linspace(-4.1, 3.9, 48, dtype="float32")).reshape(2, 4, 6)  # no kink at any of these points
W = rng.normal(size=(3, 2, 4, 6)).astype("float32")
MATRIX = rng.normal(size=(4, 6)).astype("float32")

# Not activations, without defaults, or computed wrongly by Keras (the outputs do not sum to 1).
LEFT_OUT = {"deserialize", "get", "serialize", "step", "threshold", "sparsemax"}
ACTIVATIONS = [(name, {}) for name in sorted(activations.__all__) if name not in LEFT_OUT]
ACTIVATIONS += [
    ("threshold", {"threshold": 0.5, "default_value": 0.2}),
    ("relu", {"negative_slope": 0.1, "max_value": 2.0, "threshold": 0.3}),
    ("leaky_relu", {"negative_slope": 0.3}),
    ("gelu", {"approximate": True}),
    ("elu", {"alpha": 0.5}),
    ("celu", {"alpha": 0.5}),
    ("softmax", {"axis": 1}),
    ("squareplus", {"b": 2}),
    ("hard_shrink", {"threshold": 1.2}),
]

# (module, class, arguments, weight)
OF_WEIGHTS = [
    ("constraints", "MaxNorm", {"max_value": 1.5, "axis": [0, 1, 2]}, W),
    ("constraints", "MaxNorm", {}, MATRIX),
    ("constraints", "NonNeg", {}, W),
    ("constraints", "UnitNorm", {}, MATRIX),
    ("constraints", "MinMaxNorm", {"min_value": 1.8, "max_value": 2.1, "rate": 0.7, "axis": 1}, MATRIX),
    ("regularizers", "L1", {}, W),
    ("regularizers", "L2", {"l2": 0.3}, W),
    ("regularizers", "L1L2", {"l1": 0.2, "l2": 0.3}, W),
    ("regularizers", "OrthogonalRegularizer", {"factor": 0.3}, MATRIX),  # Keras divides columns by norms of rows
]

INITIALIZERS = [
    ("Zeros", {}),
    ("Ones", {}),
    ("Constant", {"value": 0.3}),
    ("RandomNormal", {"mean": 0.5, "stddev": 0.2}),
    ("RandomUniform", {"minval": -0.1, "maxval": 0.4}),
    ("TruncatedNormal", {"stddev": 0.2}),
    ("VarianceScaling", {"scale": 0.7, "mode": "fan_out", "distribution": "untruncated_normal"}),
    *((kind + name, {}) for kind in ("Glorot", "He", "Lecun") for name in ("Normal", "Uniform")),
]
SHAPES = [(60, 90), (3, 3, 24, 40), (7, 40, 30), (3, 3, 3, 10, 30)]


def ids(cases):
    return [f"{case[-3] if len(case) > 2 else case[0]}-{i}" for i, case in enumerate(cases)]


@pytest.mark.parametrize(("name", "arguments"), ACTIVATIONS, ids=ids(ACTIVATIONS))
def test_activations_and_their_gradients_are_the_same(name, arguments, reference):
    def of_theirs():
        import jax
        import keras

        function = getattr(keras.activations, name)
        dx = jax.grad(lambda x: (function(x, **arguments) * probe).sum())(X)
        return function(X, **arguments), dx

    function = getattr(activations, name)
    y = function(X, **arguments)
    probe = np.random.default_rng(1).normal(size=y.shape).astype("float32")
    _, dx = value_and_grad(lambda x: ops.sum(function(x, **arguments) * probe))(X)
    for found, expected in zip((y, dx), reference(of_theirs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize(("module", "name", "arguments", "weight"), OF_WEIGHTS, ids=ids(OF_WEIGHTS))
def test_constraints_and_regularizers_are_the_same(module, name, arguments, weight, reference):
    def of_theirs():
        import keras

        function = getattr(getattr(keras, module), name)(**arguments)
        return function(weight), function.get_config()

    ours = getattr({"constraints": constraints, "regularizers": regularizers}[module], name)(**arguments)
    value, config = reference(of_theirs)
    np.testing.assert_allclose(ours(weight), value, rtol=1e-5, atol=1e-6)
    assert ours.get_config() == config


def statistics(initializer):
    """Return mean, standard deviation, minimum and maximum for each shape."""
    drawn = [np.asarray(initializer(shape)) for shape in SHAPES]
    return [[float(f(w)) for f in (np.mean, np.std, np.min, np.max)] for w in drawn]


@pytest.mark.parametrize(("name", "arguments"), INITIALIZERS, ids=ids(INITIALIZERS))
def test_initializers_draw_from_the_same_distribution(name, arguments, reference):
    """Statistics differ by at most six standard errors; normal numbers have no bounds to compare."""

    def of_theirs():
        import keras

        initializer = getattr(keras.initializers, name)(**arguments, **seed)
        return statistics(initializer), initializer.get_config()

    seed = {} if name in ("Zeros", "Ones", "Constant") else {"seed": 1}
    ours = getattr(initializers, name)(**arguments, **seed)
    theirs, config = reference(of_theirs)
    assert set(config) - set(ours.get_config()) <= {"input_axes", "output_axes"}
    assert {**config, **ours.get_config()} == config
    for shape, found, expected in zip(SHAPES, statistics(ours), theirs, strict=True):
        deviation = 6 * expected[1] / np.sqrt(np.prod(shape))
        assert found[:2] == pytest.approx(expected[:2], abs=2 * deviation + 1e-7)
        if name not in ("RandomNormal", "VarianceScaling"):
            assert found[2:] == pytest.approx(expected[2:], abs=0.01 * (expected[3] - expected[2]) + 1e-7)


@pytest.mark.parametrize("shape", [(6, 4), (3, 3, 2, 5), (2, 9)])
def test_orthogonal_initializers_have_the_same_product_with_themselves(shape, reference):
    def gram(module):
        w = np.asarray(module.Orthogonal(gain=1.5, seed=1)(shape)).reshape(-1, shape[-1])
        return w.T @ w if len(w) >= shape[-1] else w @ w.T

    def of_theirs():
        import keras

        return gram(keras.initializers)

    np.testing.assert_allclose(gram(initializers), reference(of_theirs), atol=1e-5)


IMAGE = rng.normal(size=(2, 7, 9, 3)).astype("float32")
FIRST = {"data_format": "channels_first"}
OF_IMAGES = [
    ("rgb_to_grayscale", IMAGE, {}),
    ("rgb_to_grayscale", IMAGE[0].transpose(2, 0, 1).copy(), FIRST),
    ("rgb_to_grayscale", (IMAGE * 99).astype("int32"), {}),
    ("rgb_to_grayscale", IMAGE[..., :1], {}),
    ("pad_images", IMAGE, {"top_padding": 1, "left_padding": 2, "target_height": 10, "target_width": 11}),
    ("pad_images", IMAGE[0], {"top_padding": 1, "bottom_padding": 0, "right_padding": 2, "left_padding": 3}),
    ("pad_images", IMAGE, {"bottom_padding": 1, "right_padding": 2, "target_height": 12, "target_width": 5, **FIRST}),
    ("crop_images", IMAGE, {"top_cropping": 1, "left_cropping": 2, "target_height": 3, "target_width": 4}),
    ("crop_images", IMAGE[0], {"top_cropping": 1, "bottom_cropping": 2, "right_cropping": 2, "target_width": 7}),
    ("crop_images", IMAGE, {"bottom_cropping": 1, "right_cropping": 0, "target_height": 2, "target_width": 3, **FIRST}),
    ("extract_patches", IMAGE, {"size": 3}),
    ("extract_patches", IMAGE[0], {"size": (2, 3), "strides": (1, 2), "padding": "same"}),
    ("extract_patches", IMAGE, {"size": 2, "strides": 1, "dilation_rate": 2}),
    ("extract_patches", IMAGE.transpose(0, 3, 1, 2).copy(), {"size": 3, "padding": "same", **FIRST}),
    ("extract_patches", IMAGE, {"size": (1, 2, 2)}),
]


@pytest.mark.parametrize(
    ("name", "images", "arguments"), OF_IMAGES, ids=[f"{case[0]}-{i}" for i, case in enumerate(OF_IMAGES)]
)
def test_functions_of_images_are_the_same(name, images, arguments, reference):
    def of_theirs():
        import keras

        y = np.asarray(getattr(keras.ops.image, name)(images, **arguments))
        return y, y.dtype.name

    y = getattr(ops.image, name)(images, **arguments)
    expected, dtype = reference(of_theirs)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
    assert y.dtype == dtype


SEQUENCES = [[1], [2, 3], [], [4, 5, 6, 7]]
PADDED = [
    {},
    {"value": -1, "padding": "post"},
    {"maxlen": 2, "dtype": "float32"},
    {"maxlen": 3, "truncating": "post", "padding": "post"},
    {"maxlen": 6},
]


@pytest.mark.parametrize("arguments", PADDED, ids=str)
def test_padded_sequences_are_the_same(arguments, reference):
    def of_theirs():
        import keras

        return keras.utils.pad_sequences(SEQUENCES, **arguments)

    found = utils.pad_sequences(SEQUENCES, **arguments)
    np.testing.assert_array_equal(found, reference(of_theirs))
    assert found.dtype == arguments.get("dtype", "int32")


DRAWS = [
    ("randint", {"shape": (40_000,), "minval": -3, "maxval": 5}),
    ("truncated_normal", {"shape": (40_000,), "mean": 1.0, "stddev": 2.0}),
    ("categorical", {"logits": np.log([[0.1, 0.2, 0.7]]).astype("float32"), "num_samples": 40_000}),
    ("shuffle", {"x": np.arange(5000, dtype="float32")}),
]


@pytest.mark.parametrize(("name", "arguments"), DRAWS, ids=[name for name, _ in DRAWS])
def test_numbers_are_drawn_from_the_same_distribution(name, arguments, reference):
    def statistics(module):
        drawn = np.asarray(getattr(module, name)(**arguments, seed=1))
        shares = np.quantile(drawn, [0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1])
        return [*shares, drawn.mean(), drawn.std(), *drawn.shape], drawn.dtype.name

    def of_theirs():
        import keras

        return statistics(keras.random)

    found, dtype = statistics(random)
    expected, their_dtype = reference(of_theirs)
    assert dtype == their_dtype
    assert found == pytest.approx(expected, abs=0.02 * expected[-2] + 1e-6)


SERIALIZED = [
    ("losses", "MeanSquaredError", {"reduction": "sum"}),
    ("metrics", "MeanSquaredError", {"name": "error"}),
    ("regularizers", "L2", {"l2": 0.25}),
    ("constraints", "MaxNorm", {"max_value": 3}),
    ("optimizers.schedules", "ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 9, "decay_rate": 0.5}),
]


@pytest.mark.parametrize(("module", "name", "arguments"), SERIALIZED, ids=[f"{m}-{n}" for m, n, _ in SERIALIZED])
def test_objects_as_plain_data_are_the_same(module, name, arguments, reference):
    def serialized(package):
        thing = operator.attrgetter(f"{module}.{name}")(package)(**arguments)
        return package.saving.serialize_keras_object(thing)

    def of_theirs():
        import keras

        return serialized(keras)

    expected = reference(of_theirs)
    found = serialized(fastconv)
    assert {**found, "config": None} == {**expected, "config": None}
    assert {**expected["config"], **found["config"]} == expected["config"]
    assert saving.deserialize_keras_object(expected).get_config() == saving.deserialize_keras_object(found).get_config()


@pytest.mark.parametrize(("shape", "axis"), [((2, 2, 6), 1), ((2, 4, 1), -1), ((1, 1, 6), 1), ((5,), None)], ids=str)
def test_elements_along_an_axis_and_their_gradients_are_the_same(shape, axis, reference):
    indices = np.random.default_rng(2).integers(-2, 2, shape)

    def of_theirs():
        import jax
        import keras

        dx = jax.grad(lambda x: (keras.ops.take_along_axis(x, indices, axis) * probe).sum())(X)
        return keras.ops.take_along_axis(X, indices, axis), dx

    y = ops.take_along_axis(X, indices, axis)
    probe = np.random.default_rng(3).normal(size=y.shape).astype("float32")
    _, dx = value_and_grad(lambda x: ops.sum(ops.take_along_axis(x, indices, axis) * probe))(X)
    for found, expected in zip((y, dx), reference(of_theirs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-6)
