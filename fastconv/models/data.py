"""Arrays cut into batches."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

import fastconv.config as config
from fastconv.arguments import as_integer, as_integers, is_number, number_of, plain
from fastconv.backends.gpu.transfer import as_array, index_on_device_of, to_host
from fastconv.engine.tree import leaves, map_leaves, ordered, rebuild
from fastconv.typing import Tree


def rule_of_arrays(name: str) -> str:
    return f"{name} must be an array of numbers with the samples along the first axis, or a list or dict of such arrays"


def to_arrays(data: Tree, name: str) -> Tree:
    """Return `data`, an array or nested lists and dicts, as arrays with a first axis; those on a GPU stay there.

    Dicts are sorted by their keys, so that their order does not matter.

    Raises:
        ValueError: there is no array, or an element is a scalar or no array of numbers.
    """

    if isinstance(data, np.ndarray):
        return _to_array(data, name)
    if not leaves(data):
        raise ValueError(f"{rule_of_arrays(name)}. Received: {data!r}")
    is_nested_numbers = isinstance(data, (list, tuple)) and not any(getattr(x, "shape", ()) for x in leaves(data))
    convert = partial(_to_array, name=name)
    return convert(data) if is_nested_numbers else map_leaves(convert, ordered(data))


def _to_array(leaf: Any, name: str) -> Any:
    try:
        array = as_array(leaf)
    except ValueError as error:  # lists of several lengths, masked arrays
        raise ValueError(f"{rule_of_arrays(name)}. {error}") from error
    if array.ndim == 0 or array.dtype.kind not in "fiub":
        received = f"{type(leaf).__name__} of shape={array.shape}, dtype={array.dtype}"
        raise ValueError(f"{rule_of_arrays(name)}. Received: {received}")
    return array


def standardize(
    owner: str, x: Tree, y: Tree = None, sample_weight: Tree = None, class_weight: Mapping[int, float] | None = None
) -> tuple:
    """Return (x, y or None, weights or None) as arrays of one length.

    Args:
        owner: the name of the model, for errors.
        x, y, sample_weight: arrays, or nested lists and dicts of arrays.
        class_weight: what `check_class_weight` returns.

    Raises:
        ValueError: no samples, several lengths, or no arrays of numbers.
    """
    x, y = to_arrays(x, "x"), None if y is None else to_arrays(y, "y")
    n = count_samples(x, y)
    if n == 0:
        raise ValueError(f"{owner}: there must be at least one sample. Received: arrays of length 0")
    return weigh_classes((x, y, check_weights(sample_weight, n)), class_weight)


def count_samples(x: Tree, y: Tree = None) -> int:
    """Return the length of all first axes.

    Raises:
        ValueError: they differ.
    """
    counts = {len(leaf) for leaf in leaves([x, y])}
    if len(counts) != 1:
        lengths = {name: [len(leaf) for leaf in leaves(data)] for name, data in (("x", x), ("y", y))}
        received = ", ".join(f"{name} of {', '.join(map(str, ns))}" for name, ns in lengths.items() if ns)
        raise ValueError(f"All arrays must have the same number of samples. Received: {received} samples")
    return counts.pop()


def take(data: Tree, index: Any) -> Tree:
    """Return the samples at `index` of every array."""
    return rebuild(data, [leaf[index_on_device_of(leaf, index)] for leaf in leaves(data)])


def batches(n: int, batch_size: int, order: np.ndarray | None = None) -> Iterator[Any]:
    """Make the index of each batch of `n` samples: a slice, or positions in `order`; the last may be smaller."""
    for start in range(0, n, batch_size):
        stop = min(start + batch_size, n)
        yield slice(start, stop) if order is None else order[start:stop]


def is_due(epoch: int, frequency: int | Container[int]) -> bool:
    """Return whether an epoch, numbered from 1, ends with a validation; `frequency` is that of `check_frequency`."""
    return epoch % frequency == 0 if isinstance(frequency, int) else epoch in frequency


def check_frequency(owner: str, value: Any) -> int | frozenset[int]:
    """Return `validation_freq` as an int or a set of epochs. Raises ValueError for anything else, and for 0."""
    several = sorted(value) if isinstance(value, (set, frozenset, range)) else plain(value)
    if isinstance(several, (list, tuple)):
        return frozenset(as_integers(owner, "validation_freq", several, 1))
    return as_integer(owner, "validation_freq", value, 1)


def check_weights(sample_weight: Tree, n: int) -> Any:
    """Return a weight, or a row of weights, for each of `n` samples; for several outputs in a list or dict; or None.

    Raises:
        ValueError: another number of weights.
    """
    if sample_weight is None:
        return None
    weights = to_arrays(sample_weight, "sample_weight")
    for leaf in leaves(weights):
        if len(leaf) != n:
            raise ValueError(
                f"sample_weight must have one weight for each of {n} samples. Received: shape={leaf.shape}"
            )
    return map_leaves(lambda leaf: leaf.astype(config.floatx(), copy=False), weights)


def check_class_weight(class_weight: Any) -> dict[int, float] | None:
    """Return the weights by class; None stays None. Raises ValueError unless it is a dict of numbers by integers."""
    if class_weight is None:
        return None
    if not isinstance(class_weight, Mapping) or not all(_is_class(key) for key in class_weight):
        raise ValueError(
            "class_weight must be a dict of numbers by class, which are integers, such as {0: 1.0, 1: 5.0}. "
            f"Received: class_weight={class_weight!r}"
        )
    if not all(is_number(number_of(weight)) for weight in class_weight.values()):
        raise ValueError(f"class_weight must give a number for each class. Received: class_weight={class_weight!r}")
    return {int(key): float(weight) for key, weight in class_weight.items()}


def _is_class(key: Any) -> bool:
    return is_number(key) and float(key).is_integer()


def weigh_classes(data: tuple, class_weight: Mapping[int, float] | None) -> tuple:
    """Return `data` with every weight multiplied by the weight of the sample's class.

    Args:
        data: (x, y, weights or None); targets are classes, rounded to integers, or one-hot along the last axis.
        class_weight: the dict that `check_class_weight` returns; other classes count 1.

    Raises:
        ValueError: several outputs, or targets that are no classes.
    """
    if class_weight is None:
        return data
    x, y, weights = data
    if len(leaves(y)) != 1:
        raise ValueError(f"class_weight is for models with one output. Received: {len(leaves(y))} targets")
    target = to_host(leaves(y)[0])
    classes = target.argmax(axis=-1) if target.ndim > 1 and target.shape[-1] != 1 else target
    if classes.size != len(target):
        raise ValueError(f"class_weight needs one class for each sample. Received: y.shape={target.shape}")
    found, index = np.unique(np.rint(classes.reshape(-1).astype("float64")), return_inverse=True)
    by_class = np.array([class_weight.get(int(c), 1.0) for c in found], config.floatx())[index.reshape(-1)]
    return x, y, by_class if weights is None else map_leaves(lambda w: (to_host(w).T * by_class).T, weights)


def check_validation_data(data: Tree, has_targets: bool) -> tuple:
    """Return `data` as a tuple.

    Raises:
        ValueError: it is not (x, y) or (x, y, sample_weight), nor (x,) if training has no targets.
    """
    if not isinstance(data, (list, tuple)) or len(data) not in ((2, 3) if has_targets else (1, 2, 3)):
        kind = f"{type(data).__name__} of {len(data)}" if isinstance(data, (list, tuple)) else type(data).__name__
        raise ValueError(f"validation_data must be (x, y) or (x, y, sample_weight). Received: {kind}")
    if has_targets and data[1] is None:
        raise ValueError("validation_data must have targets, since the data to train with have. Received: y=None")
    return tuple(data)


def split_validation(data: tuple, fraction: float) -> tuple[tuple, tuple]:
    """Return the first part and the last `fraction` of every array, in order, as Keras splits.

    Raises:
        ValueError: a fraction that leaves a part empty.
    """
    n = count_samples(data[0])
    cut = int(n * (1 - fraction))
    if not 0 < cut < n:
        raise ValueError(
            "fit: validation_split must leave samples in both parts. "
            f"Received: validation_split={fraction!r}, {n} samples"
        )
    return take(data, slice(0, cut)), take(data, slice(cut, n))
