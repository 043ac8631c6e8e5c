"""Reverse walk: fan-out, structures, control flow, derivatives of derivatives, errors."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fastconv import ops
from fastconv.engine import DataDependentError, Plan, Tensor, Trace, Variable, grad, gradients, value_and_grad
from tests.check import check_op, example

X, Y = example(3, 4), example(3, 4, seed=1, low=-1.4)


# ---- results ---------------------------------------------------------------------------------------------------------


def test_value_and_gradient_of_a_number():
    value, slope = value_and_grad(lambda x: x * x + 2 * x)(3.0)
    assert (value, slope) == (15.0, 8.0)
    assert isinstance(slope, np.float64)


def test_arrays_keep_their_dtype():
    for dtype in (np.float32, np.float64):
        value, d = value_and_grad(lambda x: ops.sum(x * x))(X.astype(dtype))
        assert (value.dtype, d.dtype) == (dtype, dtype)
        np.testing.assert_array_equal(d, 2 * X.astype(dtype))


def test_several_arguments():
    assert grad(lambda x, y: x * y * y, argnums=(0, 1))(2.0, 3.0) == (9.0, 12.0)
    assert grad(lambda x, y: x * y * y, argnums=1)(2.0, 3.0) == 12.0
    assert grad(lambda x, *, k: x * k)(2.0, k=5.0) == 5.0


def test_nested_structures():
    tree = {"w": [X, (Y, 2.0)], "empty": [], "none": None}
    d = grad(lambda t: ops.sum(t["w"][0] * t["w"][1][0]) * t["w"][1][1])(tree)
    np.testing.assert_array_equal(d["w"][0], Y * 2)
    np.testing.assert_array_equal(d["w"][1][0], X * 2)
    np.testing.assert_allclose(d["w"][1][1], np.sum(X * Y))
    assert isinstance(d["w"][1], tuple)
    assert (d["empty"], d["none"]) == ([], None)


def test_auxiliary_results_are_arrays():
    (value, aux), d = value_and_grad(lambda x: (ops.sum(x), {"y": ops.exp(x), "n": 3}), has_aux=True)(X)
    assert value == pytest.approx(X.sum())
    assert isinstance(aux["y"], np.ndarray)
    np.testing.assert_array_equal(aux["y"], np.exp(X))
    assert aux["n"] == 3
    np.testing.assert_array_equal(d, np.ones_like(X))


def test_unused_and_untouched_inputs_have_zero_gradient():
    dx, dy = grad(lambda x, y: ops.sum(x), argnums=(0, 1))(X, Y)
    np.testing.assert_array_equal(dx, np.ones_like(X))
    np.testing.assert_array_equal(dy, np.zeros_like(Y))
    assert grad(lambda x: ops.argmax(x) * 1.0)(X).sum() == 0


def test_the_result_may_be_an_input():
    assert value_and_grad(lambda x: x)(4.0) == (4.0, 1.0)


def test_gradients_are_writable():
    a, b = grad(lambda a, b: ops.sum(a + b) + ops.sum(ops.reshape(b, (12,))), argnums=(0, 1))(X, Y)
    c = grad(ops.sum)(X)
    for d in (a, b, c):
        d += 1
    np.testing.assert_array_equal(a, np.full_like(X, 2))
    np.testing.assert_array_equal(b, np.full_like(X, 3))


def test_inputs_are_not_changed():
    x, y = X.copy(), Y.copy()
    grad(lambda x, y: ops.sum(ops.relu(x + y) * x), argnums=(0, 1))(x, y)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)


# ---- graphs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: x * x * y + x,
        lambda x, y: (lambda s: s * s + ops.tanh(s))(x + y),
        lambda x, y: ops.matmul(x, ops.transpose(x)) * ops.sum(y),
        lambda x, y: ops.concatenate([x, y, x * y], axis=1),
        lambda x, y: ops.stack([x[1:], y[:-1], x[:2]], axis=-1),
        lambda x, y: ops.concatenate([part * (i + 1) for i, part in enumerate(ops.split(x, 2, -1))]) * y[0, 0],
        lambda x, y: ops.softmax(x @ ops.transpose(y)) @ y,
        lambda x, y: [ops.exp(x), ops.sum(x * y), x[0]],
        lambda x, y: ops.where(x > y, x * y, ops.sin(y)),
    ],
)
def test_fan_out_and_composition(f):
    check_op(f, X, Y)


def test_each_node_is_visited_once():
    """Twenty doublings: a walk that visited every path would take a million steps."""

    def f(x):
        for _ in range(20):
            x = x + x
        return x

    assert grad(f)(1.0) == 2.0**20


def test_a_long_chain_needs_no_deep_stack():
    def f(x):
        for _ in range(3000):
            x = x + 1.0
        return x

    assert grad(f)(1.0) == 1.0


def test_python_control_flow_sees_values():
    def f(x):
        y = x
        while ops.sum(y) < 100:
            y = y * 2.0
        return ops.sum(y) if y[0] > 0 else -ops.sum(y) * float(len(y))

    np.testing.assert_array_equal(grad(f)(np.array([1.0, 2.0])), [64.0, 64.0])
    np.testing.assert_array_equal(grad(f)(np.array([-1.0, 2.0])), [-256.0, -256.0])


def test_stop_gradient():
    assert grad(lambda x: x * ops.stop_gradient(x))(3.0) == 3.0


def test_integers_stop_gradients():
    np.testing.assert_array_equal(
        grad(lambda x: ops.sum(x * ops.cast(ops.cast(x, "int64"), "float64")))(X), np.trunc(X)
    )


def test_only_requested_gradients_are_computed(monkeypatch):
    """The gradient of x needs no gradient of the other factor."""
    from fastconv.backends.cpu.backend import Cpu

    monkeypatch.setattr(Cpu, "conv_backward_kernel", None)
    w = example(2, 2, 1, 1)
    d = grad(lambda x: ops.sum(ops.conv(x, w)))(example(1, 3, 3, 1))
    np.testing.assert_allclose(d[0, 1, 1, 0], w.sum())


# ---- derivatives of derivatives --------------------------------------------------------------------------------------


def test_second_and_third_derivatives():
    cube = lambda x: x * x * x  # noqa: E731
    assert grad(grad(cube))(2.0) == 12.0
    assert grad(grad(grad(cube)))(2.0) == 6.0


def test_an_inner_function_may_use_outer_variables():
    assert grad(lambda x: grad(lambda y: x * y)(2.0))(3.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * x * y)(1.0))(3.0) == 27.0


def test_inner_and_outer_variables_of_equal_value_are_distinct():
    """d/dx of (d/dy of x y y at y = x) = d/dx of 2 x x: the inner derivative holds x fixed."""
    assert grad(lambda x: grad(lambda y: x * y * y)(x))(3.0) == 12.0
    assert grad(lambda x: ops.add(*grad(lambda a, b: a * b * b, argnums=(0, 1))(x, x)))(3.0) == 6.0 + 12.0


def test_a_penalty_on_a_gradient():
    def penalty(w):
        d = grad(lambda x: ops.sum(ops.tanh(x @ w)))(X)
        return ops.sum(d * d)

    w, v, h = example(4, 2), example(4, 2, seed=3), 1e-5
    slope = (penalty(w + h * v) - penalty(w - h * v)) / (2 * h)
    np.testing.assert_allclose(np.sum(grad(penalty)(w) * v), slope, rtol=1e-7)


def test_a_missing_second_derivative_is_an_error():
    f = lambda x: ops.sum(ops.max_pool(x, 2) * 2.0)  # noqa: E731
    with pytest.raises(NotImplementedError, match=r"^extreme_pool_backward has no gradient"):
        grad(lambda x: ops.sum(grad(f)(x) * x))(example(1, 2, 2, 1))


# ---- within traces, variables, threads -------------------------------------------------------------------------------


def test_gradients_are_part_of_a_trace():
    w = Variable(example(4, 2))
    with Trace() as trace:
        x = trace.input(X)
        loss = ops.sum(ops.tanh(x @ w))
        (dw,) = gradients(loss, Tensor.of(np.ones(())), [trace.read(w)])
        inner = grad(lambda v: ops.sum(ops.tanh(x @ v)))(w)
    wanted = X.T @ (1 - np.tanh(X @ w.value) ** 2)
    for d in Plan([x], [dw, inner], trace.reads)(X):
        np.testing.assert_allclose(d, wanted)


def test_no_dependence_is_none():
    with Trace() as trace:
        x, y = trace.input(X), trace.input(Y)
        loss = ops.sum(x)
    assert gradients(loss, Tensor.of(np.ones(())), [y]) == [None]


def test_a_variable_is_an_argument_like_an_array():
    v = Variable(X)
    np.testing.assert_array_equal(grad(lambda x: ops.sum(x * x))(v), 2 * X)


def test_values_are_not_known_in_a_trace():
    with Trace() as trace, pytest.raises(DataDependentError, match="run_eagerly=True"):
        bool(ops.sum(trace.input(X)) > 0)


def test_threads_differentiate_independently():
    with ThreadPoolExecutor(4) as pool:
        slopes = list(pool.map(grad(lambda x: x * grad(lambda y: y * y * x)(x)), np.arange(1.0, 50.0)))
    np.testing.assert_allclose(slopes, 6 * np.arange(1.0, 50.0) ** 2)


# ---- errors ----------------------------------------------------------------------------------------------------------


def test_only_scalars_have_a_gradient():
    with pytest.raises(ValueError, match=r"^value_and_grad: the function must return a scalar\. Received: "):
        grad(lambda x: x)(X)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: 1.0,
        lambda x: None,
        lambda x: (ops.sum(x), x),
        lambda x: float(ops.sum(x * x)),
        lambda x: math.sqrt(ops.sum(x * x)),
        lambda x: np.mean((x * x).numpy()),
        lambda x: ops.sum(x.numpy()),
        lambda x: Variable(np.ones(())),
    ],
)
def test_a_result_without_a_graph_has_no_gradient(f):
    with pytest.raises(ValueError, match=r"^value_and_grad: .* fastconv\.ops .* Received: a result of type "):
        grad(f)(X)
    with pytest.raises(ValueError, match="lose the gradient"):
        grad(lambda x: x * grad(f)(x))(2.0)


@pytest.mark.parametrize("argnums", [2, -3, (0, 2)])
def test_argnums_are_positions_of_arguments(argnums):
    with pytest.raises(
        ValueError, match=r"argnums must be positions of arguments\. Received: argnums=.*, 2 positional"
    ):
        grad(lambda x, y: x * y, argnums=argnums)(1.0, 2.0)


def test_argnums_may_count_from_the_end():
    assert grad(lambda x, y: x * y, argnums=-1)(2.0, 3.0) == 2.0


def test_python_integers_become_floats():
    value, slope = value_and_grad(lambda x: x * x)(3)
    assert (value, slope) == (9.0, 6.0)
    assert isinstance(slope, np.float64)


@pytest.mark.parametrize("x", [np.arange(3), np.array([True]), Tensor.of(np.arange(3))])
def test_only_floats_have_gradients(x):
    with pytest.raises(
        TypeError, match=r"^grad: only floats can be differentiated by; cast with .*\. Received: dtype="
    ):
        grad(ops.sum)(x)


def test_numpy_refuses_tensors_rather_than_lose_their_gradient():
    with pytest.raises(TypeError):
        grad(lambda x: ops.sum(np.exp(x)))(X)
    for f in (np.mean, np.asarray, lambda x: np.concatenate([x, x])):
        with pytest.raises(TypeError, match=r"^NumPy functions take .* use fastconv\.ops, or tensor\.numpy\(\)"):
            grad(lambda x: ops.sum(f(x * x)))(X)  # noqa: B023
    with pytest.raises(TypeError, match=r"^convert_to_tensor: lists of tensors are joined by ops\.stack\."):
        grad(lambda x: ops.sum([x, x]))(2.0)
