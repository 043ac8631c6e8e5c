"""Custom losses give the same results for targets of every dtype, and class indices stay exact."""

from __future__ import annotations

import numpy as np
import pytest

import fastconv
from fastconv import Input, Sequential, layers, losses, ops
from fastconv.backends.gpu.transfer import to_host
from fastconv.engine import Plan, Tensor, Trace

X = np.random.default_rng(0).random((16, 4), dtype="float32")
BITS = np.random.default_rng(1).integers(0, 2, (16, 1))
CLASSES = np.random.default_rng(2).integers(0, 3, 16)
DTYPES = ["bool", "uint8", "int8", "uint16", "int32", "uint64", "int64", "float16", "float32", "float64"]
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def cross_entropy(t, p):
    return ops.mean(-t * ops.log(p) - (1 - t) * ops.log(1 - p), -1)


class CrossEntropy(losses.Loss):
    def call(self, y_true, y_pred):
        return cross_entropy(y_true, y_pred)


def of_classes(y_true, y_pred):
    y_true = ops.reshape(y_true, (-1,))
    weights = ops.take(np.array([1, 2, 3], "float32"), y_true)
    return -weights * ops.sum(ops.one_hot(y_true, 3) * ops.log(y_pred), -1)


def expected_cross_entropy(p):
    t, p = BITS, np.asarray(p, "float64")
    return (-t * np.log(p) - (1 - t) * np.log(1 - p)).mean()


def expected_of_classes(p):
    p = np.asarray(p, "float64")
    return (-(CLASSES + 1) * np.log(p[range(16), CLASSES])).mean()


def net(outputs, activation, loss, **how):
    fastconv.utils.set_random_seed(0)
    model = Sequential([Input((4,)), layers.Dense(outputs, activation)])
    model.compile("sgd", loss, **how)
    return model


@each_dtype
@pytest.mark.parametrize("loss", [cross_entropy, CrossEntropy(), losses.LossFunctionWrapper(cross_entropy)])
def test_a_single_call(dtype, loss):
    p = np.random.default_rng(3).uniform(0.1, 0.9, (16, 1)).astype("float32")
    found = losses.get(loss)(BITS.astype(dtype), p)
    assert found.dtype == np.float32
    assert float(found) == pytest.approx(expected_cross_entropy(p), rel=1e-5)


@each_dtype
@pytest.mark.parametrize("eagerly", [False, True])
@pytest.mark.parametrize(
    ("loss", "y", "outputs", "expected"),
    [
        (cross_entropy, BITS, 1, expected_cross_entropy),
        (CrossEntropy(), BITS, 1, expected_cross_entropy),
        (of_classes, CLASSES, 3, expected_of_classes),
        (of_classes, CLASSES[:, None], 3, expected_of_classes),
    ],
)
def test_training(dtype, eagerly, loss, y, outputs, expected):
    if dtype == "bool" and outputs == 3:
        return
    model = net(outputs, "sigmoid" if outputs == 1 else "softmax", loss, run_eagerly=eagerly)
    before = expected(model.predict(X, verbose=0))
    y = y.astype(dtype)
    assert model.evaluate(X, y, verbose=0) == pytest.approx(before, rel=1e-5)
    assert model.train_on_batch(X, y) == pytest.approx(before, rel=1e-5)
    history = model.fit(X, y, epochs=1, verbose=0).history
    assert history["loss"][0] < before


@each_dtype
def test_a_custom_training_step(dtype):
    class Own(fastconv.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1, "sigmoid")
            self.entropy = CrossEntropy()

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            x, y = data
            with fastconv.GradientTape() as tape:
                loss = self.entropy(y, self(x, training=True))
            self.optimizer.apply_gradients(zip(tape.gradient(loss, self.trainable_variables), self.trainable_variables))
            return {"loss": loss}

    model = Own()
    model.compile("sgd")
    before = expected_cross_entropy(model.predict(X, verbose=0))
    found = model.train_on_batch(X, BITS.astype(dtype), return_dict=True)["loss"]
    assert float(found) == pytest.approx(before, rel=1e-5)


