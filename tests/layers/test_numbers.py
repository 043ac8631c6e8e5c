"""NumPy scalars and arrays as arguments of layers and inputs; configurations hold Python's numbers only."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fastconv import Input, KerasTensor, Model, Sequential, constraints, initializers, layers, regularizers

from .cases import CASES, IDS, RANDOM_CASES, RANDOM_IDS


def of_numpy(value, integer, floating):
    """Return `value` with NumPy scalars in place of Python's numbers."""
    if isinstance(value, bool):
        return np.bool_(value)
    if isinstance(value, (int, float)):
        return integer(value) if isinstance(value, int) else floating(value)
    if isinstance(value, (list, tuple)):
        return type(value)(of_numpy(item, integer, floating) for item in value)
    return value


def rounded(text):
    """Return a round trip through JSON, with floats of six digits."""
    return json.loads(text, parse_float=lambda digits: float(f"{float(digits):.6g}"))


def as_arrays(value):
    """Return `value` with arrays in place of lists and tuples of numbers."""
    array = np.array(value) if isinstance(value, (list, tuple)) and None not in value else None
    return value if array is None or array.dtype.kind not in "if" else array


@pytest.mark.parametrize(("cls", "arguments"), [case[:2] for case in (*CASES, *RANDOM_CASES)], ids=[*IDS, *RANDOM_IDS])
@pytest.mark.parametrize("kinds", [(np.int64, np.float64), (np.int8, np.float32), (np.array, np.array)])
def test_every_argument_of_layers(cls, arguments, kinds):
    wanted = cls(**arguments, name="x").get_config()
    numbers = {key: of_numpy(value, *kinds) for key, value in arguments.items()}
    arrays = {key: as_arrays(value) for key, value in arguments.items()}
    for given in (numbers, arrays):
        config = cls(**given, name="x").get_config()
        assert rounded(json.dumps(config)) == rounded(json.dumps(wanted))


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (initializers.Constant, {"value": 2}),
        (initializers.Constant, {"value": [0.5, 2.0]}),
        (initializers.RandomNormal, {"mean": 0.5, "stddev": 2.0, "seed": 3}),
        (initializers.TruncatedNormal, {"mean": 0.5, "stddev": 2.0, "seed": 3}),
        (initializers.RandomUniform, {"minval": -0.5, "maxval": 2.0, "seed": 3}),
        (initializers.Orthogonal, {"gain": 2.0, "seed": 3}),
        (initializers.Identity, {"gain": 2.0}),
        (initializers.VarianceScaling, {"scale": 2.0, "seed": 3, "input_axes": [0, 1], "output_axes": [2]}),
        (initializers.HeNormal, {"seed": 3, "input_axes": [0], "output_axes": [1]}),
        (regularizers.L1, {"l1": 0.5}),
        (regularizers.L2, {"l2": 0.5}),
        (regularizers.L1L2, {"l1": 0.5, "l2": 0.25}),
        (regularizers.OrthogonalRegularizer, {"factor": 0.5}),
        (constraints.MaxNorm, {"max_value": 2.0, "axis": 1}),
        (constraints.UnitNorm, {"axis": [0, 1]}),
        (constraints.MinMaxNorm, {"min_value": 0.5, "max_value": 2.0, "rate": 0.5, "axis": 0}),
    ],
)
@pytest.mark.parametrize("kinds", [(np.int64, np.float64), (np.int8, np.float32), (np.array, np.array)])
def test_every_argument_of_initializers_regularizers_and_constraints(make, arguments, kinds):
    config = make(**{key: of_numpy(value, *kinds) for key, value in arguments.items()}).get_config()
    assert json.loads(json.dumps(config)) == json.loads(json.dumps(make(**arguments).get_config()))


