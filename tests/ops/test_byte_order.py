"""Arrays in the other byte order, as in many files, give the same results as arrays in native order."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, Sequential, Variable, layers, losses, ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 6, 6, 4))
OPS = {
    "log_softmax": lambda x: ops.log_softmax(x, 1),
    "softmax": ops.softmax,
    "conv": lambda x: ops.conv(x, x[:1, :3, :3].reshape(3, 3, 4, 1)),
    "depthwise_conv": lambda x: ops.depthwise_conv(x, x[:, :2, :, :1].reshape(2, 3, 4, 1), padding="same"),
    "conv_transpose": lambda x: ops.conv_transpose(x, x[:1, :3, :3].reshape(3, 3, 1, 4)),
    "max_pool": lambda x: ops.max_pool(x, 2),
    "average_pool": lambda x: ops.average_pool(x, 2),
    "matmul": lambda x: ops.matmul(x[0, 0], x[1, 1].T),
    "batch_norm": lambda x: ops.batch_norm(x, x[0, 0, 0], x[0, 0, 1])[0],
    "pad": lambda x: ops.pad(x, 1),
    "flip": ops.flip,
    "take": lambda x: ops.take(x, [1, 0], 1),
    "resize": lambda x: ops.image.resize(x, (3, 9)),
    "extract_patches": lambda x: ops.image.extract_patches(x, 2),
    "sum": lambda x: ops.sum(x, 1),
    "argsort": ops.argsort,
    "convert_to_tensor": ops.convert_to_tensor,
    "stop_gradient": ops.stop_gradient,
    "ones_like": ops.ones_like,
    "zeros_like": ops.zeros_like,
    "cast": lambda x: ops.cast(x, x.dtype),
    "concatenate": lambda x: ops.concatenate([x, x]),
    "variable": lambda x: Variable(x).numpy(),
    "initializer": lambda x: Variable(lambda shape, dtype: x, shape=x.shape, dtype=x.dtype).numpy(),
    "loss": lambda x: np.asarray(losses.Dice()(abs(x), abs(x) + 1)),
    "take_along_axis": lambda x: ops.take_along_axis(x, np.zeros(x.shape, ">i8"), 1),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPS)
def test_bytes_in_the_other_order(name, dtype):
    x = X.astype(dtype)
    expected, found = OPS[name](x), OPS[name](x.astype(x.dtype.newbyteorder()))
    assert found.dtype == expected.dtype
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, expected)


def test_new_arrays_have_the_order_of_the_machine():
    other = np.dtype("float32").newbyteorder()
    for array in (ops.ones(3, other), ops.zeros(3, other), ops.one_hot([0, 1], 2, dtype=other), ops.cast([1], other)):
        assert array.dtype == np.float32


def test_batches_in_the_other_order():
    model = Sequential([Input((6, 6, 4)), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = X.astype("float32"), np.array([0, 2])
    expected = model.predict(x, verbose=0), model.evaluate(x, y, verbose=0)
    x, y = x.astype(x.dtype.newbyteorder()), y.astype(y.dtype.newbyteorder())
    np.testing.assert_array_equal(model.predict(x, verbose=0), expected[0])
    assert model.evaluate(x, y, verbose=0) == expected[1]
    model.fit(x, y, verbose=0)
