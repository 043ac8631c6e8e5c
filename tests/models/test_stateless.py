"""Layers, metrics, optimizers and losses as functions of their state."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import GradientTape, Input, Sequential, layers, losses, metrics, ops, optimizers

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)).astype("float32"), RNG.normal(size=(12, 2)).astype("float32")


def a_model(*more, **how):
    dense = layers.Dense(2, kernel_regularizer="l2", activity_regularizer="l1")
    model = Sequential([Input((3,)), *more, dense])
    model.compile(optimizers.Adam(0.1), "mse", metrics=["mae"], **how)
    return model


def values(variables):
    return [v.numpy() for v in variables]


def assert_equal(found, wanted):
    assert len(found) == len(wanted)
    for a, b in zip(found, wanted):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("training", [False, True])
def test_a_call_returns_the_values_to_assign(training):
    model = a_model(layers.BatchNormalization(), layers.Dropout(0.5))
    before = values(model.variables)
    outputs, others, penalties = model.stateless_call(
        values(model.trainable_variables),
        values(model.non_trainable_variables),
        X,
        training=training,
        return_losses=True,
    )
    assert_equal(values(model.variables), before)
    wanted = model(X, training=training)
    np.testing.assert_allclose(outputs, wanted, rtol=1e-6)
    assert_equal(others, values(model.non_trainable_variables))
    assert_equal(penalties, [np.asarray(loss) for loss in model.losses])
    assert all(isinstance(array, np.ndarray) for array in [outputs, *others])


def test_a_call_with_other_values():
    dense = layers.Dense(2)
    dense.build((None, 3))
    outputs, others = dense.stateless_call([np.ones((3, 2), "float32"), np.array([1.0, 2.0])], [], X)
    np.testing.assert_allclose(outputs, X.sum(1, keepdims=True) + np.array([1.0, 2.0]), rtol=1e-5)
    assert others == []


def test_gradients_reach_given_values():
    dense = layers.Dense(2)
    dense.build((None, 3))
    with GradientTape() as tape:
        weights = tape.watch([np.ones((3, 2), "float32"), np.zeros(2, "float32")])
        outputs, _ = dense.stateless_call(weights, [], X)
        loss = ops.sum(outputs * Y)
    dw, db = tape.gradient(loss, weights)
    np.testing.assert_allclose(dw, X.T @ Y, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(db, Y.sum(0), rtol=1e-4, atol=1e-5)


class OfFunctions(Sequential):
    """Trains by stateless functions, and assigns the results at the end."""

    def train_step(self, data):
        x, y = data
        trained, others = values_read(self.trainable_variables), values_read(self.non_trainable_variables)
        with GradientTape() as tape:
            trained = tape.watch(trained)
            y_pred, others = self.stateless_call(trained, others, x, training=True)
            loss = ops.mean(ops.square(y_pred - y))
        grads = tape.gradient(loss, trained)
        own = values_read(self.optimizer.variables)
        trained, own = self.optimizer.stateless_apply(own, grads, trained)
        variables = [*self.trainable_variables, *self.non_trainable_variables, *self.optimizer.variables]
        for variable, value in zip(variables, [*trained, *others, *own]):
            variable.assign(value)
        return {"loss": loss}


def values_read(variables):
    return [v.read() for v in variables]


@pytest.mark.parametrize("eager", [False, True])
def test_a_train_step_of_stateless_functions(eager):
    def a_net(kind):
        model = kind([Input((3,)), layers.BatchNormalization(), layers.Dense(2, kernel_initializer="ones")])
        model.compile(optimizers.Adam(0.1), "mse", run_eagerly=eager)
        model.optimizer.build(model.trainable_variables)
        return model

    model, plain = a_net(OfFunctions), a_net(Sequential)
    for each in (model, plain):
        each.fit(X, Y, epochs=3, batch_size=4, shuffle=False, verbose=0)
    for a, b in zip(values(model.variables), values(plain.variables)):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert_equal(values(model.optimizer.variables), values(plain.optimizer.variables))


def test_missing_arguments_of_a_call():
    dense = layers.Dense(2)
    with pytest.raises(ValueError, match="must be built before stateless_call"):
        dense.stateless_call([], [], X)
    dense.build((None, 3))
    with pytest.raises(ValueError, match="trainable_variables must hold a value for each of"):
        dense.stateless_call([np.ones((3, 2))], [], X)
    with pytest.raises(ValueError, match="non_trainable_variables must hold a value for each of"):
        dense.stateless_call(values(dense.variables), [np.ones(3)], X)
    with pytest.raises(ValueError, match="of its shape"):
        dense.stateless_call([np.ones((2, 3)), np.ones(2)], [], X)


METRICS = {
    "Mean": (lambda: metrics.Mean(), (X,), {"sample_weight": np.arange(12.0)}),
    "Accuracy": (lambda: metrics.BinaryAccuracy(), (Y > 0, Y), {}),
    "AUC": (lambda: metrics.AUC(), (Y[:, 0] > 0, 1 / (1 + np.exp(-Y[:, 0]))), {}),
    "F1Score": (lambda: metrics.F1Score(), ((Y > 0).astype("float32"), Y), {}),
    "MeanIoU": (lambda: metrics.MeanIoU(2), (Y > 0, X[:, :2] > 0), {}),
}


@pytest.mark.parametrize("case", METRICS.values(), ids=list(METRICS))
def test_metrics_as_functions(case):
    make, args, kwargs = case
    metric, twin = make(), make()
    if not metric.variables:
        metric.update_state(*args, **kwargs)
        metric.reset_state()
    state = metric.stateless_reset_state()
    for _ in range(2):
        state = metric.stateless_update_state(state, *args, **kwargs)
        twin.update_state(*args, **kwargs)
    assert not any(v.numpy().any() for v in metric.variables)
    assert_equal(state, values(twin.variables))
    np.testing.assert_allclose(metric.stateless_result(state), twin.result(), rtol=1e-6)
    metric.update_state(*args, **kwargs)
    assert not any(np.any(array) for array in metric.stateless_reset_state())
    with pytest.raises(ValueError, match="metric_variables must hold a value for each of"):
        metric.stateless_result([*state, np.zeros(3)])


OPTIMIZERS = {
    "SGD": lambda: optimizers.SGD(0.1, momentum=0.9),
    "Adam": lambda: optimizers.Adam(0.1),
    "RMSprop": lambda: optimizers.RMSprop(0.1, centered=True),
    "Nadam": lambda: optimizers.Nadam(0.1, clipnorm=1.0),
    "averages": lambda: optimizers.AdamW(0.1, use_ema=True, ema_overwrite_frequency=2),
    "accumulation": lambda: optimizers.Adam(0.1, gradient_accumulation_steps=2),
    "schedule": lambda: optimizers.Adam(optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)),
}


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=list(OPTIMIZERS))
def test_optimizers_as_functions(make):
    def built():
        optimizer, dense = make(), layers.Dense(2, kernel_initializer="ones")
        dense.build((None, 3))
        optimizer.build(dense.trainable_variables)
        return optimizer, dense.trainable_variables

    optimizer, variables = built()
    twin, twins = built()
    weights, own = values(variables), values(optimizer.variables)
    before = [w.copy() for w in (*weights, *own)]
    for _ in range(4):
        grads = [RNG.normal(size=v.shape).astype("float32") for v in variables]
        weights, own = optimizer.stateless_apply(own, grads, weights)
        twin.apply(grads, twins)
    assert_equal(values([*variables, *optimizer.variables]), before)
    assert_equal(weights, values(twins))
    assert_equal(own, values(twin.variables))
    optimizer.set_weights(own)
    assert_equal(values(optimizer.variables), own)
    store = {}
    optimizer.save_own_variables(store)
    twin.set_weights(before[len(weights) :])
    twin.load_own_variables(store)
    assert_equal(values(twin.variables), own)


def test_state_that_does_not_fit_an_optimizer():
    optimizer = optimizers.Adam()
    for use in (lambda: optimizer.stateless_apply([], [], []), lambda: optimizer.set_weights([])):
        with pytest.raises(ValueError, match=r"build\(variables\) must be called before"):
            use()
    dense = layers.Dense(2)
    dense.build((None, 3))
    optimizer.build(dense.trainable_variables)
    own = values(optimizer.variables)
    with pytest.raises(ValueError, match="weights must hold a value for each of"):
        optimizer.set_weights(own[1:])
    with pytest.raises(ValueError, match="optimizer_variables must hold"):
        optimizer.stateless_apply(own[1:], own[2:4], values(dense.trainable_variables))
    with pytest.warns(UserWarning, match="state of the optimizer is not read"):
        optimizer.load_own_variables({"0": np.zeros(())})


class OwnLoss(Sequential):
    def compute_loss(self, x, y, y_pred, sample_weight=None):
        return losses.MeanSquaredError()(y, y_pred, sample_weight) + ops.sum(self.trainable_variables[0]) * ops.mean(x)


@pytest.mark.parametrize("kind", [Sequential, OwnLoss])
def test_the_loss_as_a_function(kind):
    model = kind([Input((3,)), layers.Dense(2, kernel_regularizer="l2")])
    model.compile("sgd", "mse")
    y_pred = RNG.normal(size=(12, 2)).astype("float32")
    weights = [np.full((3, 2), 0.5, "float32"), np.zeros(2, "float32")]
    metric_values = values(model.metrics_variables)
    loss, (trained, others, after) = model.stateless_compute_loss(
        weights, [], metric_values, X, Y, y_pred, sample_weight=np.full(12, 2.0, "float32")
    )
    wanted = 2 * np.mean((Y - y_pred) ** 2) + (0.01 * 6 * 0.25 if kind is Sequential else 3 * X.mean())
    assert float(loss) == pytest.approx(float(wanted), rel=1e-5)
    assert_equal(trained, weights)
    assert others == []
    assert_equal(after, metric_values)
