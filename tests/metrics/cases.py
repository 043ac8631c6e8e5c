"""A table of metrics: class, arguments, and two batches of targets and outputs."""

from __future__ import annotations

import numpy as np

rng = np.random.default_rng(0)
N = 24


def halves(*arrays):
    return [tuple(a[:N] for a in arrays), tuple(a[N:] for a in arrays)]


NUMBERS = halves(*rng.normal(size=(2, 2 * N, 4)).astype("float32"))
PROBABILITIES = halves(*rng.dirichlet(np.ones(6), (2, 2 * N)).astype("float32"))
CLASSES = rng.integers(0, 6, 2 * N)
LOGITS = (2 * rng.normal(size=(2 * N, 6)) + 2 * np.eye(6)[CLASSES]).astype("float32")
P = (np.exp(LOGITS) / np.exp(LOGITS).sum(-1, keepdims=True)).astype("float32")
ONE_HOT = np.eye(6, dtype="float32")[CLASSES]
BITS = rng.integers(0, 2, (2 * N, 3)).astype("float32")
Q = np.clip(0.3 * BITS + 0.7 * rng.random((2 * N, 3)), 0, 1).astype("float32")
CATEGORICAL, SPARSE, BINARY = halves(ONE_HOT, P), halves(CLASSES, P), halves(BITS, Q)
ONE = halves(BITS[:, 0], Q[:, 0])
LABELS = halves(*rng.integers(0, 4, (2, 2 * N, 5, 5), "int32"))
MAPS = halves(np.eye(4, dtype="float32")[LABELS[0][0]].repeat(2, 0), rng.random((2 * N, 5, 5, 4), dtype="float32"))
SIGNS = halves(2 * BITS - 1, 2 * Q - 1)

# (class, arguments, batches)
CASES = [
    ("Accuracy", {}, halves(CLASSES, np.roll(CLASSES, 1))),
    ("BinaryAccuracy", {}, BINARY),
    ("BinaryAccuracy", {"threshold": 0.3}, BINARY),
    ("CategoricalAccuracy", {}, CATEGORICAL),
    ("SparseCategoricalAccuracy", {}, SPARSE),
    ("TopKCategoricalAccuracy", {"k": 2}, CATEGORICAL),
    ("SparseTopKCategoricalAccuracy", {"k": 3}, SPARSE),
    ("MeanSquaredError", {}, NUMBERS),
    ("RootMeanSquaredError", {}, NUMBERS),
    ("MeanAbsoluteError", {}, NUMBERS),
    ("MeanAbsolutePercentageError", {}, NUMBERS),
    ("MeanSquaredLogarithmicError", {}, PROBABILITIES),
    ("LogCoshError", {}, NUMBERS),
    ("CosineSimilarity", {}, NUMBERS),
    ("R2Score", {}, NUMBERS),
    ("R2Score", {"class_aggregation": None, "num_regressors": 2}, NUMBERS),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, NUMBERS),
    ("Hinge", {}, SIGNS),
    ("SquaredHinge", {}, SIGNS),
    ("CategoricalHinge", {}, CATEGORICAL),
    ("KLDivergence", {}, PROBABILITIES),
    ("Poisson", {}, PROBABILITIES),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, BINARY),
    ("CategoricalCrossentropy", {}, CATEGORICAL),
    ("SparseCategoricalCrossentropy", {}, SPARSE),
    ("TruePositives", {}, BINARY),
    ("FalsePositives", {"thresholds": [0.2, 0.5, 0.8]}, BINARY),
    ("TrueNegatives", {"thresholds": 0.4}, BINARY),
    ("FalseNegatives", {}, BINARY),
    ("Precision", {}, BINARY),
    ("Precision", {"thresholds": [0.2, 0.6], "class_id": 1}, BINARY),
    ("Precision", {"top_k": 2}, CATEGORICAL),
    ("Recall", {}, BINARY),
    ("Recall", {"top_k": 2, "class_id": 3}, CATEGORICAL),
    ("AUC", {}, ONE),
    ("AUC", {"curve": "PR"}, BINARY),
    ("AUC", {"curve": "PR", "summation_method": "minoring", "num_thresholds": 30}, BINARY),
    ("AUC", {"summation_method": "majoring", "thresholds": [0.1, 0.35, 0.7]}, BINARY),
    ("AUC", {"multi_label": True, "label_weights": [1.0, 2.0, 0.5]}, BINARY),
    ("AUC", {"from_logits": True}, halves(BITS, 4 * Q - 2)),
    ("SensitivityAtSpecificity", {"specificity": 0.6}, ONE),
    ("SpecificityAtSensitivity", {"sensitivity": 0.7, "num_thresholds": 50}, ONE),
    ("PrecisionAtRecall", {"recall": 0.6}, ONE),
    ("RecallAtPrecision", {"precision": 0.7, "class_id": 2}, BINARY),
    ("FBetaScore", {"beta": 2.0, "threshold": 0.5}, BINARY),
    ("FBetaScore", {"average": "micro"}, CATEGORICAL),
    ("F1Score", {"average": "macro"}, CATEGORICAL),
    ("F1Score", {"average": "weighted", "threshold": 0.4}, BINARY),
    ("IoU", {"num_classes": 4, "target_class_ids": [0, 2]}, LABELS),
    ("IoU", {"num_classes": 3, "target_class_ids": [1], "ignore_class": 2}, LABELS),
    ("MeanIoU", {"num_classes": 4}, LABELS),
    ("OneHotIoU", {"num_classes": 4, "target_class_ids": [1, 3]}, MAPS),
    ("OneHotMeanIoU", {"num_classes": 4}, MAPS),
    ("BinaryIoU", {"threshold": 0.6}, BINARY),
]
IDS = [f"{name}-{i}" for i, (name, *_) in enumerate(CASES)]

# Metrics that Keras lacks.
OWN_CASES = [
    ("ConfusionMatrix", {"num_classes": 6}, SPARSE),
    ("ConfusionMatrix", {"num_classes": 4, "ignore_class": 1, "sparse_y_pred": True}, LABELS),
]
OWN_IDS = [f"{name}-own-{i}" for i, (name, *_) in enumerate(OWN_CASES)]
