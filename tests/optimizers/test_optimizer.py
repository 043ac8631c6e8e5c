"""Properties of all optimizers: state, clipping, and use in graphs."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from fastconv import layers, models, ops, optimizers
from fastconv.engine import Plan, Tensor, Trace, Variable, gradients

from .cases import OPTIMIZER_IDS
from .cases import OPTIMIZERS as ALL_OPTIMIZERS

OPTIMIZERS = {
    i: partial(getattr(optimizers, name), **{"learning_rate": 0.1, **arguments})
    for i, (name, arguments) in zip(OPTIMIZER_IDS, ALL_OPTIMIZERS)
    if not {"clipnorm", "clipvalue", "global_clipnorm", "use_ema"} & set(arguments)
}
# Optimizers whose step is a single kernel that changes nothing at a learning rate of 0.
FUSED = {i: make for i, make in OPTIMIZERS.items() if not i.startswith("Ftrl")}
fused_optimizer = pytest.mark.parametrize("make", FUSED.values(), ids=FUSED)
every_optimizer = pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)


def a_model():
    """Return two weights, and the function that computes the loss of both for inputs x."""
    w = Variable(np.array([[1, -2, 3], [0.5, 1, -1]], np.float32), name="w")
    b = Variable(np.ones(3, np.float32), name="b")
    x = np.array([[1, 2], [3, -1], [0, 1]], np.float32)
    return [w, b], lambda weights: ops.mean(ops.square(ops.matmul(x, weights[0]) + weights[1]))


def eager_step(optimizer, weights, loss):
    inputs = [Tensor.of(v.numpy()) for v in weights]
    y = loss(inputs)
    found = gradients(y, Tensor.of(np.ones((), np.float32)), inputs)
    optimizer.apply([g.numpy() for g in found], weights)


def traced_step(optimizer, weights, loss):
    with Trace() as trace:
        inputs = [trace.read(v) for v in weights]
        y = loss(inputs)
        optimizer.apply(gradients(y, Tensor.of(np.ones((), np.float32)), inputs), weights)
    return Plan([], [y], trace.reads, trace.updates)


@every_optimizer
@pytest.mark.parametrize("clip", [{}, {"clipnorm": 0.5}, {"clipvalue": 0.3}, {"global_clipnorm": 0.5}])
def test_graphs_agree_with_single_steps(make, clip):
    (weights, loss), (same, _) = a_model(), a_model()
    in_graph, by_steps = make(**clip), make(**clip)
    plan = traced_step(in_graph, weights, loss)
    for _ in range(3):
        plan()
        eager_step(by_steps, same, loss)
    for a, b in zip([*weights, *in_graph.variables], [*same, *by_steps.variables]):
        np.testing.assert_allclose(a.value, b.value, rtol=1e-5, atol=1e-7)
    assert int(in_graph.iterations.value) == 3


@fused_optimizer
def test_weights_and_their_state_are_written_in_place(make):
    weights, loss = a_model()
    optimizer = make()
    plan = traced_step(optimizer, weights, loss)
    slots = [slot for w in weights for slot in optimizer.state_of(w)]
    assert {*weights, *slots} <= set(plan.in_place.values())


@fused_optimizer
def test_a_new_learning_rate_takes_effect_in_a_running_plan(make):
    weights, loss = a_model()
    optimizer = make()
    plan = traced_step(optimizer, weights, loss)
    plan()
    optimizer.learning_rate = 0.0
    for slot in optimizer.variables[2:]:
        slot.assign(np.zeros(slot.shape, np.float32))
    before = [w.numpy() for w in weights]
    plan()
    assert all((w.value == b).all() for w, b in zip(weights, before))
    optimizer.learning_rate = 0.1
    plan()
    assert all((w.value != b).any() for w, b in zip(weights, before))


def test_the_learning_rate_is_a_scalar_variable():
    optimizer = optimizers.get("adam")
    assert float(optimizer.learning_rate) == pytest.approx(1e-3)
    optimizer.learning_rate = 0.25
    assert float(optimizer.learning_rate) == 0.25
    assert optimizer.learning_rate.dtype == np.float32
    assert optimizer.get_config()["learning_rate"] == 0.25


def test_variables_have_an_order_and_paths():
    weights, _ = a_model()
    weights[0].path = "dense/w"
    optimizer = optimizers.Adam()
    optimizer.build(weights)
    optimizer.build(weights)
    assert [v.path for v in optimizer.variables] == [
        "adam/iteration",
        "adam/learning_rate",
        "adam/dense_w_momentum",
        "adam/dense_w_velocity",
        "adam/b_momentum",
        "adam/b_velocity",
    ]
    assert not any(v.trainable for v in optimizer.variables)
    assert optimizer.iterations.dtype == np.int64


def test_descent_without_momentum_keeps_no_velocity():
    weights, _ = a_model()
    optimizer = optimizers.SGD()
    optimizer.build(weights)
    assert len(optimizer.variables) == 2


@every_optimizer
def test_state_has_the_dtype_of_its_weight(make):
    w = Variable(np.ones(3))
    optimizer = make()
    optimizer.apply([np.ones(3)], [w])
    assert w.dtype == np.float64
    assert all(slot.dtype == np.float64 for slot in optimizer.state_of(w))
    assert (w.value < 1).all()


def applied(grads, **clip):
    """Return the gradients after clipping: the change of zeros by descent with rate 1."""
    weights = [Variable(np.zeros(np.shape(g), np.float32)) for g in grads]
    optimizers.SGD(1.0, **clip).apply([np.asarray(g, np.float32) for g in grads], weights)
    return [-w.value for w in weights]


def test_clipvalue_bounds_each_element():
    (found,) = applied([[3.0, -0.5, -7.0]], clipvalue=1.0)
    assert found.tolist() == [1, -0.5, -1]


def test_clipnorm_bounds_the_norm_of_each_gradient():
    large, small, zero = applied([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]], clipnorm=1.0)
    np.testing.assert_allclose(large, [0.6, 0.8], rtol=1e-6)
    np.testing.assert_allclose(small, [0.3, 0.4], rtol=1e-6)
    assert zero.tolist() == [0, 0]


def test_global_clipnorm_bounds_the_norm_of_all_gradients():
    first, second = applied([[3.0], [4.0]], global_clipnorm=1.0)
    np.testing.assert_allclose([*first, *second], [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize(
    "limits", [{"clipnorm": 1.0, "clipvalue": 1.0}, {"clipnorm": 0.0}, {"clipvalue": -1.0}, {"global_clipnorm": 0}]
)
def test_only_a_single_positive_clip_argument(limits):
    with pytest.raises(ValueError, match=r"at most one of|must be a finite number above 0\. Received: (clip|global)"):
        optimizers.Adam(**limits)


def test_a_weight_without_gradient_stays():
    w, v = Variable(np.ones(2, np.float32), name="w"), Variable(np.ones(2, np.float32), name="v")
    optimizer = optimizers.SGD(1.0)
    with pytest.warns(UserWarning, match="the loss does not depend on v"):
        optimizer.apply([np.ones(2, np.float32), None], [w, v])
    assert w.value.tolist() == [0, 0]
    assert v.value.tolist() == [1, 1]


def test_gradients_must_fit():
    w = Variable(np.ones(2, np.float32))
    optimizer = optimizers.SGD()
    with pytest.raises(ValueError, match="gradient of its shape"):
        optimizer.apply([np.ones(3, np.float32)], [w])
    with pytest.raises(ValueError, match="gradient of its shape"):
        optimizer.apply([], [w])
    with pytest.raises(ValueError, match="must depend on a variable"):
        optimizer.apply([None], [w])


def test_apply_without_variables_uses_those_of_build():
    w = Variable(np.ones(2, np.float32))
    optimizer = optimizers.SGD(1.0)
    optimizer.build([w])
    optimizer.apply([np.ones(2, np.float32)])
    assert w.value.tolist() == [0, 0]


@pytest.mark.parametrize("rate", [-1, float("nan"), float("inf"), "0.1", None, [0.1]])
def test_the_learning_rate_is_finite_and_not_negative(rate):
    optimizer = optimizers.SGD(0.25)
    with pytest.raises(ValueError, match="learning_rate must be"):
        optimizer.learning_rate = rate
    assert float(optimizer.learning_rate) == 0.25
    with pytest.raises(ValueError, match="learning_rate must be"):
        optimizers.SGD(rate)
    assert float(optimizers.SGD(0).learning_rate) == 0


@pytest.mark.parametrize(("name", "arguments"), ALL_OPTIMIZERS, ids=OPTIMIZER_IDS)
def test_configuration_round_trip(name, arguments):
    optimizer = getattr(optimizers, name)(**arguments)
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert type(again) is type(optimizer)
    assert again.get_config() == optimizer.get_config()
    assert {key: again.get_config()[key] for key in arguments} == pytest.approx(arguments)


def test_every_optimizer_is_in_the_table():
    classes = {name for name in optimizers.__all__ if isinstance(getattr(optimizers, name), type)}
    assert classes == {name for name, _ in ALL_OPTIMIZERS} | {"Optimizer"}


def test_weight_decay_skips_excluded_variables():
    names = ("dense/kernel", "dense/bias", "norm/gamma")
    weights = [Variable(np.ones(2, np.float32)) for _ in names]
    for weight, name in zip(weights, names):
        weight.path = name
    optimizer = optimizers.SGD(0.5, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_list=[weights[2]], var_names=["bias"])
    optimizer.apply([np.zeros(2, np.float32)] * 3, weights)
    np.testing.assert_allclose([w.value[0] for w in weights], [0.95, 1, 1])


def test_averages_replace_the_weights_at_the_end_of_training():
    model = models.Sequential([layers.Input((2,)), layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), "mse")
    x, y = np.ones((1, 2), "float32"), np.zeros((1, 1), "float32")
    w = mean = np.ones(2)
    for step in range(3):
        w = w - 0.1 * 2 * w.sum() * x[0]
        mean = w if step == 0 else 0.5 * mean + 0.5 * w
    model.fit(x, y, epochs=3, verbose=0)
    np.testing.assert_allclose(model.layers[0].kernel.numpy()[:, 0], mean, rtol=1e-5)


def test_common_arguments_may_be_positional():
    sgd = optimizers.SGD(0.1, 0.9, True, 0.01, None, 1.5, None, False, 0.5, None, None, None, "mine")
    assert (sgd.momentum, sgd.nesterov, sgd.weight_decay, sgd.clipvalue, sgd.name) == (0.9, True, 0.01, 1.5, "mine")
    adamw = optimizers.AdamW(0.1, 0.02, 0.8, 0.9, 1e-3, True, 2.0)
    assert (adamw.weight_decay, adamw.beta_1, adamw.amsgrad, adamw.clipnorm) == (0.02, 0.8, True, 2.0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'rate'"):
        optimizers.Adam(rate=1.0)


def test_arguments_have_the_names_of_keras():
    w = Variable(np.ones(2, np.float32), name="w")
    sgd = optimizers.SGD(0.5, use_ema=True, ema_momentum=0.0)
    sgd.apply(grads=[np.ones(2, np.float32)], trainable_variables=[w])
    np.testing.assert_array_equal(w.value, [0.5, 0.5])
    w.assign([3.0, 3.0])
    sgd.finalize_variable_values(var_list=[w])
    np.testing.assert_array_equal(w.value, [0.5, 0.5])


def test_a_variable_of_a_custom_optimizer():
    optimizer = optimizers.SGD()
    total = optimizer.add_variable((2,), "ones", "float64", "sum", None, "total")
    assert (total.path, total.dtype, total.aggregation) == ("sgd/total", np.float64, "sum")
    assert optimizer.add_variable(shape=()).name == "variable"
    assert optimizer.variables[-2] is total


def test_the_base_class_needs_a_learning_rate():
    with pytest.raises(TypeError, match="learning_rate"):
        optimizers.Optimizer()
    assert float(optimizers.Optimizer(0.25).learning_rate) == 0.25


def test_a_custom_optimizer_keeps_its_arguments():
    class Fixed(optimizers.Optimizer):
        def __init__(self, **further):
            super().__init__(learning_rate=0.5, **further)

    assert float(Fixed(name="mine").learning_rate) == 0.5
