"""The window formula and its errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastconv import config, ops
from fastconv.window import as_tuple, explicit_sides, output_size, reach, resolve_padding, same_padding

SIZES = st.integers(1, 12)


@given(n=SIZES, k=st.integers(1, 4), s=st.integers(1, 4), d=st.integers(1, 3))
def test_output_size_counts_the_windows_that_fit(n, k, s, d):
    fits = [start for start in range(0, n, s) if start + (k - 1) * d < n]
    assert max(output_size([n], [k], [s], [(0, 0)], [d])[0], 0) == len(fits)
    assert reach(k, d) == len(range((k - 1) * d + 1))


@given(n=SIZES, k=st.integers(1, 5), s=st.integers(1, 4), d=st.integers(1, 3))
def test_same_padding_is_the_least_for_ceil_n_over_s_windows(n, k, s, d):
    ((before, after),) = same_padding([n], [k], [s], [d])
    outputs = -(-n // s)
    assert after - before in (0, 1)
    assert output_size([n], [k], [s], [(before, after)], [d]) == (outputs,)
    if after:
        assert output_size([n], [k], [s], [(before, after - 1)], [d])[0] < outputs


@pytest.mark.parametrize("value", [2, (2, 2), [2, 2], np.int64(2), (np.int32(2), 2)])
def test_spread(value):
    found = as_tuple("strides", value, 2)
    assert found == (2, 2)
    assert all(type(n) is int for n in found)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ((1, 2, 3), "strides must be an int or 2 ints. Received: strides=(1, 2, 3)"),
        ((1, 2.0), "strides must be an int or 2 ints. Received: strides=(1, 2.0)"),
        ("ab", "strides must be an int or 2 ints. Received: strides='ab'"),
        (None, "strides must be an int or 2 ints. Received: strides=None"),
        ((1, 0), "strides must be at least 1. Received: strides=(1, 0)"),
        (-1, "strides must be at least 1. Received: strides=-1"),
    ],
)
def test_spread_refuses(value, message):
    with pytest.raises(ValueError) as caught:
        as_tuple("strides", value, 2)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("padding", "sides"),
    [
        (1, ((1, 1), (1, 1))),
        ((1, 2), ((1, 1), (2, 2))),
        (((0, 1), (2, 3)), ((0, 1), (2, 3))),
        ([[0, 1], 2], ((0, 1), (2, 2))),
        (np.array([[0, 1], [2, 3]]), ((0, 1), (2, 3))),
    ],
)
def test_explicit_sides(padding, sides):
    assert explicit_sides("conv", padding, 2) == sides


@pytest.mark.parametrize(
    "padding", [-1, 1.5, (1,), ((1, 2, 3), 1), ((1, -1), 1), ((1, 0.5), 1), None, (None, 1), ("a", "b")]
)
def test_explicit_sides_refuse(padding):
    with pytest.raises(ValueError) as caught:
        explicit_sides("conv", padding, 2)
    assert str(caught.value) == f"conv: padding must be 2 pairs of integers >= 0. Received: padding={padding!r}"


def test_strict_windows():
    """Off by default, in which case sizes are rounded down as in Keras; "same" pads for a fixed number of windows and
    is never at fault.
    """
    seven = ("conv", (0, 0), (7, 7), (3, 3), (3, 3), (1, 1))
    assert resolve_padding(*seven) == ((0, 0), (0, 0))
    config.set_strict_windows(True)
    with pytest.raises(ValueError) as caught:
        resolve_padding(*seven)
    assert str(caught.value) == (
        "conv: (N - F + 2P)/S must be an integer under strict windows. Received: (7 - 3)/3 + 1 = 2.33, "
        "input size=(7, 7), window=(3, 3), strides=(3, 3), dilation=(1, 1), padding=((0, 0), (0, 0))"
    )
    assert resolve_padding("conv", 1, (7, 7), (3, 3), (3, 3), (1, 1)) == ((1, 1), (1, 1))
    for same in ("same", "SAME"):
        assert resolve_padding("conv", same, (8, 8), (3, 3), (3, 3), (1, 1)) == ((0, 1), (0, 1))


def test_equal_arguments_of_other_types_are_not_cached():
    """1.0 and True equal 1, also inside of tuples; only integers are accepted."""
    x, w = np.ones((1, 4, 4, 1), np.float32), np.ones((2, 2, 1, 1), np.float32)
    for strides in (1, (1, 1), (np.int64(1), 1), [1, 1], np.array(1), np.array([1, 1])):
        assert ops.max_pool(x, 2, strides).shape == (1, 3, 3, 1)
        assert ops.conv(x, w, strides).shape == (1, 3, 3, 1)
    for strides in (1.0, (1.0, 1), (1, 1.0), True, (True, 1), np.array([1.0, 1.0])):
        with pytest.raises(ValueError, match=r"^strides must be an int or 2 ints"):
            ops.max_pool(x, 2, strides)
        with pytest.raises(ValueError, match=r"^strides must be an int or 2 ints"):
            ops.conv(x, w, strides)
    with pytest.raises(ValueError, match=r"^max_pool: padding must be 2 pairs of integers"):
        ops.max_pool(x, 2, 1, ((0.0, 0), (0, 0)))


def test_the_cache_depends_on_strictness():
    x = np.ones((1, 5, 5, 1), np.float32)
    assert ops.max_pool(x, 2).shape == (1, 2, 2, 1)
    config.set_strict_windows(True)
    try:
        with pytest.raises(ValueError, match="must be an integer under strict windows"):
            ops.max_pool(x, 2)
    finally:
        config.set_strict_windows(False)