def test_outputs_of_integers_and_half_precision_become_floats():
    for dtype in ("uint8", "int64", "bool", "float16"):
        found = losses.MeanSquaredError()(np.array([[3.0], [1.0]], "float64"), np.array([[1], [0]], dtype))
        assert found.dtype == np.float32
        assert float(found) == 2.5
    assert losses.MeanSquaredError()(np.ones((2, 1), "uint8"), np.zeros((2, 1))).dtype == np.float64


def test_the_dtype_of_a_loss():
    x = np.ones((2, 1), "float32")
    assert losses.MeanSquaredError(dtype="float64")(x, x).dtype == np.float64
    assert losses.MeanSquaredError(dtype="float32")(x, x.astype("float64")).dtype == np.float32
    assert losses.MeanSquaredError().dtype == "float32"
    with pytest.raises(ValueError, match=r"dtype must be a dtype of NumPy\. Received: dtype='floats'"):
        losses.MeanSquaredError(dtype="floats")


def test_several_outputs_and_targets_in_one_loss():
    class Both(losses.Loss):
        def call(self, y_true, y_pred):
            return y_true["a"] * y_pred[0] - y_true["b"] * y_pred[1]

    found = Both("none", None)({"a": np.array([1, 2], "uint8"), "b": np.array([True, False])}, [X[:2, 0], X[:2, 1]])
    np.testing.assert_allclose(found, [X[0, 0] - X[0, 1], 2 * X[1, 0]], rtol=1e-6)


LARGE = 2**24 + 1  # not representable in float32


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64"])
def test_large_class_indices_stay_exact_in_custom_losses(dtype):
    def same(y_true, y_pred):
        classes = ops.cast(y_true, "int32")
        return ops.cast(ops.equal(classes, LARGE), "float32") + 0.0 * y_pred

    labels = np.array([LARGE - 1, LARGE, LARGE + 1], dtype)
    with Trace():
        inputs = Tensor((3,), dtype), Tensor((3,), "float32")
        plan = Plan(list(inputs), [losses.LossFunctionWrapper(same, None)(*inputs)])
    np.testing.assert_array_equal(to_host(plan(labels, np.zeros(3, "float32"))[0]), [0, 1, 0])


