"""Seeds that change at each use, inside and outside of plans."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fastconv import Input, Sequential, layers, ops, random, utils
from fastconv.backends.gpu.transfer import to_host
from fastconv.engine import Plan, Trace


@pytest.mark.parametrize("draw", [random.normal, random.uniform, random.truncated_normal])
def test_an_integer_seed_repeats_and_a_generator_changes(draw):
    np.testing.assert_array_equal(draw((3,), seed=1), draw((3,), seed=np.int64(1)))
    first, second = (random.SeedGenerator(1) for _ in range(2))
    a, b = draw((3,), seed=first), draw((3,), seed=first)
    assert not np.array_equal(a, b)
    np.testing.assert_array_equal([draw((3,), seed=second) for _ in range(2)], [a, b])
    assert not np.array_equal(draw((3,)), draw((3,)))
    assert draw((2, 3), dtype="float64").dtype == np.float64


def test_bounds_and_moments():
    x = random.uniform((100_000,), -1, 3, seed=0)
    assert x.min() >= -1
    assert x.max() < 3
    assert x.mean() == pytest.approx(1, abs=0.02)
    x = random.normal((100_000,), 2, 3, seed=0)
    assert (x.mean(), x.std()) == pytest.approx((2, 3), abs=0.03)
    assert (random.dropout(np.ones(1000), 0.5, seed=0) == 0).mean() == pytest.approx(0.5, abs=0.1)


def test_runs_of_a_plan_equal_single_calls():
    generator, same = random.SeedGenerator(3), random.SeedGenerator(3)
    with Trace() as trace:
        drawn = [random.normal((2,), seed=generator) for _ in range(2)]
    plan = Plan([], drawn, trace.reads, trace.updates)
    wanted = [random.normal((2,), seed=same) for _ in range(4)]
    np.testing.assert_allclose([*map(to_host, [*plan(), *plan()])], wanted, rtol=1e-6)


def test_threads_get_different_seeds():
    class Slow(random.SeedGenerator):
        def read(self):
            seed = super().read().copy()
            time.sleep(0.01)
            return seed

    generator = Slow(3)
    with ThreadPoolExecutor(4) as pool:
        seeds = [int(seed[0]) for seed in pool.map(lambda _: generator.next(), range(8))]
    assert len(set(seeds)) == 8


def test_a_generator_belongs_to_its_layer():
    class Noise(layers.Layer):
        def __init__(self):
            super().__init__()
            self.generator = random.SeedGenerator(7)

        def call(self, x):
            return x + random.normal(ops.shape(x), seed=self.generator)

    model = Sequential([Input((2,)), Noise()])
    assert model.variables[0] is model.layers[0].generator
    assert model.weights == []
    drawn = [model.predict(np.zeros((1, 2)), verbose=0) for _ in range(2)]
    assert not np.array_equal(*drawn)


@pytest.mark.parametrize("is_first", [True, False])
def test_the_shared_seed_begins_with_set_random_seed(monkeypatch, is_first):
    found = []
    for _ in range(2):
        if is_first:
            monkeypatch.setattr(random, "_shared", [])
            assert random.shared_seed() is None
        utils.set_random_seed(4)
        found.append([random.normal((2,)), utils.random.generator().normal(size=2)])
    np.testing.assert_array_equal(*found)
    seed = random.shared_seed()
    following = random.normal((2,))
    random.set_shared_seed(seed)
    np.testing.assert_array_equal(random.normal((2,)), following)


@pytest.mark.parametrize(
    "draw",
    [
        lambda **k: random.randint((20,), 0, 100, **k),
        lambda **k: random.categorical(np.zeros((2, 50)), 20, **k),
        lambda **k: random.shuffle(np.arange(20), **k),
    ],
    ids=["randint", "categorical", "shuffle"],
)
def test_other_distributions_follow_their_seed(draw):
    np.testing.assert_array_equal(draw(seed=1), draw(seed=1))
    generator = random.SeedGenerator(1)
    np.testing.assert_array_equal(draw(seed=generator), draw(seed=1))
    assert not np.array_equal(draw(seed=generator), draw(seed=1))
    assert not np.array_equal(draw(), draw())
