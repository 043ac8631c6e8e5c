"""Confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastconv.typing import ArrayLike
from fastconv.utils.files import FilePath
from fastconv.visualize.labels import as_labels, as_names
from fastconv.visualize.picture import Axes, Picture, axes_for, finish

MOST_NUMBERS = 30  # classes up to which cells have numbers
MOST_CLASSES = 2000


def confusion_matrix(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    class_names: Sequence[str] | None = None,
    ax: Axes | None = None,
    path: FilePath | None = None,
) -> Picture:
    """Draw the number of samples of each class (row) that are predicted as each class (column).

    Colours show the fraction of a row.

    Args:
        y_true: (N,) or (N, 1), the classes as integers; or (N, classes), one-hot.
        y_pred: likewise, or (N, classes), the scores that `model.predict` returns.
        class_names: a name for each class, or None. Default: None.
        ax: the axes to draw in, or None for a new figure. Default: None.
        path: the file to write, or None. Default: None.

    Returns:
        `Picture` with "counts" (classes, classes), integers.

    Raises:
        ValueError: the lengths differ, there are no samples, or classes are not integers from 0 to 1999.

    Example:
        >>> visualize.confusion_matrix([0, 1, 1], [0, 1, 0])["counts"].tolist()
        [[1, 0], [1, 1]]
    """
    ax = axes_for("confusion_matrix", ax, path, (6, 5.5))
    true = as_labels("confusion_matrix", "y_true", y_true)
    predicted = as_labels("confusion_matrix", "y_pred", y_pred)
    if len(true) != len(predicted):
        raise ValueError(
            "confusion_matrix: y_true and y_pred must have the same length. "
            f"Received: lengths {len(true)} and {len(predicted)}"
        )
    scored = [a.shape[1] for a in map(np.asarray, (y_true, y_pred)) if a.ndim == 2]  # classes that may have no sample
    count = max(int(true.max()) + 1, int(predicted.max()) + 1, len(class_names or ()), *scored)
    if count > MOST_CLASSES:
        raise ValueError(f"confusion_matrix: there must be at most {MOST_CLASSES} classes. Received: {count} classes")
    counts = np.bincount(true * count + predicted, minlength=count * count).reshape(count, count)
    draw_counts(ax, counts, as_names("confusion_matrix", class_names, count))
    return finish(ax, path, {"counts": counts})


def draw_counts(ax: Axes, counts: np.ndarray, names: Sequence[str]) -> None:
    """Draw a confusion matrix."""
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    places: Any = range(len(counts))
    ax.set_xticks(places, names, rotation=90 if max(map(len, names)) > 3 else 0)
    ax.set_yticks(places, names)
    ax.set(xlabel="predicted class", ylabel="true class")
    for (i, j), n in np.ndenumerate(counts):
        if n and len(counts) <= MOST_NUMBERS:
            colour = "white" if fractions[i, j] > 0.5 else "black"
            ax.text(j, i, str(n), ha="center", va="center", color=colour, fontsize=8)
