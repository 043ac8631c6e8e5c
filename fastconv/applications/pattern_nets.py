"""Nets written as a pattern of layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import fastconv.layers as layers
from fastconv.applications.patterns import words_of
from fastconv.arguments import as_flag, as_integer, as_integers, plain
from fastconv.layers import Layer
from fastconv.models import Sequential
from fastconv.typing import IntOrInts, ShapeLike

__all__ = ["pattern"]

FOR_IMAGES = ("CONV", "POOL")
DENSE = {"FC", "CLASSES"}
NAMES = {"CLASSES": "predictions", "SOFTMAX": "softmax"}


def pattern(
    text: str,
    filters: IntOrInts = 32,
    units: IntOrInts = 128,
    kernel_size: IntOrInts = 3,
    pool_size: IntOrInts = 2,
    optional: bool = True,
    input_shape: ShapeLike = (32, 32, 3),
    classes: int = 10,
    name: str = "pattern",
    **counts: int,
) -> Sequential:
    """Create a net from a pattern of layers, such as "[(CONV-RELU)*2-POOL]*3-(FC-RELU)*2-SOFTMAX".

    Words are joined by "-" or "->" and grouped by parentheses. "*3" repeats a word or group, and "?" marks it as
    optional. "*N" repeats it as often as the argument N says.

    - INPUT, at the beginning, may be left out.
    - CONV is a convolution that pads to the same size, POOL maximum pooling.
    - RELU, TANH, SIGMOID and ELU are activations.
    - FC is a dense layer. The last FC has `classes` units if no activation follows, or only SOFTMAX.
    - SOFTMAX is the classifier: a dense layer with `classes` units, unless an FC precedes it, and the softmax.

    Args:
        text: str. The pattern.
        filters: int, or a sequence of ints with one for each convolution, or for each group of convolutions between
            poolings. Default: 32.
        units: int, or a sequence of ints with one for each FC except the classifier. Default: 128.
        kernel_size: int or two ints, of all convolutions. Default: 3.
        pool_size: int or two ints, of all poolings, and their stride. Default: 2.
        optional: bool. Whether words and groups with "?" are there. Default: True.
        input_shape: the shape of an image. Default: (32, 32, 3).
        classes: int. The number of classes. Default: 10.
        name: str. The model's name. Default: "pattern".
        **counts: the values of letters after "*", such as N=2.

    Returns:
        A `Sequential` model.

    Raises:
        ValueError: the pattern is not written correctly; the message marks the place. Or a convolution follows a dense
            layer, or `filters` or `units` has another number of entries.

    Example:
        >>> text = "[(CONV-RELU)*N-POOL?]*M-(FC-RELU)*K-SOFTMAX"
        >>> model = applications.pattern(text, filters=(16, 32), units=64, N=2, M=2, K=1)
        >>> [layer.name for layer in model.layers][:6]
        ['conv1', 'relu1', 'conv2', 'relu2', 'pool1', 'conv3']
        >>> model.output_shape
        (None, 10)
    """
    if not isinstance(text, str):
        raise ValueError(f"pattern: the pattern must be a string. Received: text={text!r}")
    words = words_of(text, counts, as_flag("pattern", "optional", optional))
    words = with_classifier(words[1:] if words[:1] == ["INPUT"] else words)
    check_order(words)
    sizes = {
        "CONV": filters_of(words, filters),
        "FC": units_of(words, units),
        "CLASSES": [as_integer("pattern", "classes", classes, 1)],
    }
    net = [layers.Input(input_shape), *layers_of(words, sizes, kernel_size, pool_size)]
    return Sequential(net, name=name)


def with_classifier(words: list[str]) -> list[str]:
    """Return the words with the last dense layer as "CLASSES", if the pattern ends in FC or SOFTMAX."""
    end = ["SOFTMAX"] if words[-1:] == ["SOFTMAX"] else []
    body = words[: len(words) - len(end)]
    if body[-1:] == ["FC"]:
        return [*body[:-1], "CLASSES", *end]
    return [*body, "CLASSES", *end] if end else body


def check_order(words: list[str]) -> None:
    """Raise ValueError if there is no layer, a layer of images follows a dense layer, or a word is out of place."""
    first_dense = next((i for i, word in enumerate(words) if word in DENSE), len(words))
    misplaced = [word for word in words[first_dense:] if word in FOR_IMAGES]
    misplaced += ["INPUT"] * words.count("INPUT") + ["SOFTMAX"] * ("SOFTMAX" in words[:-1])
    if not words or misplaced:
        raise ValueError(
            "pattern: the pattern must have a layer, INPUT only at its beginning, CONV and POOL before FC, and SOFTMAX "
            f"only at its end. Received: {'-'.join(words) or 'no layer'}"
        )


def stages_of(words: list[str]) -> list[int]:
    """Return the index of the stage of each convolution; poolings separate the stages."""
    stage, found = -1, []
    images = [word for word in words if word in FOR_IMAGES]
    for before, word in zip(["POOL", *images], images):
        stage += before == "POOL" and word == "CONV"
        found += [stage] * (word == "CONV")
    return found


def filters_of(words: list[str], filters: IntOrInts) -> list[int]:
    """Return the number of filters of each convolution."""
    stages = stages_of(words)
    several = len(set(stages))
    if is_single(filters):
        return [as_integer("pattern", "filters", filters, 1)] * len(stages)
    given = as_integers("pattern", "filters", filters, 1)
    if len(given) not in (len(stages), several):
        raise ValueError(
            f"pattern: filters must be an int, or have an int for each of the {len(stages)} convolutions or each of "
            f"the {several} groups between poolings. Received: filters={filters!r}"
        )
    return [*given] if len(given) == len(stages) else [given[stage] for stage in stages]


def units_of(words: list[str], units: IntOrInts) -> list[int]:
    """Return the number of units of each dense layer except the classifier."""
    count = words.count("FC")
    if is_single(units):
        return [as_integer("pattern", "units", units, 1)] * count
    given = as_integers("pattern", "units", units, 1)
    if len(given) != count:
        raise ValueError(
            f"pattern: units must be an int, or have an int for each of the {count} layers FC except the classifier. "
            f"Received: units={units!r}"
        )
    return [*given]


def is_single(value: IntOrInts) -> bool:
    """Return whether a value is a number, not a sequence."""
    return not isinstance(plain(value), (list, tuple))


def layers_of(
    words: list[str], sizes: dict[str, list[int]], kernel_size: IntOrInts, pool_size: IntOrInts
) -> Iterator[Layer]:
    """Yield the layers; `sizes` has the filters of each CONV and the units of each FC and of CLASSES."""
    numbers: Counter[str] = Counter()
    for word in words:
        if word in DENSE and not numbers.keys() & DENSE:
            yield layers.Flatten(name="flatten")
        size = sizes[word][numbers[word]] if word in sizes else 0
        numbers[word] += 1
        name = NAMES.get(word, f"{word.lower()}{numbers[word]}")
        if word == "CONV":
            yield layers.Conv2D(size, kernel_size, padding="same", kernel_initializer="he_normal", name=name)
        elif word == "POOL":
            yield layers.MaxPooling2D(pool_size, name=name)
        elif word in DENSE:
            yield layers.Dense(size, kernel_initializer="he_normal", name=name)
        else:
            yield layers.Activation(word.lower(), name=name)
