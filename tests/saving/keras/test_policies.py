"""Keras's dtype policies and quantised kernels, without Keras."""

import numpy as np
import pytest

from fastconv import Input, Sequential, layers
from fastconv.saving.hdf5 import access
from fastconv.saving.keras.archive import WeightsH5
from fastconv.saving.keras.from_keras import from_keras
from fastconv.saving.keras.policies import dtype_of
from fastconv.serialization import deserialize


def policy(class_name, **config):
    return {"module": "keras", "class_name": class_name, "config": config, "registered_name": None}


@pytest.mark.parametrize(
    ("given", "dtype"),
    [
        (None, None),
        ("float64", "float64"),
        ("uint8", "uint8"),
        ("bfloat16", "float32"),
        ("mixed_float16", "float32"),
        ("int8_from_float32", "float32"),
        ("int4_from_mixed_bfloat16", "float32"),
        (policy("DTypePolicy", name="float16"), "float32"),
        (policy("DTypePolicy", name="float64"), "float64"),
        (policy("QuantizedDTypePolicy", mode="int8", source_name="float32"), "float32"),
        (policy("QuantizedFloat8DTypePolicy", mode="float8", source_name="bfloat16"), "float32"),
        (policy("Int4DTypePolicy", mode="int4/128", source_name="mixed_float16"), "float32"),
        (policy("DTypePolicyMap", default_policy=policy("DTypePolicy", name="float64"), policy_map={}), "float64"),
    ],
)
def test_the_dtype_of_a_policy(given, dtype):
    assert dtype_of(given) == dtype


@pytest.mark.parametrize("mode", ["gptq/4/128", "awq/4/128"])
def test_a_policy_that_cannot_be_read_is_named_with_the_layer(mode):
    config = {"name": "top", "units": 2, "dtype": policy("GPTQDTypePolicy", mode=mode, source_name="float32")}
    data = {"module": "keras.layers", "class_name": "Dense", "config": config, "registered_name": None}
    with pytest.raises(ValueError, match=rf"layer 'top' has the dtype policy '{mode[:3]}.*int8"):
        deserialize("layer", from_keras("layer", data))


def test_an_unknown_argument_is_named_with_the_layer():
    data = {"module": "keras.layers", "class_name": "Dense", "config": {"name": "top", "units": 2, "new": 3}}
    with pytest.raises(ValueError, match=r"the layer 'top' \(Dense\) must have arguments .*Received: {'new': 3}"):
        deserialize("layer", data)


def read(tmp_path, layer, arrays):
    """Return `layer`, of three inputs, with weights from a file that holds `arrays` for it."""
    pytest.importorskip("h5py")
    model = Sequential([Input((3,)), layer])

    def fill(root):
        for i, array in enumerate(arrays):
            root[f"layers/dense/vars/{i}"] = array
        root.create_group("vars")

    path = tmp_path / "m.weights.h5"
    path.write_bytes(access.written(fill))
    for variable, array in WeightsH5().weights(model, path):
        variable.assign(array)
    return [np.asarray(w) for w in layer.get_weights()]


BIAS = np.array([1.0, 2.0, 3.0], "float32")
EIGHT = np.array([[127, -3, 5], [4, 127, -6], [-7, 8, 127]], "int8")


def test_eight_bits(tmp_path):
    scale = np.array([2.0, 4.0, 8.0], "float32")
    kernel, bias = read(tmp_path, layers.Dense(3), [EIGHT, BIAS, scale])
    np.testing.assert_array_equal(kernel, EIGHT / scale)
    np.testing.assert_array_equal(bias, BIAS)
    (kernel,) = read(tmp_path, layers.Dense(3, use_bias=False), [EIGHT, scale])
    np.testing.assert_array_equal(kernel, EIGHT / scale)


PACKED = np.array([[125, 2], [24, 0], [-121, 15]], "int8")
FOUR = np.array([[-3, 7, 2], [-8, 1, 0], [7, -8, -1]])


def test_four_bits_by_column(tmp_path):
    scale = np.array([2.0, 4.0, 8.0], "float32")
    kernel, _ = read(tmp_path, layers.Dense(3), [PACKED, BIAS, scale])
    np.testing.assert_array_equal(kernel, FOUR / scale)


def test_four_bits_by_group(tmp_path):
    scale = np.array([[2.0, 4.0, 8.0], [0.5, 0.25, 1.0]], "float32")
    zero, group = np.array([[1, 0, -1], [0, 2, 3]], "int8"), np.array([0, 0, 1], "float32")
    kernel, _ = read(tmp_path, layers.Dense(3), [PACKED, BIAS, scale, zero, group])
    rows = [0, 0, 1]
    np.testing.assert_array_equal(kernel, (FOUR - zero[rows]) * scale[rows])


@pytest.mark.parametrize(("packed", "values"), [([[2], [13], [7]], [2, -3, 7]), ([[2], [-127], [7]], [2, -127, 7])])
def test_a_single_column(tmp_path, packed, values):
    """The shape is the same whether or not the column is packed."""
    arrays = [np.array(packed, "int8"), BIAS[:1], np.array([2.0], "float32")]
    kernel, _ = read(tmp_path, layers.Dense(1), arrays)
    np.testing.assert_array_equal(kernel[:, 0], np.array(values) / 2)


def test_floats_of_eight_bits(tmp_path):
    kernel = np.arange(9, dtype="float32").reshape(3, 3)
    extra = [np.ones(n, "float32") for n in (1, 4, 1, 4, 1, 4)]
    np.testing.assert_array_equal(read(tmp_path, layers.Dense(3), [kernel, BIAS, *extra])[0], kernel)


@pytest.mark.parametrize("scale", [np.ones(2, "float32"), np.ones((3, 3), "float32")])
def test_scales_that_do_not_fit(tmp_path, scale):
    with pytest.raises(ValueError, match=r"quantised kernel of dense\w* must be bytes of shape \(3, 3\)"):
        read(tmp_path, layers.Dense(3), [EIGHT, BIAS, scale])


def test_bfloat16(tmp_path):
    """Stored as the upper halves of float32, as two opaque bytes."""
    values = np.array([[1.0, -2.5, 3.0], [0.0, 1e30, -1e-30], [1.5, 2.0, np.inf]], "float32")
    halves = (values.view("u4") >> 16).astype("<u2").view("V2")
    kernel, _ = read(tmp_path, layers.Dense(3), [halves, BIAS])
    np.testing.assert_allclose(kernel, values, rtol=2**-7)
