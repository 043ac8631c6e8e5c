"""Sequences of equal length, and windows of time series."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Sequential, layers, preprocessing, utils


def test_sequences_of_vectors():
    found = utils.pad_sequences([[[1, 2]], np.array([[3, 4], [5, 6]]), []], maxlen=2)
    assert found.tolist() == [[[0, 0], [1, 2]], [[3, 4], [5, 6]], [[0, 0], [0, 0]]]
    assert utils.pad_sequences([]).shape == (0, 0)
    assert preprocessing.sequence.pad_sequences is utils.pad_sequences


@pytest.mark.parametrize(
    ("sequences", "options"),
    [([[1]], {"padding": "before"}), ([[1]], {"truncating": "end"}), ([1, 2], {}), ([[[1]], [[1, 2]]], {})],
)
def test_invalid_sequences(sequences, options):
    with pytest.raises(ValueError, match=r"^pad_sequences: .* Received: "):
        utils.pad_sequences(sequences, **options)


def windows(data, targets, length, stride=1, rate=1, start=0, end=None):
    """Build the windows one by one, as Keras documents them."""
    data = data[start:end]
    last = len(data) - (length - 1) * rate
    for i in range(0, last, stride):
        yield data[i : i + length * rate : rate], targets[start + i]


HOW = [
    {},
    {"sequence_stride": 3},
    {"sampling_rate": 2, "sequence_stride": 2},
    {"start_index": 4, "end_index": 17, "sampling_rate": 3},
]


@pytest.mark.parametrize("how", HOW, ids=str)
def test_windows_of_a_series(how):
    data, targets = np.arange(40.0).reshape(20, 2), np.arange(100, 120)
    found = utils.timeseries_dataset_from_array(data, targets, 3, batch_size=4, **how)
    pairs = [(x, y) for xs, ys in found for x, y in zip(xs, ys)]
    short = {"sequence_stride": "stride", "sampling_rate": "rate", "start_index": "start", "end_index": "end"}
    wanted = [*windows(data, targets, 3, **{short[name]: n for name, n in how.items()})]
    assert len(found) == -(-len(wanted) // 4)
    for (x, y), (window, target) in zip(pairs, wanted, strict=True):
        np.testing.assert_array_equal(x, window)
        assert y == target


def test_windows_in_another_order_and_one_by_one():
    data = np.arange(12)
    shuffled = preprocessing.timeseries_dataset_from_array(data, None, 2, batch_size=None, shuffle=True, seed=1)
    orders = [[int(x[0]) for x in shuffled] for _ in range(2)]
    assert sorted(orders[0]) == sorted(orders[1]) == [*range(11)]
    assert orders[0] != orders[1]
    assert [
        x.tolist()
        for x in utils.timeseries_dataset_from_array(data[:4], [0, 1], 2, batch_size=None).map(lambda x, y: x)
    ] == [[0, 1], [1, 2]]


@pytest.mark.parametrize(
    "how", [(0,), (13,), (2, 0), (2, 1, 0), (2, 1, 1, 128, False, None, 5, 5), (2, 1, 1, 128, False, None, 0, 13)]
)
def test_windows_outside_the_data(how):
    with pytest.raises(
        ValueError, match=r"^timeseries_dataset_from_array: .*(12 elements$| of at least 1\. Received: .*=0$)"
    ):
        utils.timeseries_dataset_from_array(np.arange(12), None, *how)


def test_names_are_reset():
    utils.clear_session()
    assert [layers.Dense(1).name for _ in range(2)] == ["dense", "dense_1"]
    utils.clear_session()
    assert Sequential([layers.Dense(1)]).layers[0].name == "dense"


def test_formats_of_other_libraries_are_refused():
    assert len(utils.timeseries_dataset_from_array(np.arange(5), None, 2, format="tf")) == 1
    with pytest.raises(ValueError, match="format must be 'tf'"):
        utils.timeseries_dataset_from_array(np.arange(5), None, 2, format="grain")


def test_a_preferred_backend_changes_nothing():
    for parts in (utils.split_dataset(np.arange(4), 0.5, preferred_backend=name) for name in (None, "tensorflow")):
        assert [part.tolist() for half in parts for part in half] == [0, 1, 2, 3]