@pytest.mark.parametrize(
    "loss", [losses.SparseCategoricalCrossentropy(True), losses.get("sparse_categorical_crossentropy")]
)
def test_large_class_indices_stay_exact(loss):
    if isinstance(loss, losses.LossFunctionWrapper):
        loss.kwargs = {"from_logits": True}
    logits = np.zeros((1, LARGE + 1), "float32")
    logits[0, LARGE] = 50
    assert float(loss(np.array([LARGE]), logits)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("value", [0.5, -0.1, np.nan, np.inf, 1e30])
def test_labels_must_be_integers(value):
    y = np.array([0, 1, value, 2] * 4, "float32")
    for loss, metrics in (("sparse_categorical_crossentropy", []), (lambda t, p: ops.mean(p, -1), ["accuracy"])):
        model = net(3, "softmax", loss, metrics=metrics)
        with pytest.raises(ValueError, match=r"must be integers; .* Received: "):
            model.evaluate(X, y[:, None], verbose=0)
    with pytest.raises(ValueError, match=r"must be integers; .* Received: .* at position 2"):
        losses.SparseCategoricalCrossentropy()(y, np.full((16, 3), 1 / 3, "float32"))


def test_integral_floats_are_labels():
    p = np.random.default_rng(0).dirichlet(np.ones(3), 16).astype("float32")
    loss = losses.SparseCategoricalCrossentropy()
    assert float(loss(CLASSES.astype("float32"), p)) == float(loss(CLASSES, p))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int64", "float32"])
@pytest.mark.parametrize("ignored", [-1, 255, 1, 300, -(2**40)])
def test_an_ignored_class_need_not_fit_the_dtype_of_labels(dtype, ignored):
    p = np.random.default_rng(0).dirichlet(np.ones(3), 16).astype("float32")
    kept = np.not_equal(CLASSES, ignored)
    expected = -np.log(p[kept, CLASSES[kept]].astype("float64")).mean()
    loss = losses.SparseCategoricalCrossentropy(ignore_class=ignored)
    assert float(loss(CLASSES.astype(dtype), p)) == pytest.approx(expected, rel=1e-5)


def test_ignored_pixels_and_weights_of_samples():
    rng = np.random.default_rng(0)
    p, y = rng.dirichlet(np.ones(3), (4, 5)), rng.integers(-1, 3, (4, 5))
    weights, kept = rng.random(4), y >= 0
    each = np.where(kept, -np.log(np.take_along_axis(p, np.maximum(y, 0)[..., None], -1))[..., 0], 0)
    each = each * weights[:, None]
    for reduction, expected in (
        ("sum_over_batch_size", each.sum() / kept.sum()),
        ("mean_with_sample_weight", each.sum() / (kept * weights[:, None]).sum()),
        ("sum", each.sum()),
        ("none", each),
    ):
        loss = losses.SparseCategoricalCrossentropy(ignore_class=-1, reduction=reduction)
        np.testing.assert_allclose(loss(y, p, weights), expected, rtol=1e-6)
    assert float(losses.SparseCategoricalCrossentropy(ignore_class=-1)(np.full((4, 5), -1), p)) == 0


def test_ignored_labels_may_be_nan():
    p = np.array([[[0.2, 0.8], [np.nan, np.nan]]])
    found = losses.SparseCategoricalCrossentropy(ignore_class=9)(np.array([[1, 9]]), p)
    assert float(found) == pytest.approx(-np.log(0.8))


def test_a_single_loss_is_multiplied_by_each_weight():
    weights = np.array([1.0, 2.0, 6.0], "float32")
    y = np.ones((3, 2), "float32")
    loss = losses.LossFunctionWrapper(lambda t, p: ops.sum(t - p))
    assert float(loss(y, 0 * y, weights)) == 6 * 3
    assert float(loss(y, 0 * y, weights[:, None])) == 6 * 3
    model = net(1, None, lambda t, p: ops.mean(ops.square(t - p)))
    error = np.square(1 - model.predict(X, verbose=0)).mean()
    found = model.evaluate(X, np.ones((16, 1)), sample_weight=np.full(16, 0.5), verbose=0)
    assert found == pytest.approx(0.5 * error, rel=1e-5)


@pytest.mark.parametrize("name", ["mean_squared_error", "binary_crossentropy", "huber", "dice"])
def test_losses_of_symbolic_tensors(name):
    x = Input((4,))
    y = layers.Dense(4, "sigmoid")(x)
    function = getattr(losses, name)
    each = function(x, y)
    mean = losses.LossFunctionWrapper(function)(x, y)
    assert each.shape == (() if name == "dice" else (None,))
    assert mean.shape == ()
    outputs, found = fastconv.Model(x, [y, mean]).predict_on_batch(X[:3])
    assert float(found) == pytest.approx(float(losses.LossFunctionWrapper(function)(X[:3], outputs)), rel=1e-5)


def test_the_classes_of_smoothed_labels_lie_on_the_given_axis():
    y, p = np.eye(3, dtype="float32")[CLASSES[:8].reshape(2, 4)], np.random.default_rng(0).random((2, 4, 3), "float32")
    for name in ("CategoricalCrossentropy", "CategoricalFocalCrossentropy"):
        for logits in (False, True):
            loss = {"label_smoothing": 0.1, "from_logits": logits}
            last = getattr(losses, name)(**loss)(y, p)
            first = getattr(losses, name)(**loss, axis=1)(np.moveaxis(y, -1, 1), np.moveaxis(p, -1, 1))
            assert float(first) == pytest.approx(float(last), rel=1e-5)
