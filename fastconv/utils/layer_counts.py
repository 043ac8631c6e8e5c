"""The counts of a layer: its neurons, connections, weights and multiply-adds."""

from __future__ import annotations

from typing import NamedTuple

from fastconv.typing import PartialShape, Shape


class LayerCounts(NamedTuple):
    """The counts of a call of a layer for a single sample, as `Model.counts` returns them.

    Attributes:
        name: str, the name of the layer; inside a nested model "model/layer".
        kind: str, its class.
        output_shape: the shape of its output, beginning with the batch.
        window: the size of its window in pixels along each spatial axis, or None if it has none.
        formulas: the formula of the output's size along each spatial axis, such as "(7 - 3)/2 + 1 = 3"; an empty tuple
            if it has no window.
        weights: int, the number of its weights, biases included.
        weights_formula: str, such as "(5*5*3 + 1)*10 = 760", or "" if no formula is known.
        neurons: int, the number of elements of its output; 0 for layers that only move numbers, such as Flatten.
        connections: int, the number of pairs of a neuron and an element that it reads through a weight or a window.
            Zeros of the padding and biases do not count. 0 for layers without weights or windows.
        multiply_adds: int, the products of a weight and an input. Products with zeros of the padding count.
        receptive_field: the size of the largest region of the model's input on which an output element depends, along
            each spatial axis, or None if it is not known. Regions may reach beyond the border of the input.

    Example:
        >>> model = Sequential([Input((32, 32, 3)), layers.Conv2D(10, 5, padding="same", name="conv")])
        >>> count = model.counts()[0]
        >>> count.weights, count.weights_formula, count.formulas[0]
        (760, '(5*5*3 + 1)*10 = 760', '(32 - 5 + 2*2)/1 + 1 = 32')
        >>> count.neurons, count.multiply_adds, count.receptive_field
        (10240, 768000, (5, 5))
    """

    name: str
    kind: str
    output_shape: PartialShape
    window: Shape | None
    formulas: tuple[str, ...]
    weights: int
    weights_formula: str
    neurons: int
    connections: int
    multiply_adds: int
    receptive_field: Shape | None
