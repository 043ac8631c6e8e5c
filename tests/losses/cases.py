"""A table of losses: class, arguments, targets and outputs."""

from __future__ import annotations

import numpy as np

rng = np.random.default_rng(0)
NUMBERS = rng.normal(size=(2, 6, 4)).astype("float32")
P = rng.dirichlet(np.ones(4), (2, 6)).astype("float32")
CLASSES = rng.integers(0, 4, 6)
ONE_HOT = np.eye(4, dtype="float32")[CLASSES]
BITS = rng.integers(0, 2, (6, 4)).astype("float32")
SIGNS = 2 * BITS - 1
LOGITS = 3 * NUMBERS[1]
Q = (1 / (1 + np.exp(-LOGITS))).astype("float32")
MASKS = rng.integers(0, 2, (3, 5, 5, 1)).astype("float32")
MAPS = rng.random((3, 5, 5, 1), dtype="float32")

# (class, arguments, targets, outputs)
CASES = [
    ("MeanSquaredError", {}, *NUMBERS),
    ("MeanSquaredError", {"reduction": "sum"}, *NUMBERS),
    ("MeanSquaredError", {"reduction": "none"}, *NUMBERS),
    ("MeanSquaredError", {"reduction": "mean_with_sample_weight"}, *NUMBERS),
    ("MeanAbsoluteError", {}, *NUMBERS),
    ("MeanAbsolutePercentageError", {}, *NUMBERS),
    ("MeanSquaredLogarithmicError", {}, *NUMBERS),
    ("MeanSquaredLogarithmicError", {}, *P),
    ("CosineSimilarity", {}, *NUMBERS),
    ("CosineSimilarity", {"axis": 0}, *NUMBERS),
    ("Huber", {}, *NUMBERS),
    ("Huber", {"delta": 0.3}, *NUMBERS),
    ("LogCosh", {}, *NUMBERS),
    ("Hinge", {}, BITS, NUMBERS[0]),
    ("Hinge", {}, SIGNS, NUMBERS[0]),
    ("SquaredHinge", {}, BITS, NUMBERS[0]),
    ("CategoricalHinge", {}, ONE_HOT, NUMBERS[0]),
    ("KLDivergence", {}, *P),
    ("KLDivergence", {}, ONE_HOT, P[0]),
    ("Poisson", {}, *P),
    ("BinaryCrossentropy", {}, BITS, Q),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, BITS, LOGITS),
    ("BinaryFocalCrossentropy", {}, BITS, Q),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "alpha": 0.4, "gamma": 1.5}, BITS, Q),
    ("BinaryFocalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, BITS, LOGITS),
    ("CategoricalCrossentropy", {}, ONE_HOT, P[0]),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, ONE_HOT, LOGITS),
    ("CategoricalFocalCrossentropy", {}, ONE_HOT, P[0]),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "label_smoothing": 0.1, "gamma": 3.0}, ONE_HOT, LOGITS),
    ("SparseCategoricalCrossentropy", {}, CLASSES, P[0]),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, CLASSES[:, None], LOGITS),
    ("SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 2}, CLASSES, LOGITS),
    ("SparseCategoricalCrossentropy", {"ignore_class": -1}, np.where(CLASSES == 1, -1, CLASSES), P[0]),
    ("Dice", {}, MASKS, MAPS),
    ("Dice", {"axis": (1, 2, 3)}, MASKS, MAPS),
    ("Tversky", {}, MASKS, MAPS),
    ("Tversky", {"alpha": 0.3, "beta": 0.7, "axis": (1, 2, 3)}, MASKS, MAPS),
]
IDS = [f"{name}-{i}" for i, (name, *_) in enumerate(CASES)]
