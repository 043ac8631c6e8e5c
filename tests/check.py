"""A single call that checks a differentiable function against every property that ops promise."""

from __future__ import annotations

import numpy as np

from fastconv import ops
from fastconv.backends.gpu.transfer import to_host
from fastconv.device import get_device
from fastconv.engine import Plan, Trace, value_and_grad
from fastconv.engine.plan import evaluate
from fastconv.engine.tree import leaves

STEP = 1e-5

# NumPy 1 promotes by value: zero-dimensional arrays with Python floats become float64.
NUMPY_2 = np.lib.NumpyVersion(np.__version__) >= "2.0.0"


def check_op(f, *arrays, oracle=None, second=True, same_bits=True):
    """Check `f`, a function of arrays written with ops, at `arrays`, whose floats are float64.

    - `f` returns the values and dtypes of `oracle`, and nearly so in float32.
    - A trace of `f` gives the shapes and dtypes of its results, and its evaluation gives the same bits. So does its
      plan if `same_bits`; otherwise fused kernels may round once where single calls round twice.
    - Directional derivatives of `f`, and of its gradient if `second`, match differences of two values.
    """
    if oracle is not None:
        check_values(f, arrays, oracle)
    check_graph(f, arrays, same_bits)
    check_graph(f, in_float32(arrays), same_bits)
    if any(is_float(a) for a in arrays) and any(is_float(np.asarray(y)) for y in leaves(f(*arrays))):
        check_gradient(f, arrays)
        check_gradient_in_float32(f, arrays)
        if second:
            check_gradient(gradient_of(f, arrays), arrays)


def is_float(a):
    return a.dtype.kind == "f"


def in_float32(arrays):
    return [a.astype(np.float32) if is_float(a) else a for a in arrays]


def check_values(f, arrays, oracle):
    found, expected = leaves(f(*arrays)), [np.asarray(y) for y in leaves(oracle(*arrays))]
    assert [y.dtype for y in map(np.asarray, found)] == [y.dtype for y in expected]
    found32 = leaves(f(*in_float32(arrays)))
    for y, y32, wanted in zip(found, found32, expected, strict=True):
        assert np.shape(y) == wanted.shape
        np.testing.assert_allclose(y, wanted, rtol=1e-12, atol=1e-13)
        lowered = is_float(wanted) and any(is_float(a) for a in arrays)
        assert np.asarray(y32).dtype == (np.float32 if lowered else wanted.dtype)
        np.testing.assert_allclose(y32, wanted, rtol=1e-5, atol=1e-5)


def check_graph(f, arrays, same_bits=True):
    eager = [np.asarray(y) for y in leaves(f(*arrays))]
    with Trace() as trace:
        inputs = [trace.input(a) for a in arrays]
        outputs = leaves(f(*inputs))
    assert [(tuple(t.shape), t.dtype) for t in outputs] == [(y.shape, y.dtype) for y in eager]
    plan = Plan(inputs, outputs)
    rounding = 1e-6 if get_device() == "cpu" else 1e-5  # a GPU rounds differently
    same_bits = same_bits and get_device() == "cpu"
    compare = np.testing.assert_array_equal if same_bits else np.testing.assert_allclose
    tolerance = {} if same_bits else {"rtol": rounding, "atol": rounding}
    evaluated = evaluate(outputs, dict(zip(inputs, arrays)))
    first, second = (map(to_host, plan(*arrays)) for _ in range(2))
    for y, once, again, wanted in zip(evaluated, first, second, eager, strict=True):
        np.testing.assert_array_equal(y, wanted, strict=True)
        assert (once.shape, once.dtype) == (wanted.shape, wanted.dtype)
        compare(once, wanted, **tolerance)
        np.testing.assert_array_equal(again, once, strict=True)


def gradient_of(f, arrays):
    """Return a function that computes the gradient of <c, f(x)>, for fixed random c, by all floats of `arrays`."""
    rng = np.random.default_rng(1)
    cotangents = [rng.standard_normal(np.shape(y)) for y in leaves(f(*arrays))]
    argnums = [i for i, a in enumerate(arrays) if is_float(a)]

    def inner_product(*args):
        total = 0.0
        for y, c in zip(leaves(f(*args)), cotangents):
            if is_float(y):
                total = total + ops.sum(y * ops.cast(c, y.dtype))
        return total

    return lambda *args: value_and_grad(inner_product, argnums)(*args)[1]


def check_gradient(f, arrays):
    """Check <c, f(x + h v) - f(x - h v)> / 2h = <gradient of <c, f(x)>, v> for random c and v."""
    rng = np.random.default_rng(2)
    found = gradient_of(f, arrays)(*arrays)
    directions = [rng.standard_normal(a.shape) if is_float(a) else None for a in arrays]
    ahead, back = (
        leaves(f(*(a if v is None else a + h * v for a, v in zip(arrays, directions)))) for h in (STEP, -STEP)
    )
    rng = np.random.default_rng(1)
    cotangents = [rng.standard_normal(np.shape(y)) for y in ahead]
    floats = [(a, b, c) for a, b, c in zip(ahead, back, cotangents) if is_float(a)]
    slope = sum(np.sum((a - b) * c) for a, b, c in floats) / (2 * STEP)
    terms = [np.sum(d * v) for d, v in zip(found, (v for v in directions if v is not None), strict=True)]
    scale = sum(np.sum(np.abs((a - b) * c)) for a, b, c in floats) / (2 * STEP) + sum(abs(t) for t in terms)
    assert abs(slope - sum(terms)) <= 1e-7 * scale + 1e-9, (slope, sum(terms))


def check_gradient_in_float32(f, arrays):
    """Compare the float32 kernels with the plain array code of float64."""
    wanted, found = gradient_of(f, arrays)(*arrays), gradient_of(f, arrays)(*in_float32(arrays))
    for d, d32 in zip(wanted, found, strict=True):
        assert d32.dtype == np.float32
        np.testing.assert_allclose(d32, d, rtol=1e-4, atol=1e-4 * (np.max(np.abs(d), initial=0) + 1e-30))


def example(*shape, seed=0, low=-1.5, high=1.5):
    """Return evenly spaced numbers in random order, away from integers and from each other: far from kinks and ties."""
    size = int(np.prod(shape))
    grid = np.linspace(low, high, size + 1)[:-1] + 0.37 * (high - low) / max(size, 1)
    return np.random.default_rng(seed).permutation(grid).reshape(shape)
