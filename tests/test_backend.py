"""The functions of ``from fastconv import backend as K``."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, Model, backend, config, layers
from fastconv import backend as K

X = np.array([[1.0, -2.0, 3.0], [0.5, 0.0, -1.0]], np.float32)
P = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], np.float32)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (lambda: K.sum(X, axis=1, keepdims=True), X.sum(1, keepdims=True)),
        (lambda: K.mean(X), X.mean()),
        (lambda: K.std(X, axis=0), X.std(0)),
        (lambda: K.argmin(X), X.argmin(-1)),
        (lambda: K.pow(X, 2.0), X**2),
        (lambda: K.dot(X, X.T.copy()), X @ X.T),
        (lambda: K.flatten(X), X.ravel()),
        (lambda: K.batch_flatten(X.reshape(2, 3, 1)), X),
        (lambda: K.concatenate([X, X]), np.concatenate([X, X], -1)),
        (lambda: K.permute_dimensions(X, (1, 0)), X.T),
        (lambda: K.switch(X > 0, X, -X), np.abs(X)),
        (lambda: K.relu(X, alpha=0.5, max_value=2.0), np.where(X > 0, np.minimum(X, 2), 0.5 * X)),
        (lambda: K.l2_normalize(X, axis=1), X / np.linalg.norm(X, axis=1, keepdims=True)),
        (lambda: K.cast_to_floatx([1, 2]), np.float32([1, 2])),
        (lambda: K.constant(2, shape=(2, 2)), np.full((2, 2), 2.0)),
        (lambda: K.categorical_crossentropy(np.float32([[0, 0, 1], [1, 0, 0]]), P), -np.log([0.1, 0.1])),
        (lambda: K.sparse_categorical_crossentropy(np.array([2, 0]), P), -np.log([0.1, 0.1])),
        (lambda: K.binary_crossentropy(np.float32([1, 0]), np.float32([0.7, 0.4])), -np.log([0.7, 0.6])),
    ],
)
def test_values(found, expected):
    np.testing.assert_allclose(found(), expected, rtol=1e-5)


def test_variables():
    v = K.variable([1.0, 2.0], name="v")
    K.set_value(v, [3.0, 4.0])
    assert K.get_value(v).tolist() == K.eval(v).tolist() == [3, 4]
    assert K.count_params(K.zeros((2, 3))) == 6
    assert K.ones((2,)).numpy().tolist() == [1, 1]


def test_shapes_and_settings():
    x = Input((4, 5))
    assert K.int_shape(x) == K.shape(x) == (None, 4, 5)
    assert K.ndim(x) == 3
    assert K.is_keras_tensor(x)
    assert not K.is_keras_tensor(X)
    assert K.image_data_format() == config.image_data_format()
    assert K.epsilon() == config.epsilon()
    assert K.backend() == "fastconv"


def test_names_are_reset():
    K.clear_session()
    assert layers.Dense(1).name == "dense"
    assert layers.Dense(1).name == "dense_1"
    K.clear_session()
    assert layers.Dense(1).name == "dense"


def test_random_numbers_change_in_every_step_of_a_graph():
    x = Input((1000,))
    model = Model(x, layers.Lambda(lambda x: x + K.random_normal(K.shape(x), stddev=2.0))(x))
    zeros = np.zeros((4, 1000), "float32")
    first, second = (model.predict(zeros, verbose=0) for _ in range(2))
    assert abs(first.std() - 2) < 0.1
    assert (first != second).mean() > 0.99
    np.testing.assert_array_equal(K.random_uniform((3,), seed=5), K.random_uniform((3,), seed=5))


def test_every_listed_name_exists():
    assert all(hasattr(backend, name) for name in backend.__all__)
