"""Metrics compared with Keras: outputs of several dtypes and shapes, weights of every shape, one or two updates."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import losses, metrics, ops

# (class, arguments) of metrics with outputs from 0 to 1 and targets 0 and 1
OF_BITS = [
    ("AUC", {}),
    ("AUC", {"curve": "PR"}),
    ("AUC", {"curve": "PRGAIN"}),
    ("AUC", {"curve": "prgain", "summation_method": "minoring", "num_thresholds": 17}),
    ("AUC", {"thresholds": [0.9, 0.2], "summation_method": "Majoring"}),
    ("TruePositives", {}),
    ("FalsePositives", {"thresholds": [0.8, 0.2]}),
    ("TrueNegatives", {}),
    ("FalseNegatives", {"thresholds": [0.0, 0.5, 1.0]}),
    ("Precision", {}),
    ("Precision", {"top_k": 1}),
    ("Recall", {"thresholds": [0.1, 0.9]}),
    ("Recall", {"top_k": 2}),
    ("SensitivityAtSpecificity", {"specificity": 0.5}),
    ("SpecificityAtSensitivity", {"sensitivity": 0.5, "num_thresholds": 1}),
    ("PrecisionAtRecall", {"recall": 0.5}),
    ("RecallAtPrecision", {"precision": 0.5}),
    ("BinaryAccuracy", {}),
    ("MeanSquaredError", {}),
    ("RootMeanSquaredError", {}),
    ("CosineSimilarity", {}),
    ("Hinge", {}),
    ("BinaryCrossentropy", {}),
]
# metrics of outputs (N, K) with one-hot targets or class indices
OF_CLASSES = [
    ("F1Score", {}),
    ("F1Score", {"average": "macro", "threshold": 0.5}),
    ("R2Score", {}),
    ("R2Score", {"class_aggregation": "variance_weighted_average", "num_regressors": 2}),
    ("CategoricalAccuracy", {}),
    ("TopKCategoricalAccuracy", {"k": 2}),
]
OF_INDICES = [
    ("SparseCategoricalAccuracy", {}),
    ("SparseTopKCategoricalAccuracy", {"k": 2}),
    ("SparseCategoricalCrossentropy", {}),
    ("SparseCategoricalCrossentropy", {"ignore_class": 1}),
    ("SparseCategoricalCrossentropy", {"ignore_class": -1}),
]
OF_LAST_AXES = ("MeanSquaredError", "CosineSimilarity", "Hinge", "BinaryCrossentropy")
SHAPES = [(12,), (12, 1), (12, 3), (12, 2, 3)]


def ids(table):
    return [f"{name}-{i}" for i, (name, _) in enumerate(table)]


def of_classes_or_bits(table):
    return pytest.mark.parametrize(("name", "arguments"), table, ids=ids(table))


def theirs_of(name):
    import keras

    return getattr(keras.metrics, name)


def weights_for(shape, rng):
    """Return weights with each number of leading axes that Keras accepts for outputs of this shape."""
    leading = range(len(shape) + 1) if len(shape) < 3 else (len(shape) - 1, len(shape))
    return [None, *((rng.integers(0, 9, shape[:k]) / 4).astype("float32") for k in leading if k)]


def updates(y, p, weights):
    """Return one update and two updates, the second of which is larger."""
    parts = [(y, p)] if weights is None else [(y, p, weights)]
    return parts, [tuple(a[cut] for a in parts[0]) for cut in (slice(5), slice(5, None))]


def result(cls, arguments, batches):
    metric = cls(**arguments)
    for batch in batches:
        metric.update_state(*batch)
    return np.asarray(metric.result(), "float64")


def compare(name, arguments, cases, reference):
    """Compare results for all cases; Keras computes them in a single question."""
    expected = reference(lambda: [result(theirs_of(name), arguments, batches) for batches in cases])
    for batches, theirs in zip(cases, expected, strict=True):
        found = result(getattr(metrics, name), arguments, batches)
        np.testing.assert_allclose(found, np.array(theirs, "float64"), rtol=2e-5, atol=2e-6)


@of_classes_or_bits(OF_BITS)
def test_outputs_between_0_and_1(name, arguments, reference):
    rng, cases = np.random.default_rng(0), []
    for shape in SHAPES:
        if "top_k" in arguments and shape[-1] < 2:
            continue
        places = len(shape) - (name in OF_LAST_AXES)  # the axes of the values that are weighted
        for weights in [w for w in weights_for(shape, rng) if w is None or w.ndim <= places]:
            y, p = rng.integers(0, 2, shape).astype("float32"), (rng.integers(1, 33, shape) / 32).astype("float32")
            cases += updates(y, p, weights)
    compare(name, arguments, cases, reference)


@of_classes_or_bits(OF_BITS[:18])
@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool"])
def test_outputs_of_integers(name, arguments, dtype, reference):
    rng, cases = np.random.default_rng(1), []
    for shape in (12,), (12, 3):
        y, p = rng.integers(0, 2, (2, *shape)).astype(dtype)
        cases += updates(y, p, None) + updates(y, p, (rng.integers(0, 9, shape[:1]) / 4).astype("float32"))
    if "top_k" not in arguments:
        compare(name, arguments, cases, reference)


@of_classes_or_bits(OF_CLASSES)
def test_outputs_of_classes(name, arguments, reference):
    rng, cases = np.random.default_rng(2), []
    for weights in (None, *weights_for((12,), rng)[1:]):
        y, p = rng.integers(0, 2, (12, 3)).astype("float32"), rng.random((12, 3), "float32")
        cases += updates(y, p, weights)
    compare(name, arguments, cases, reference)


@of_classes_or_bits(OF_INDICES)
@pytest.mark.parametrize("dtype", ["int32", "uint8", "float32"])
def test_targets_that_are_indices(name, arguments, dtype, reference):
    rng, cases = np.random.default_rng(3), []
    for shape in (12,), (12, 2):
        for weights in weights_for(shape, rng):
            if weights is None or weights.ndim == len(shape) or "ignore_class" not in arguments:
                y, p = rng.integers(0, 3, shape).astype(dtype), rng.dirichlet(np.ones(3), shape).astype("float32")
                cases += updates(y, p, weights)
    if not (dtype == "uint8" and arguments.get("ignore_class") == -1):  # Keras reads it as 255
        compare(name, arguments, cases, reference)


@pytest.mark.parametrize("name", ["Mean", "Sum"])
def test_values_and_weights(name, reference):
    rng, cases = np.random.default_rng(4), []
    for shape in (), (5,), (5, 1), (5, 3), (5, 2, 3), (0,), (0, 3):
        value = (rng.integers(0, 9, shape) / 4).astype("float32")
        for weights in [None, *((rng.integers(1, 9, shape[:k]) / 4).astype("float32") for k in range(len(shape) + 1))]:
            cases.append([(value,) if weights is None else (value, weights), (np.float32(2.5),)])
    cases.append([(np.ones(2, "float32"), np.array([1, np.nan], "float32"))])
    cases.append([(np.ones(2, "float32"), np.zeros(2, "float32"))])
    compare(name, {}, cases, reference)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "none", "mean_with_sample_weight"])
@pytest.mark.parametrize(
    ("name", "arguments", "classes"),
    [
        ("MeanSquaredError", {}, False),
        ("BinaryFocalCrossentropy", {"gamma": 0.0}, False),
        ("CategoricalFocalCrossentropy", {"gamma": 0.5}, False),
        ("SparseCategoricalCrossentropy", {}, True),
        ("SparseCategoricalCrossentropy", {"ignore_class": 1}, True),
    ],
)
def test_losses_and_weights(name, arguments, classes, reduction, reference):
    rng, cases = np.random.default_rng(5), []
    for dtype in ("int32", "uint8", "float32"):
        for shape in (6,), (6, 2):
            p = rng.dirichlet(np.ones(3), shape).astype("float32")
            y = rng.integers(0, 3, shape)
            y = (y if classes else np.eye(3)[y]).astype(dtype)
            cases += [(y, p), (y, p, (rng.integers(1, 9, shape) / 4).astype("float32"))]
    arguments = {**arguments, "reduction": reduction}

    def theirs_of_cases():
        import keras

        return [getattr(keras.losses, name)(**arguments)(*case) for case in cases]

    expected = reference(theirs_of_cases)
    for case, theirs in zip(cases, expected, strict=True):
        np.testing.assert_allclose(getattr(losses, name)(**arguments)(*case), theirs, rtol=1e-4, atol=1e-6)


def test_a_loss_that_is_one_number(reference):
    rng = np.random.default_rng(6)
    y, p, weights = *rng.random((2, 6, 3), "float32"), rng.random(6, "float32")

    def theirs():
        from keras import losses as keras_losses
        from keras import ops as keras_ops

        loss = type("Own", (keras_losses.Loss,), {"call": lambda self, t, p: keras_ops.mean(t * p)})
        return [loss()(y, p), loss()(y, p, weights), loss(reduction="sum")(y, p, weights)]

    loss = type("Own", (losses.Loss,), {"call": lambda self, t, p: ops.mean(t * p)})
    found = [loss()(y, p), loss()(y, p, weights), loss(reduction="sum")(y, p, weights)]
    np.testing.assert_allclose(found, reference(theirs), rtol=1e-5)