def test_fans_are_counted_along_given_axes():
    assert initializers.compute_fans((2, 3, 4, 5)) == (24, 30)
    assert initializers.compute_fans((2, 3, 4, 5), [0, 1], [3]) == (6, 5)
    kernel = initializers.VarianceScaling(3.0, "fan_in", "uniform", 0, input_axes=[2], output_axes=[0])((9, 9, 100))
    assert 0.29 < np.abs(kernel).max() <= 0.3


SHAPES = [(np.int64(6), 8, 3), [6, 8, 3], np.array([6, 8, 3]), np.array([6, 8, 3], np.int8), (np.array(6), 8, 3)]


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
def test_shapes_of_inputs(shape):
    for tensor in (Input(shape), Input(batch_shape=(np.int64(4), *shape)), Input(shape, np.int64(4))):
        assert tensor.shape[1:] == (6, 8, 3)
        assert all(n is None or type(n) is int for n in tensor.shape)
    model = Sequential([layers.Conv2D(np.int64(2), 3, input_shape=shape)])
    assert model.output_shape == (None, 4, 6, 2)
    json.loads(model.to_json())


def test_shapes_of_batches():
    assert Input(batch_shape=(None, 3)).shape == (None, 3)
    assert Input(batch_shape=(5, None, 3)).shape == (5, None, 3)
    assert Input(batch_shape=[5]).shape == (5,)
    layer = layers.InputLayer(batch_shape=(5, 3), name="x")
    assert (layer.batch_shape, layer.shape, layer.batch_size) == ((5, 3), (3,), 5)


def test_a_tensor_becomes_an_input():
    x = Input((4,))
    hidden = layers.Dense(3)(x)
    assert Input(tensor=x) is x
    assert Input(tensor=hidden, batch_shape=(None, 3), dtype="float32") is hidden
    y = layers.Dense(2)(hidden)
    model = Model(hidden, y)
    assert [type(layer).__name__ for layer in model.layers] == ["InputLayer", "Dense"]
    assert model.predict(np.ones((5, 3)), verbose=0).shape == (5, 2)
    own = KerasTensor((None, 3), "float32", name="own")
    assert Model(Input(tensor=own), layers.Dense(1)(own)).output_shape == (None, 1)


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({}, "shape and batch_size, or batch_shape, must be given"),
        ({"shape": (3,), "batch_shape": (None, 3)}, "shape and batch_size, or batch_shape, must be given"),
        ({"batch_size": 2, "batch_shape": (None, 3)}, "shape and batch_size, or batch_shape, must be given"),
        ({"batch_shape": ()}, "batch_shape must begin with the batch size"),
        ({"shape": 3}, "shape must be ints >= 0 or None in a tuple"),
        ({"shape": (1.5,)}, "shape must be ints >= 0 or None in a tuple"),
        ({"shape": (True,)}, "shape must be ints >= 0 or None in a tuple"),
        ({"shape": (-1,)}, "shape must be ints >= 0 or None in a tuple"),
        ({"shape": "12"}, "shape must be ints >= 0 or None in a tuple"),
        ({"shape": (3,), "batch_size": 1.5}, "batch_size must be ints >= 0"),
        ({"shape": (3,), "sparse": True}, "sparse, ragged and optional must be False"),
        ({"shape": (3,), "optional": True}, "sparse, ragged and optional must be False"),
        ({"shape": (3,), "dtype": "float33"}, "dtype must be the name of a dtype"),
        ({"tensor": np.ones((2, 3))}, "tensor must be symbolic"),
        ({"tensor": KerasTensor((None, 3)), "shape": (4,)}, r"shape must equal shape of the tensor, \(3,\)"),
        ({"tensor": KerasTensor((None, 3)), "dtype": "int32"}, "dtype must equal dtype of the tensor"),
        ({"tensor": KerasTensor((None, 3)), "batch_size": 2}, "batch_size must equal batch_size of the tensor"),
    ],
)
def test_invalid_arguments_of_inputs(arguments, rule):
    with pytest.raises(ValueError, match=rf"{rule}.* Received: "):
        Input(**arguments)
