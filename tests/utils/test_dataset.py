"""Datasets, their transformations and their lengths."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from fastconv import Input, Sequential, layers, utils
from fastconv.utils import Dataset
from fastconv.utils.dataset import ENDLESS, UNKNOWN_LENGTH


def numbers(n=10):
    return Dataset.from_tensor_slices(np.arange(n))


def values(dataset):
    return [np.asarray(element).tolist() for element in dataset]


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        (lambda: numbers(3), [0, 1, 2]),
        (lambda: numbers(4).map(lambda x: x * x), [0, 1, 4, 9]),
        (lambda: numbers(40).map(lambda x: -x, num_parallel_calls=3), [-i for i in range(40)]),
        (lambda: numbers(5).batch(2), [[0, 1], [2, 3], [4]]),
        (lambda: numbers(5).batch(2, drop_remainder=True), [[0, 1], [2, 3]]),
        (lambda: numbers(5).batch(2).unbatch(), [0, 1, 2, 3, 4]),
        (lambda: numbers().take(3), [0, 1, 2]),
        (lambda: numbers(3).take(-1), [0, 1, 2]),
        (lambda: numbers(5).skip(3), [3, 4]),
        (lambda: numbers(2).repeat(2), [0, 1, 0, 1]),
        (lambda: numbers(2).repeat().take(5), [0, 1, 0, 1, 0]),
        (lambda: numbers(6).filter(lambda x: x % 2), [1, 3, 5]),
        (lambda: numbers(3).map(lambda x: 10 * x).enumerate(5), [[5, 0], [6, 10], [7, 20]]),
        (lambda: numbers(9).prefetch(2), [*range(9)]),
        (lambda: numbers(9).prefetch(-1), [*range(9)]),
        (lambda: numbers(3).cache(), [0, 1, 2]),
        (lambda: Dataset.from_generator(lambda: iter([1, 2])), [1, 2]),
    ],
)
def test_elements(dataset, expected):
    made = dataset()
    assert values(made) == expected
    assert values(made) == expected
    if made.cardinality() >= 0:
        assert len(made) == len(expected)
    else:
        with pytest.raises(TypeError, match="not known"):
            len(made)


def test_unknown_lengths():
    assert numbers().repeat().cardinality() == ENDLESS
    assert numbers().filter(bool).batch(2).cardinality() == UNKNOWN_LENGTH
    assert numbers().filter(bool).take(2).cardinality() == UNKNOWN_LENGTH


def test_tuples_and_dicts():
    x, y = np.arange(6).reshape(3, 2), np.array([5, 6, 7])
    dataset = Dataset.from_tensor_slices((x, {"label": y})).map(lambda x, y: (x + 1, y["label"])).batch(2)
    (first, labels), (last, _) = dataset
    np.testing.assert_array_equal(first, x[:2] + 1)
    np.testing.assert_array_equal(labels, [5, 6])
    np.testing.assert_array_equal(last, x[2:] + 1)
    with pytest.raises(ValueError, match="one length"):
        Dataset.from_tensor_slices((x, y[:2]))


def test_orders_are_random_and_repeat_with_their_seed():
    once, again = (numbers(50).shuffle(50, seed=3) for _ in range(2))
    orders = [values(once), values(once)]
    assert orders[0] != orders[1]
    assert all(sorted(order) == [*range(50)] for order in orders)
    assert [values(again), values(again)] == orders
    fixed = numbers(50).shuffle(50, seed=3, reshuffle_each_iteration=False)
    assert values(fixed) == values(fixed)
    near = values(numbers(100).shuffle(5, seed=1))
    assert max(i - place for place, i in enumerate(near)) < 5
    utils.set_random_seed(2)
    first = values(numbers(50).shuffle(50))
    utils.set_random_seed(2)
    assert values(numbers(50).shuffle(50)) == first


def test_cached_elements_are_created_once():
    calls = []
    dataset = numbers(4).map(lambda x: calls.append(x) or x).cache()
    next(iter(dataset))  # an interrupted pass keeps nothing
    assert values(dataset) == values(dataset) == [0, 1, 2, 3]
    assert len(calls) == 5


def test_prefetch_uses_a_thread_that_ends():
    names, threads = [], threading.active_count()
    dataset = numbers(5).map(lambda x: names.append(threading.current_thread().name) or x).prefetch(2)
    iterator = iter(dataset)
    assert next(iterator) == 0
    time.sleep(0.05)
    assert 2 <= len(names) <= 4
    assert threading.main_thread().name not in names
    iterator.close()
    assert threading.active_count() == threads


@pytest.mark.parametrize("how", [lambda d: d.prefetch(2), lambda d: d.map(lambda x: x, 3), lambda d: d.batch(2)])
def test_errors_reach_the_caller(how):
    dataset = how(numbers(5).map(lambda x: 1 // (3 - int(x))))
    with pytest.raises(ZeroDivisionError):
        values(dataset)


def test_a_model_trains_on_batches_of_a_dataset():
    x = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
    y = x.sum(1, keepdims=True)

    def trained(*data, **how):
        model = Sequential([Input((3,)), layers.Dense(1, kernel_initializer="ones")])
        model.compile("sgd", "mse")
        return model.fit(*data, epochs=3, verbose=0, shuffle=False, **how).history, model

    dataset = Dataset.from_tensor_slices((x, y)).batch(8).prefetch(2)
    history, model = trained(dataset, validation_data=dataset)
    expected, _ = trained(x, y, batch_size=8, validation_data=(x, y), validation_batch_size=8)
    assert history == expected
    assert model.predict(dataset.map(lambda x, y: x), verbose=0).shape == (20, 1)


@pytest.mark.parametrize("call", [lambda: numbers().batch(0), lambda: numbers().shuffle(0)])
def test_refused_arguments(call):
    with pytest.raises(ValueError, match="at least 1"):
        call()


def rows(dataset):
    return [np.asarray(element).tolist() for element in dataset]


@pytest.mark.parametrize(
    ("sizes", "lengths"), [((0.8, None), (8, 2)), ((None, 0.3), (7, 3)), ((6, None), (6, 4)), ((2, 3), (2, 3))]
)
def test_a_dataset_is_split(sizes, lengths):
    for data in (np.arange(10), Dataset.from_tensor_slices(np.arange(10))):
        left, right = utils.split_dataset(data, *sizes)
        assert (len(left), len(right)) == lengths
        assert rows(left) + rows(right) == list(range(sum(lengths)))
        assert rows(left) == rows(left)
    left, right = utils.split_dataset(np.arange(10), *sizes, shuffle=True, seed=1)
    assert len(set(rows(left) + rows(right))) == sum(lengths)
    assert rows(left) != list(range(len(left)))
    again, _ = utils.split_dataset(np.arange(10), *sizes, shuffle=True, seed=1)
    assert rows(again) == rows(left)


def test_a_list_of_numbers_is_not_an_array():
    with pytest.raises(ValueError, match=r"np\.asarray\. Received: shapes=\[\(\), \(\)\]"):
        utils.split_dataset([1, 2], 0.5)


def test_pairs_are_split_together():
    left, _ = utils.split_dataset((np.arange(4), -np.arange(4)), 0.5)
    assert [(int(a), int(b)) for a, b in left] == [(0, 0), (1, -1)]


@pytest.mark.parametrize("sizes", [(None, None), (0, None), (10, None), (1.0, None), (6, 5), (-1, None)])
def test_both_parts_have_elements(sizes):
    with pytest.raises(ValueError, match=r"^split_dataset: .* Received: (.* 10 elements$|left_size=-1)"):
        utils.split_dataset(np.arange(10), *sizes)
