"""What the figures are held against: the kinds of rows, and how many times as fast as its rivals each is to be."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.support.cases import Case, Conv

KINDS = {
    "conv_transpose": "transposed",
    "max_pool": "pooling",
    "average_pool": "pooling",
    "global_max_pool": "pooling",
    "global_average_pool": "pooling",
    "pad": "padding",
    "batch_norm": "normalisation",
    "relu": "activation",
    "sigmoid": "activation",
    "tanh": "activation",
    "gelu": "activation",
    "silu": "activation",
    "softmax": "softmax",
    "dense": "dense layer",
    "model": "whole net",
}
CONVOLUTIONS = (
    "3x3",
    "other",
    "first layer",
    "few outputs",
    "depthwise",
    "grouped",
    "transposed",
    "1-D",
    "3-D",
)


def kind(case: Case) -> str:
    """The kind of rows that `case` belongs to."""
    return kind_of_conv(case) if isinstance(case, Conv) else KINDS[case.op]


def kind_of_conv(case: Conv) -> str:
    channels = case.image[-1]
    if case.groups > 1:
        return "depthwise" if case.groups == channels else "grouped"
    if case.rank != 2:
        return f"{case.rank}-D"
    if channels <= 3:
        return "first layer"
    if case.filters <= 16 and case.window != (1, 1):
        return "few outputs"
    near = case.window == (3, 3) and case.strides == case.dilation == (1, 1)
    return "3x3" if near and min(channels, case.filters) >= 64 else "other"


@dataclass(frozen=True)
class Goal:
    """What the ratios of a kind of rows are to be: their geometric mean, and the lowest of them."""

    mean: float
    least: float


GOALS = {
    "3x3": Goal(1.7, 1.0),
    "other": Goal(1.2, 1.0),
    "first layer": Goal(2.0, 1.0),
    "few outputs": Goal(2.0, 1.0),
    "depthwise": Goal(1.5, 1.0),
    "grouped": Goal(1.5, 1.0),
    "transposed": Goal(1.3, 1.0),
    "1-D": Goal(1.2, 1.0),
    "3-D": Goal(1.2, 1.0),
    "pooling": Goal(1.5, 1.0),
    "padding": Goal(1.5, 1.0),
    "normalisation": Goal(1.5, 1.0),
    "activation": Goal(1.5, 1.0),
    "softmax": Goal(1.5, 1.0),
    "dense layer": Goal(1.0, 1.0),
    "whole net": Goal(1.0, 1.0),
}
# Where the direct algorithm is all there is, forward passes are to be level with the rival, row by row.
GOALS_OF_DIRECTION = {("other", "forward"): Goal(1.0, 1.0)}
ALL_CONVOLUTIONS = Goal(1.8, 1.0)

# With less arithmetic, starting a second thread is a part of the time.
SECOND_THREAD_FLOPS = 20_000_000
SECOND_THREAD = 1.85

# Of the FMA peak, for direct convolutions whose sums are this long and whose outputs fill vectors.
DIRECT_SHARE, FULL_DEPTH, FULL_COLUMNS = 0.85, 576, 64
# Of the memory's bandwidth, where arrays are read and written without arithmetic to speak of.
MEMORY_SHARE = 1 / 1.3


def goal(kind: str, direction: str) -> Goal:
    return GOALS_OF_DIRECTION.get((kind, direction), GOALS[kind])
