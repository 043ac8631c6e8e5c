"""Metrics give the same results for targets, outputs and weights of every dtype and shape, and use little memory."""

from __future__ import annotations

import inspect
import tracemalloc

import numpy as np
import pytest

import fastconv
from fastconv import Input, Sequential, Variable, layers, losses, metrics, ops
from fastconv.engine import Plan, Tensor, Trace

from .cases import CASES

RNG = np.random.default_rng(0)
X = RNG.random((16, 4), "float32")
BITS = RNG.integers(0, 2, (16, 1))
INTEGERS = ["uint8", "int8", "uint16", "int32", "uint64", "int64"]


def cross_entropy(t, p):
    return ops.mean(-t * ops.log(p) - (1 - t) * ops.log(1 - p), -1)


class MeanEntropy(metrics.Metric):
    def __init__(self, name="entropy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(shape=(), initializer="zeros", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        values = ops.cast(cross_entropy(y_true, y_pred), self.dtype)
        self.total.assign(self.total + ops.sum(values))
        self.count.assign(self.count + y_pred.shape[0])

    def result(self):
        return self.total / self.count


def net(**how):
    fastconv.utils.set_random_seed(0)
    model = Sequential([Input((4,)), layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy", **how)
    return model


@pytest.mark.parametrize("dtype", ["bool", *INTEGERS, "float32", "float64"])
@pytest.mark.parametrize("eagerly", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_custom_metrics(dtype, eagerly, weighted):
    own = [cross_entropy, MeanEntropy(), metrics.MeanMetricWrapper(cross_entropy, "wrapped")]
    model = net(run_eagerly=eagerly, **{"weighted_metrics" if weighted else "metrics": own})
    p = model.predict(X, verbose=0).astype("float64")
    expected = (-BITS * np.log(p) - (1 - BITS) * np.log(1 - p)).mean()
    found = model.evaluate(X, BITS.astype(dtype), sample_weight=np.ones(16), verbose=0, return_dict=True)
    for name in ("cross_entropy", "entropy", "wrapped"):
        assert found[name] == pytest.approx(expected, rel=1e-5)
    if dtype != "bool":  # NumPy has no negative of booleans
        assert float(own[2](BITS.astype(dtype), p.astype("float32"))) == pytest.approx(expected, rel=1e-5)


def test_booleans_stay_booleans_for_custom_metrics():
    metric = metrics.MeanMetricWrapper(lambda t, p: ops.cast(~t, "float32"), "share")
    assert metric(np.array([True, False, False, True]), X[:4, 0]) == 0.5


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_class_indices_stay_exact_for_custom_metrics(dtype):
    metric = metrics.MeanMetricWrapper(lambda t, p: ops.equal(t, 2**24 + 1), "same")
    assert metric(np.array([2**24, 2**24 + 1], dtype), X[:2, 0]) == 0.5


def test_weights_and_variables_of_metrics():
    class Pair(metrics.Metric):
        def __init__(self):
            super().__init__(name="pair")
            self.number = self.add_weight(name="n", initializer="zeros")
            self.row = self.add_variable((2,), "ones", name="row")
            self.own = Variable(np.zeros(3, "float32"))
            self.inner = metrics.Mean()
            self.several = [metrics.Sum("a"), metrics.Sum("b")]

        def update_state(self, values, sample_weight=None):
            self.inner.update_state(values)
            self.row.assign(self.row + 1)

        def result(self):
            return self.inner.result()

    metric = Pair()
    assert [tuple(v.shape) for v in metric.variables] == [(), (2,), (3,), (), (), (), ()]
    assert metric(np.array([1.0, 3.0])) == 2
    metric.reset_state()
    assert metric.result() == 0
    assert metric.row.numpy().tolist() == [0, 0]
    assert metric.dtype == "float32"
    assert metrics.Metric("float64", "named").dtype == "float64"
    with pytest.raises(ValueError, match=r"dtype must be a dtype of NumPy\. Received: dtype='named'"):
        metrics.Metric("named")


@pytest.mark.parametrize("dtype", ["bool", *INTEGERS, "float16", "float64"])
def test_outputs_of_every_dtype(dtype):
    y = np.array([0, 0, 1, 1])
    p = y.astype(dtype)
    for name, expected in (("AUC", 1), ("TruePositives", 2), ("FalsePositives", 0), ("Precision", 1), ("Recall", 1),
                           ("BinaryAccuracy", 1), ("RootMeanSquaredError", 0), ("MeanAbsoluteError", 0),
                           ("BinaryIoU", 1)):  # fmt: skip
        assert float(getattr(metrics, name)()(p, p)) == expected, name
        assert float(getattr(metrics, name)()(y, p)) == expected, name
    assert metrics.MeanSquaredError()(y[::-1].astype(dtype), p) == 1
    assert metrics.RootMeanSquaredError()(y[::-1].astype(dtype), p) == 1
    weights = np.array([0.5, 0.25, 0.125, 0.0625])
    assert metrics.TruePositives()(p, p, weights) == 0.1875
    assert metrics.Mean()(p, weights) == pytest.approx(0.2)
    assert metrics.Sum()(p, weights) == 0.1875


def test_weights_with_fewer_axes_than_outputs():
    y, p = RNG.integers(0, 2, (4, 5)), RNG.random((4, 5), "float32")
    weights = RNG.integers(1, 9, (4, 5)) / 4
    for given in (weights, weights[:, :1], weights[:, 0], weights[0, 0]):
        full = np.broadcast_to(given[:, None] if given.ndim == 1 else given, (4, 5))
        for predicted in (p, (p > 0.5).astype("uint8")):
            expected = full[(y == 0) & (predicted > 0.5)].sum()
            assert metrics.FalsePositives()(y, predicted, given) == expected
    y, p = RNG.integers(0, 3, (2, 4, 5, 6))
    expected = metrics.MeanIoU(3)(y, p, np.broadcast_to(weights[..., None], (4, 5, 6)))
    assert metrics.MeanIoU(3)(y, p, weights) == expected
    with pytest.raises(ValueError, match="leading axes"):
        metrics.FalsePositives()(y[..., 0], p[..., 0], np.ones(5))


def test_a_weight_for_all_values_counts_a_batch_once():
    metric = metrics.Mean()
    metric.update_state([1.0, 2.0, 6.0], sample_weight=2.0)
    metric.update_state([1.0], sample_weight=1.0)
    assert metric.result() == pytest.approx(7 / 3)


def test_means_of_empty_arrays_and_of_nan():
    mean = metrics.Mean()
    assert mean.result() == 0
    for values in (np.zeros(0), np.zeros((0, 3)), np.zeros((0, 2, 2), "uint8")):
        mean.update_state(values)
        mean.update_state(values, np.zeros(0))
        assert mean.result() == 0
        assert float(mean.count) == 0
    mean.update_state([1.0, 2.0], sample_weight=[0.0, 0.0])
    assert mean.result() == 0
    mean.update_state([1.0, 2.0], sample_weight=[1.0, np.nan])
    assert np.isnan(mean.result())
    assert np.isnan(metrics.Mean()([1.0, np.nan]))
    assert np.isnan(metrics.Sum()([1.0, 2.0], [1.0, np.nan]))


def test_outputs_without_rows_have_largest_elements_too():
    y, p = np.array([0, 1, 1, 0]), np.array([0.1, 0.7, 0.6, 0.9], "float32")
    assert metrics.Precision(top_k=2)(y, p) == 0.5
    assert metrics.Recall(top_k=3)(y, p) == 1
    ties = np.array([[0.5, 0.5, 0.5, 0.1]])
    assert metrics.TruePositives()(np.ones((1, 4)), ties > 0.4) == 3
    assert metrics.Precision(top_k=1)(np.array([[0, 1, 0, 0]]), ties) == 0  # the first of equal elements
    with pytest.raises(ValueError, match="an axis of classes"):
        metrics.Precision(class_id=0)(y, p)


@pytest.mark.parametrize("name", ["CategoricalAccuracy", "TopKCategoricalAccuracy"])
@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_class_indices_are_not_one_hot_targets(name, shape):
    with pytest.raises(ValueError, match=r"one-hot targets must have the shape of the outputs.*Received: y_true"):
        getattr(metrics, name)()(np.zeros(shape), np.zeros((4, 6)))


def test_targets_out_of_range_are_never_in_the_top_k():
    p = np.array([[-1.0, -2.0, -3.0]] * 4)
    found = metrics.sparse_top_k_categorical_accuracy(np.array([0, 3, -1, 2]), p, 3)
    np.testing.assert_array_equal(found, [1, 0, 0, 1])
    p[0, 0] = np.nan
    np.testing.assert_array_equal(metrics.sparse_top_k_categorical_accuracy(np.array([0, 1, 1, 1]), p, 2), [0, 1, 1, 1])
    ids = np.array([[3, 1, 0], [2, 0, 1]])
    np.testing.assert_array_equal(
        metrics.sparse_top_k_categorical_accuracy(np.array([1, 1]), ids, 2, from_sorted_ids=True), [1, 0]
    )


def test_ignored_classes_of_weighted_samples_have_no_weight():
    p, y = RNG.dirichlet(np.ones(3), 6), np.array([0, 1, 1, 2, 0, 1])
    weights, kept = RNG.random(6), y != 1
    each = -np.log(p[range(6), y])
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=1)
    assert metric(y, p, weights) == pytest.approx((each * weights)[kept].sum() / weights[kept].sum())


@pytest.mark.parametrize(("y", "p"), [((6,), (6, 1)), ((6, 1), (6,)), ((6, 2), (6, 2, 1)), ((6, 2, 1), (6, 2))])
def test_an_axis_of_one_may_be_missing(y, p):
    labels, outputs = RNG.integers(0, 2, y), RNG.random(p)
    for name, arguments in (("AUC", {}), ("Precision", {}), ("BinaryAccuracy", {}), ("MeanSquaredError", {}),
                            ("RootMeanSquaredError", {}), ("BinaryCrossentropy", {}), ("BinaryIoU", {}),
                            ("SensitivityAtSpecificity", {"specificity": 0.5})):  # fmt: skip
        whole = getattr(metrics, name)(**arguments)(labels.ravel(), outputs.ravel())
        assert getattr(metrics, name)(**arguments)(labels, outputs) == pytest.approx(whole), name


def test_thresholds_may_be_numpy_scalars():
    y, p = RNG.integers(0, 2, 50), RNG.random(50)
    for thresholds in ([0.2, 0.7], (0.2, 0.7), np.array([0.2, 0.7])):
        np.testing.assert_array_equal(metrics.Recall(thresholds)(y, p), metrics.Recall([0.2, 0.7])(y, p))
    metric = metrics.AUC(thresholds=np.linspace(0.1, 0.9, 9), label_weights=np.ones(1), multi_label=True)
    assert metrics.deserialize(metrics.serialize(metric)).get_config() == metric.get_config()
    assert metrics.Precision(np.float64(0.4)).get_config()["thresholds"] == 0.4


def test_curves_by_name():
    y, p = RNG.integers(0, 2, 200), RNG.random(200)
    for curve in ("ROC", "PR", "PRGAIN"):
        assert metrics.AUC(curve=curve)(y, p) == metrics.AUC(curve=curve.lower())(y, p)
    assert metrics.AUC(curve="PRGAIN")(y, y) == pytest.approx(1)
    with pytest.raises(ValueError, match=r"curve must be one of .*Received: curve='area'"):
        metrics.AUC(curve="area")
    with pytest.raises(ValueError, match="num_labels must not be given without multi_label=True"):
        metrics.AUC(num_labels=3)


@pytest.mark.parametrize("name", ["F1Score", "R2Score"])
def test_scores_of_classes_need_an_axis_of_classes(name):
    with pytest.raises(ValueError, match=r"must have shape \(N, K\)"):
        getattr(metrics, name)()(np.ones(4), np.ones(4))


def test_the_score_is_adjusted_only_by_enough_elements():
    y, p = np.array([[1.0], [2.0], [4.0]]), np.array([[1.0], [2.5], [3.0]])
    with pytest.warns(UserWarning, match="needs more than num_regressors"):
        found = metrics.R2Score(num_regressors=2)(y, p)
    assert found == metrics.R2Score()(y, p)


# Limits in bytes for each output; 200 thresholds or 21 classes of 8 bytes would take 1600 and 168.
BYTES = 120


@pytest.mark.parametrize(("name", "arguments"), [(name, arguments) for name, arguments, _ in CASES])
@pytest.mark.parametrize("how", ["single call", "plan"])
def test_memory_is_limited(name, arguments, how):
    n, classes = 1 << 17, 32
    p, bits = RNG.random((n // classes, classes), "float32"), RNG.integers(0, 2, (n // classes, classes), "uint8")
    if "label_weights" in arguments:
        arguments = {**arguments, "label_weights": [1.0] * classes}
    if name in ("IoU", "MeanIoU"):
        p = RNG.integers(0, 4, n)
        bits = RNG.integers(0, 4, n)
    elif name.startswith("Sparse"):
        bits = RNG.integers(0, classes, n // classes)
    metric = getattr(metrics, name)(**arguments)
    metric.update_state(bits[:2], p[:2])
    run = metric.update_state
    if how == "plan":
        with Trace() as trace:
            inputs = [Tensor(a.shape, a.dtype) for a in (bits, p)]
            metric.update_state(*inputs)
        run = Plan(inputs, [], trace.reads, trace.updates)
    tracemalloc.start()
    run(bits, p)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < BYTES * n + 4e6


def test_functions_of_symbolic_tensors():
    x = Input((3,))
    y = layers.Dense(3, "softmax")(x)
    for name in ("categorical_accuracy", "top_k_categorical_accuracy", "binary_accuracy"):
        assert getattr(metrics, name)(x, y).dtype == np.float32


@pytest.mark.parametrize("module", [losses, metrics])
def test_names_and_dtypes_come_last(module):
    """As in Keras, classes take no other arguments after them, except arguments that Keras adds later."""
    for name in module.__all__:
        thing = getattr(module, name)
        if isinstance(thing, type):
            parameters = inspect.signature(thing).parameters
            assert {"name", "dtype"} <= set(parameters), name
            assert parameters["dtype"].default is None
