"""Distributions, fans, and the sources of random numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fastconv import initializers
from fastconv.utils import set_random_seed

KERNEL = (3, 5, 40, 80)
FAN_IN, FAN_OUT = 15 * 40, 15 * 80

# name: (variance, bound) of weights of shape KERNEL; the papers' formulas
SCALED = {
    "glorot_uniform": (2 / (FAN_IN + FAN_OUT), math.sqrt(6 / (FAN_IN + FAN_OUT))),
    "glorot_normal": (2 / (FAN_IN + FAN_OUT), 2.274 * math.sqrt(2 / (FAN_IN + FAN_OUT))),
    "he_uniform": (2 / FAN_IN, math.sqrt(6 / FAN_IN)),
    "he_normal": (2 / FAN_IN, 2.274 * math.sqrt(2 / FAN_IN)),
    "lecun_uniform": (1 / FAN_IN, math.sqrt(3 / FAN_IN)),
    "lecun_normal": (1 / FAN_IN, 2.274 * math.sqrt(1 / FAN_IN)),
}


@pytest.mark.parametrize("name", SCALED)
def test_scaled_weights_have_the_variance_and_bounds_of_their_paper(name):
    variance, bound = SCALED[name]
    w = type(initializers.get(name))(seed=1)(KERNEL)
    assert w.shape == KERNEL
    assert w.dtype == np.float32
    assert abs(w.mean()) < 4 * math.sqrt(variance / w.size)
    assert w.var() == pytest.approx(variance, rel=0.03)
    assert 0.99 * bound < np.abs(w).max() <= bound * 1.0001


@pytest.mark.parametrize(
    ("shape", "fans"),
    [((), (1, 1)), ((7,), (7, 7)), ((5, 7), (5, 7)), ((3, 3, 5, 7), (45, 63)), ((2, 3, 4, 5, 7), (120, 168))],
)
def test_fans_count_the_window(shape, fans):
    assert initializers.compute_fans(shape) == fans


@pytest.mark.parametrize(
    ("initializer", "mean", "stddev", "low", "high"),
    [
        (initializers.RandomNormal(1.0, 2.0, 0), 1, 2, -math.inf, math.inf),
        (initializers.TruncatedNormal(1.0, 2.0, 0), 1, 2 * 0.8796, -3, 5),
        (initializers.RandomUniform(-1.0, 3.0, 0), 1, 4 / math.sqrt(12), -1, 3),
        (initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal", 0), 0, 0.1, -math.inf, math.inf),
    ],
    ids=lambda x: type(x).__name__,
)
def test_distributions(initializer, mean, stddev, low, high):
    w = initializer((200, 200), "float64")
    assert w.dtype == np.float64
    assert w.mean() == pytest.approx(mean, abs=4 * stddev / 200)
    assert w.std() == pytest.approx(stddev, rel=0.02)
    assert low <= w.min()
    assert w.max() <= high


def test_normal_weights_reach_beyond_two_deviations_unless_truncated():
    assert np.abs(initializers.RandomNormal(stddev=1.0, seed=0)((1000,))).max() > 2
    assert np.abs(initializers.TruncatedNormal(stddev=1.0, seed=0)((1000,))).max() <= 2


def test_constants():
    assert initializers.Zeros()((2, 3)).tolist() == [[0] * 3] * 2
    assert initializers.get("ones")((2,), "float64").dtype == np.float64
    assert initializers.Constant([1, 2])((3, 2)).tolist() == [[1, 2]] * 3


def test_a_seed_gives_the_same_weights_in_every_call():
    initializer = initializers.GlorotUniform(seed=5)
    assert (initializer((4, 4)) == initializer((4, 4))).all()
    assert (initializer((4, 4)) != initializers.GlorotUniform(seed=6)((4, 4))).any()


def test_without_a_seed_the_global_generator_is_used():
    initializer = initializers.HeNormal()
    set_random_seed(1)
    first, second = initializer((4, 4)), initializer((4, 4))
    assert (first != second).any()
    set_random_seed(1)
    assert (initializer((4, 4)) == first).all()


def test_scalars_and_empty_shapes():
    assert initializers.HeNormal()(()).shape == ()
    assert initializers.GlorotUniform()((0, 3)).shape == (0, 3)


@pytest.mark.parametrize(
    "arguments", [{"scale": 0}, {"scale": math.nan}, {"mode": "fan"}, {"distribution": "cauchy"}, {"seed": "x"}]
)
def test_wrong_arguments(arguments):
    with pytest.raises(ValueError, match="Received"):
        initializers.VarianceScaling(**arguments)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (3, 3, 2, 5), (1, 1, 2, 9)])
def test_an_orthogonal_matrix_keeps_lengths(shape):
    w = initializers.Orthogonal(2.0, seed=1)(shape, "float64").reshape(-1, shape[-1])
    gram = w.T @ w if len(w) >= shape[-1] else w @ w.T
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)
    with pytest.raises(ValueError, match="at least 2 axes"):
        initializers.get("orthogonal")((3,))


def test_the_identity():
    np.testing.assert_array_equal(initializers.get("identity")((2, 3)), np.eye(2, 3))
    np.testing.assert_array_equal(initializers.Identity(0.5)((2, 2)), 0.5 * np.eye(2))
    with pytest.raises(ValueError, match="2 axes"):
        initializers.Identity()((2, 2, 2))
