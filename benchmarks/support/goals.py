"""Goals for each kind of rows: the required ratio to the fastest rival."""

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
    "resize": "resizing",
    "cross_entropy": "loss",
    "layer": "layer call",
    "batches": "batches of data",
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
    """Return the kind of rows to which `case` belongs."""
    return kind_of_conv(case) if isinstance(case, Conv) else KINDS[case.op]


def kind_of_conv(case: Conv) -> str:
    channels = case.image[-1]
    if case.groups > 1:
        return "depthwise" if case.groups == channels else "grouped"
    if case.rank != 2:
        return f"{case.rank}-D"
    if channels == case.filters == 1:
        return "image filter"
    if channels <= 3:
        return "first layer"
    if case.filters <= 16 and case.window != (1, 1):
        return "few outputs"
    near = case.window == (3, 3) and case.strides == case.dilation == (1, 1)
    return "3x3" if near and min(channels, case.filters) >= 64 else "other"


@dataclass(frozen=True)
class Goal:
    """The required ratios of a kind of rows: their geometric mean and their minimum."""

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
    "image filter": Goal(2.0, 1.0),
    "pooling": Goal(1.5, 1.0),
    "padding": Goal(1.5, 1.0),
    "normalisation": Goal(1.5, 1.0),
    "activation": Goal(1.5, 1.0),
    "softmax": Goal(1.5, 1.0),
    "dense layer": Goal(1.0, 1.0),
    "resizing": Goal(1.5, 1.0),
    "loss": Goal(1.0, 1.0),
    "layer call": Goal(1.0, 1.0),
    "batches of data": Goal(1.0, 1.0),
    "whole net": Goal(1.0, 1.0),
}
# If only the direct algorithm applies, each row of the forward pass must match the rival.
GOALS_OF_DIRECTION = {("other", "forward"): Goal(1.0, 1.0)}
ALL_CONVOLUTIONS = Goal(1.8, 1.0)

# With less arithmetic, starting a second thread takes a significant part of the time.
SECOND_THREAD_FLOPS = 20_000_000
SECOND_THREAD = 1.85

# Fraction of the FMA peak, for direct convolutions with sums of this length and outputs that fill vectors.
DIRECT_SHARE, FULL_DEPTH, FULL_COLUMNS = 0.85, 576, 64
# Fraction of the memory's bandwidth, for operations that are limited by reading and writing arrays.
MEMORY_SHARE = 1 / 1.3


def goal(kind: str, direction: str) -> Goal:
    return GOALS_OF_DIRECTION.get((kind, direction), GOALS[kind])


# The required ratio of whole nets: by net, work ("predict" or "train"), and batch size; of all others 1.
NET_GOALS = {
    ("lenet5", "predict", 1): 1.4,
    ("lenet5", "predict", 16): 1.5,
    ("lenet5", "train", 32): 3.0,
    ("cifar_vgg", "predict", 1): 1.5,
    ("cifar_vgg", "predict", 16): 2.5,
    ("cifar_vgg", "train", 32): 2.5,
    ("mobilenet_v2", "predict", 1): 1.15,
    ("mobilenet_v2", "predict", 16): 1.15,
    ("mobilenet_v2", "train", 32): 2.0,
    ("resnet50", "predict", 1): 1.15,
    ("resnet50", "predict", 16): 1.25,
    ("resnet50", "train", 32): 2.0,
    ("densenet121", "predict", 1): 1.2,
    ("vgg16", "predict", 1): 2.0,
}


def net_goal(net: str, work: str, batch: int, threads: int, instruction_set: str) -> float:
    """Return the required ratio of a net."""
    if instruction_set != "avx512":
        return 1.0
    if (net, work, batch, threads) == ("mobilenet_v2", "predict", 1, 1):
        return 1.05  # 1.15 would need 84 % of the FMA peak over the whole net
    return NET_GOALS.get((net, work, batch), 1.0)
