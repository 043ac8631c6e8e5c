"""Metrics over several batches, inside and outside of graphs."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, Sequential, layers, losses, metrics, ops
from fastconv.engine import Plan, Tensor, Trace

P = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.2, 0.3, 0.5], [0.4, 0.3, 0.3]], np.float32)
LABELS = np.array([1, 2, 2, 1])
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]
BITS = np.array([[1], [0], [0], [1]], np.float32)
SCORES = np.array([[0.9], [0.6], [0.3], [0.5]], np.float32)

# (metric, targets, outputs, the value of each sample)
CASES = {
    "accuracy": (metrics.Accuracy, LABELS, np.array([1, 0, 2, 1]), [1, 0, 1, 1]),
    "binary": (metrics.BinaryAccuracy, BITS, SCORES, [1, 0, 1, 0]),
    "binary, low threshold": (lambda: metrics.BinaryAccuracy(threshold=0.4), BITS, SCORES, [1, 0, 1, 1]),
    "binary, no last axis": (metrics.BinaryAccuracy, BITS[:, 0].astype(int), SCORES, [1, 0, 1, 0]),
    "categorical": (metrics.CategoricalAccuracy, ONE_HOT, P, [1, 0, 1, 0]),
    "sparse": (metrics.SparseCategoricalAccuracy, LABELS, P, [1, 0, 1, 0]),
    "sparse, last axis": (metrics.SparseCategoricalAccuracy, LABELS[:, None].astype(np.uint8), P, [1, 0, 1, 0]),
    "mse": (metrics.MeanSquaredError, ONE_HOT, P, ((ONE_HOT - P) ** 2).mean(-1)),
    "mae": (metrics.MeanAbsoluteError, ONE_HOT, P, np.abs(ONE_HOT - P).mean(-1)),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@every_case
def test_the_mean_goes_over_all_batches(case):
    make, y_true, y_pred, values = case
    metric = make()
    assert metric.result() == 0
    metric.update_state(y_true[:3], y_pred[:3])
    metric.update_state(y_true[3:], y_pred[3:])
    assert metric.result() == pytest.approx(np.mean(values), rel=1e-6)
    assert isinstance(metric.result(), float)
    metric.reset_state()
    assert metric.result() == 0


@every_case
def test_samples_may_be_weighted(case):
    make, y_true, y_pred, values = case
    weights = np.array([1, 2, 0, 0.5])
    expected = np.average(values, weights=weights)
    assert make()(y_true, y_pred, weights) == pytest.approx(expected, rel=1e-6)
    assert make()(y_true, y_pred, sample_weight=weights[:, None]) == pytest.approx(expected, rel=1e-6)


@every_case
def test_updates_are_part_of_a_graph(case):
    make, y_true, y_pred, values = case
    metric = make()
    with Trace() as trace:
        inputs = [Tensor(y_true.shape, y_true.dtype), Tensor(y_pred.shape, y_pred.dtype)]
        metric.update_state(*inputs)
    plan = Plan(inputs, [], trace.reads, trace.updates)
    plan(y_true, y_pred)
    plan(y_true[::-1], y_pred[::-1])
    assert metric.result() == pytest.approx(np.mean(values), rel=1e-6)
    metric.reset_state()
    plan(y_true, y_pred)
    assert [float(v) for v in metric.variables] == [pytest.approx(np.sum(values), rel=1e-6), len(values)]


def test_a_mean_of_numbers():
    mean = metrics.Mean()
    mean.update_state(3.0)
    mean.update_state([[1.0, 2.0], [3.0, 6.0]])
    assert mean.result() == 3
    mean.update_state(7.0, sample_weight=5)
    assert mean.result() == 5.5  # a sample counts once, regardless of its number of values
    mean.reset_state()
    for weights in ([3, 1], [[3], [1]], [[3, 3], [1, 1]]):
        mean.update_state([[1.0, 3.0], [5.0, 5.0]], sample_weight=weights)
        assert mean.result() == 2.75


def test_counts_beyond_the_precision_of_float32():
    mean = metrics.Mean()
    mean.update_state(1.0, sample_weight=2.0**24)
    mean.update_state(1.0)
    assert float(mean.count) == 2**24 + 1


def test_positions_within_samples_have_equal_weights():
    y_true, y_pred = np.array([[1, 1, 1], [2, 2, 0]]), np.stack([P[:3], P[1:]])  # (2, 3), (2, 3, 3)
    metric = metrics.SparseCategoricalAccuracy()
    assert metric(y_true, y_pred) == 0.5
    metric.reset_state()
    assert metric(y_true, y_pred, np.array([3.0, 1.0])) == pytest.approx((3 * 1 / 3 + 1 * 2 / 3) / 4)


def test_a_custom_metric():
    class Largest(metrics.Metric):
        def __init__(self, name="largest"):
            super().__init__(name=name)
            self.value = self.add_variable((), "zeros", name="value")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.value.assign(ops.maximum(self.value, ops.max(y_pred)))

        def result(self):
            return float(self.value)

    metric = Largest()
    assert metric(BITS, SCORES) == np.float32(0.9)
    assert metric.variables[0].path == "largest/value"
    assert metrics.get(metric) is metric


@pytest.mark.parametrize(
    ("y_true", "y_pred", "kind"),
    [
        ((8, 1), (8, 1), metrics.BinaryAccuracy),
        ((8,), (8, 1), metrics.BinaryAccuracy),
        ((8,), (8, 5), metrics.SparseCategoricalAccuracy),
        ((8, 1), (8, 5), metrics.SparseCategoricalAccuracy),
        ((8, 5), (8, 5), metrics.CategoricalAccuracy),
        ((8, 4, 4), (8, 4, 4, 5), metrics.SparseCategoricalAccuracy),
    ],
)
def test_accuracy_depends_on_the_shapes(y_true, y_pred, kind):
    for name in ("accuracy", "acc"):
        metric = metrics.for_output(name, y_true, y_pred)
        assert type(metric) is kind
        assert metric.name == name


def test_metrics_of_compile_keep_their_names():
    def distance(y_true, y_pred):
        return ops.absolute(y_true - y_pred)

    assert metrics.for_output("mse", (8, 1), (8, 1)).name == "mse"
    assert metrics.for_output(metrics.MeanSquaredError("mine"), (8, 1), (8, 1)).name == "mine"
    wrapped = metrics.for_output(distance, (8, 1), (8, 1))
    assert wrapped.name == "distance"
    assert wrapped(BITS, SCORES) == pytest.approx(np.abs(BITS - SCORES).mean())


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="one target for each prediction"):
        metrics.SparseCategoricalAccuracy()(LABELS[:3], P)


def test_losses_are_functions_of_this_module_too():
    names = {name for name in losses.__all__ if name in metrics.__all__ and name[0].islower()}
    assert {"mean_squared_error", "binary_crossentropy", "categorical_crossentropy", "mse", "kld"} <= names
    assert all(getattr(metrics, name) is getattr(losses, name) for name in names - {"get", "serialize", "deserialize"})


def test_overlap_tells_the_shapes_that_it_was_given():
    metric = metrics.OneHotIoU(5, [0])
    with pytest.raises(
        ValueError, match=r"target for each output\. Received: y_true\.shape=\(3,\), y_pred\.shape=\(3, 5\)"
    ):
        metric.update_state([0, 1, 2], np.ones((3, 5)))


def test_a_confusion_matrix_counts_pairs_of_classes():
    rng = np.random.default_rng(0)
    real, scores = rng.integers(0, 4, 50), rng.random((50, 4))
    expected = np.zeros((4, 4))
    for i, j in zip(real, scores.argmax(-1)):
        expected[i, j] += 1
    metric = metrics.ConfusionMatrix(4)
    metric.update_state(real[:20], scores[:20])
    metric.update_state(real[20:], scores[20:])
    np.testing.assert_array_equal(metric.result(), expected)
    one_hot = metrics.ConfusionMatrix(4, sparse_y_true=False, sparse_y_pred=True)
    one_hot.update_state(np.eye(4)[real], scores.argmax(-1), sample_weight=np.full(50, 0.5))
    np.testing.assert_array_equal(one_hot.result(), expected / 2)
    with pytest.raises(ValueError, match="there must be a target for each output"):
        metric.update_state(real, scores.argmax(-1))


def test_a_confusion_matrix_in_training():
    model = Sequential([Input((4,)), layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[metrics.ConfusionMatrix(3, name="matrix")])
    x, y = np.random.default_rng(0).random((12, 4)), np.arange(12) % 3
    history = model.fit(x, y, epochs=2, verbose=2).history
    assert [np.sum(matrix) for matrix in history["matrix"]] == [12, 12]
    found = model.evaluate(x, y, verbose=0, return_dict=True)["matrix"]
    called = model.predict(x, verbose=0).argmax(-1)
    np.testing.assert_array_equal(found, [[np.sum((y == i) & (called == j)) for j in range(3)] for i in range(3)])
