"""Sequential models that grow and shrink, and are built now or later."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, Sequential, layers

X = np.ones((8, 4), np.float32)


def started():
    return Sequential([Input((4,)), layers.Dense(3, name="first")])


def test_a_layer_that_is_added_for_later_waits_for_build():
    model = started()
    model.add(layers.Dense(2, name="second"), rebuild=False)
    assert (model.built, len(model.weights), [layer.name for layer in model.layers]) == (False, 2, ["first", "second"])
    assert not hasattr(model, "outputs")
    model.build()
    assert (model.built, len(model.weights), model.output_shape) == (True, 4, (None, 2))
    assert model.predict(X, verbose=0).shape == (8, 2)


def test_a_layer_that_is_added_for_later_waits_for_data():
    model = started()
    model.add(layers.Dense(2), rebuild=False)
    model.add(layers.Dense(5), False)
    assert model(X).shape == (8, 5)


def test_layers_that_are_replaced_before_the_model_is_built_again():
    model = started()
    model.add(layers.Dense(2))
    assert model.pop(rebuild=False).units == 2
    assert not model.built
    model.add(layers.Dense(6), rebuild=False)
    model.add(layers.Dense(7))
    assert model.output_shape == (None, 7)
    assert [v.shape for v in model.weights] == [(4, 3), (3,), (3, 6), (6,), (6, 7), (7,)]
    assert model.predict(X, verbose=0).shape == (8, 7)


def test_removing_all_layers():
    model = started()
    model.pop()
    assert not model.built
    model.add(layers.Dense(2))
    assert model.predict(X, verbose=0).shape == (8, 2)


def test_a_model_that_is_built_without_a_shape_learns_it_from_data():
    model = Sequential([layers.Dense(3), layers.Dense(1)])
    model.build()
    assert (model.built, model.weights) == (True, [])
    model.compile("sgd", "mse")
    history = model.fit(X, X[:, :1], epochs=3, verbose=0).history
    assert history["loss"][2] < history["loss"][0]
    assert len(model.weights) == 4


def test_plans_of_previous_layers_are_not_run_again():
    model = started()
    before = model.predict(X, verbose=0)
    model.pop(rebuild=False)
    model.add(layers.Dense(3, kernel_initializer="zeros"), rebuild=False)
    assert before.any()
    assert not model.predict(X, verbose=0).any()


def test_a_model_without_layers_is_not_built():
    with pytest.raises(ValueError, match="at least one layer"):
        Sequential().build((None, 4))


def test_layers_are_taken_off_in_linear_time():
    model = Sequential([Input((3,)), *[layers.Dense(3) for _ in range(4)]])
    third, x = model.layers[2], np.ones((2, 3), "float32")
    expected = Sequential([Input((3,)), *model.layers[:2]]).predict(x, verbose=0)
    calls = []
    for layer in model.layers:
        call = layer.call
        layer.call = lambda *args, call=call, **how: calls.append(1) or call(*args, **how)
    assert model.pop().units == 3
    assert model.pop() is third
    assert not calls
    assert [len(model.layers), len(model.weights), model.output_shape] == [2, 4, (None, 3)]
    np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
    model.add(layers.Dense(5))
    assert model.predict(x, verbose=0).shape == (2, 5)
    model.add(layers.Dense(2), rebuild=False)
    model.pop()
    assert model.output_shape == (None, 5)
    for _ in range(3):
        model.pop()
    assert model.layers == []
    with pytest.raises(ValueError, match="pop needs at least one layer"):
        model.pop()
