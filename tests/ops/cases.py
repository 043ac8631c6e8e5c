"""A table of ops: their arguments, and NumPy code for their results."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from fastconv import ops
from tests import naive
from tests.check import example


class Case(NamedTuple):
    name: str  # name of the op
    arguments: tuple  # arrays; float64 arrays are differentiated
    oracle: Callable[..., Any]
    parameters: Mapping[str, Any] = MappingProxyType({})
    second: bool = True  # whether its gradient is differentiable
    same_bits: bool = True  # whether plans give the bits of single calls

    def __call__(self, *arrays):
        return getattr(ops, self.name)(*arrays, **self.parameters)

    def __str__(self):
        return "-".join([self.name, *(f"{k}={v}" for k, v in self.parameters.items() if not isinstance(v, np.ndarray))])


X, Y = example(2, 3, 4), example(2, 3, 4, seed=1, low=-1.4)
ROW, COLUMN = example(4, seed=2), example(3, 1, seed=3)  # both broadcast against X
POSITIVE = example(2, 3, 4, low=0.5, high=2.0)
WHOLE = np.array([[3, -1, 2], [0, 5, -4]])
MASK = X > 0


def activation(name, oracle, **parameters):
    return Case(name, (4 * X,), oracle, parameters)


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def sparsemax(x):
    """Compute the threshold by bisection: the excess over it sums to 1."""
    low, high = x.max(-1, keepdims=True) - 1, x.max(-1, keepdims=True)
    for _ in range(60):
        middle = (low + high) / 2
        above = np.maximum(x - middle, 0).sum(-1, keepdims=True) > 1
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.maximum(x - low, 0)


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * (np.exp(x) - 1))


UNARY = [
    *(
        Case(name, (X,), getattr(np, name))
        for name in ("negative", "absolute", "abs", "sign", "exp", "expm1", "square")
    ),
    *(Case(name, (X,), getattr(np, name)) for name in ("sin", "cos", "isnan", "isfinite", "logical_not")),
    *(Case(name, (POSITIVE,), getattr(np, name)) for name in ("log", "log1p", "sqrt", "reciprocal")),
    *(Case(name, (3.3 * X,), getattr(np, name)) for name in ("floor", "ceil", "round")),
    Case("rsqrt", (POSITIVE,), lambda x: 1 / np.sqrt(x)),
    Case("isnan", (np.array([1.0, np.nan]),), np.isnan),
    Case("isfinite", (np.array([1.0, np.nan, np.inf]),), np.isfinite),
    Case("logical_not", (np.array([0.0, 2.0]),), np.logical_not),
    *(Case(name, (WHOLE,), getattr(np, name)) for name in ("negative", "absolute", "sign", "square")),
    Case("clip", (X,), lambda x, **_: np.clip(x, -0.8, 0.7), {"x_min": -0.8, "x_max": 0.7}),
]

BINARY = [
    *(Case(name, (X, Y), getattr(np, name)) for name in ("add", "subtract", "multiply", "maximum", "minimum")),
    *(Case(name, (X, ROW), getattr(np, name)) for name in ("add", "subtract", "multiply", "maximum", "minimum")),
    *(Case(name, (COLUMN, ROW), getattr(np, name)) for name in ("add", "subtract", "multiply", "maximum")),
    *(Case(name, (X, 0.5 + POSITIVE), getattr(np, name)) for name in ("divide", "true_divide", "mod", "floor_divide")),
    Case("divide", (ROW, POSITIVE[:, :, :1]), np.divide),
    Case("power", (POSITIVE, Y), np.power),
    Case("logaddexp", (X, ROW), np.logaddexp),
    Case("power", (X, np.array(2)), np.power),
    Case("mod", (WHOLE, np.array([3, 2, -3])), np.mod),
    Case("floor_divide", (WHOLE, np.array([3, 2, -3])), np.floor_divide),
    *(
        Case(name, (np.round(X), np.round(Y)), getattr(np, name))
        for name in ("equal", "not_equal", "greater", "greater_equal", "less", "less_equal")
    ),
    *(Case(name, (MASK, Y > 0), getattr(np, name)) for name in ("logical_and", "logical_or")),
    Case("where", (MASK, X, Y), np.where),
    Case("where", (MASK, ROW, COLUMN), np.where),
]

ACTIVATIONS = [
    activation("linear", lambda x: x),
    activation("relu", lambda x: np.maximum(x, 0)),
    activation("relu6", lambda x: np.clip(x, 0, 6)),
    Case("relu6", (4 * X,), lambda x: np.clip(x, 0, 6)),
    activation("leaky_relu", lambda x, **_: np.where(x > 0, x, 0.2 * x)),
    activation("leaky_relu", lambda x, **_: np.where(x > 0, x, 0.05 * x), negative_slope=0.05),
    activation("elu", elu),
    activation("elu", elu, alpha=0.3),
    activation("selu", lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772)),
    activation("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
    activation("hard_sigmoid", lambda x: np.clip(x / 6 + 0.5, 0, 1)),
    activation("tanh", np.tanh),
    activation("softplus", lambda x: np.log(1 + np.exp(x))),
    activation("softsign", lambda x: x / (1 + np.abs(x))),
    activation("silu", lambda x: x / (1 + np.exp(-x))),
    activation("gelu", lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))),
    activation("celu", elu),
    activation("celu", lambda x, alpha: np.where(x > 0, x, alpha * (np.exp(x / alpha) - 1)), alpha=0.5),
    Case("glu", (4 * X,), lambda x: x[..., :2] / (1 + np.exp(-x[..., 2:]))),
    Case("glu", (4 * X,), lambda x, axis: x[:1] / (1 + np.exp(-x[1:])), {"axis": 0}),
    activation("hard_silu", lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    activation("hard_tanh", lambda x: np.clip(x, -1, 1)),
    activation("hard_shrink", lambda x: np.where(np.abs(x) > 0.5, x, 0)),
    activation("soft_shrink", lambda x, threshold: np.sign(x) * np.maximum(np.abs(x) - threshold, 0), threshold=1.5),
    activation("tanh_shrink", lambda x: x - np.tanh(x)),
    activation("log_sigmoid", lambda x: -np.log(1 + np.exp(-x))),
    activation("mish", lambda x: x * np.tanh(np.log(1 + np.exp(x)))),
    activation("threshold", lambda x, **_: np.where(x > 0.7, x, -3), threshold=0.7, default_value=-3.0),
    activation("sparse_plus", lambda x: np.where(x >= 1, x, np.maximum(x + 1, 0) ** 2 / 4)),
    activation("sparse_sigmoid", lambda x: np.clip((x + 1) / 2, 0, 1)),
    activation("squareplus", lambda x: (x + np.sqrt(x * x + 4)) / 2),
    activation("squareplus", lambda x, b: (x + np.sqrt(x * x + b)) / 2, b=0.5),
    Case("sparsemax", (X,), sparsemax),
    Case(
        "sparsemax", (3.7 * X,), lambda x, axis: np.moveaxis(sparsemax(np.moveaxis(x, axis, -1)), -1, axis), {"axis": 1}
    ),
    activation(
        "gelu", lambda x, approximate: x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2, approximate=False
    ),
    activation("softmax", softmax),
    activation("softmax", softmax, axis=1),
    activation("log_softmax", lambda x: np.log(softmax(x))),
    activation("log_softmax", lambda x, axis: np.log(softmax(x, axis)), axis=0),
    activation("step", lambda x: np.where(x > 0, 1.0, 0.0)),
]

AXES: list[dict] = [{}, {"axis": 1}, {"axis": (0, -1)}, {"axis": -2, "keepdims": True}, {"axis": (), "keepdims": False}]
REDUCTIONS = [
    *(Case(name, (X,), getattr(np, name), axes) for name in ("sum", "mean", "max", "min", "var") for axes in AXES),
    *(Case("std", (X,), np.std, axes) for axes in AXES[:-1]),  # no spread, and so no slope, over zero axes
    Case("sum", (WHOLE,), np.sum, {"axis": 0}),
    Case("sum", (MASK,), np.sum),
    Case("argmax", (X,), np.argmax),
    Case("argmax", (X,), np.argmax, {"axis": 1}),
    Case("argsort", (X,), np.argsort, {"axis": None}),
    Case("argsort", (X,), np.argsort, {"axis": 1}),
    Case("moments", (X,), lambda x, axes: (np.mean(x, axes), np.var(x, axes)), {"axes": (0, 1)}),
]

CLASSES = {"num_classes": 3, "dtype": "float64"}
PADS = [{"pad_width": ((0, 0), (1, 2), (2, 3)), "mode": mode} for mode in ("reflect", "symmetric", "edge")]
SHAPES = [
    Case("reshape", (X,), lambda x, newshape: x.reshape(newshape), {"newshape": (4, -1)}),
    Case("reshape", (X,), lambda x, newshape: x, {"newshape": X.shape}),
    Case("ravel", (X,), np.ravel),
    Case("transpose", (X,), np.transpose),
    Case("transpose", (X,), np.transpose, {"axes": (1, -1, 0)}),
    Case("expand_dims", (X,), np.expand_dims, {"axis": -1}),
    Case("expand_dims", (X,), np.expand_dims, {"axis": (0, 2)}),
    Case("squeeze", (X[:, :1, None],), np.squeeze),
    Case("squeeze", (X[:, :1, None],), np.squeeze, {"axis": 1}),
    Case("broadcast_to", (COLUMN,), np.broadcast_to, {"shape": (2, 3, 4)}),
    Case("slice", (X,), lambda x, **_: x[1:2, 0:2, 1:4], {"start_indices": (1, 0, 1), "shape": (1, 2, 3)}),
    Case("split", (X,), lambda x, **_: np.split(x, 2, -1), {"indices_or_sections": 2, "axis": -1}),
    Case("split", (X,), lambda x, **_: np.split(x, [1, 1], 1), {"indices_or_sections": [1, 1], "axis": 1}),
    Case("flip", (X,), np.flip),
    Case("flip", (X,), np.flip, {"axis": (0, -1)}),
    Case("take", (X, WHOLE[:1] % 3), np.take, {"axis": 1}),
    Case("take", (X, np.array([[0, 23, 7], [0, 0, -1]])), np.take),
    Case(
        "one_hot",
        (np.array([[0, 2], [1, 5]]),),
        lambda x, **_: np.eye(6)[x][..., :3],
        {"num_classes": 3, "dtype": "float64"},
    ),
    Case("pad", (X,), np.pad, {"pad_width": ((0, 1), (2, 0), (1, 1))}),
    Case("pad", (X,), np.pad, {"pad_width": (1, 2), "constant_values": 0.5}),
    *(
        Case("pad", (X,), np.pad, {"pad_width": ((0, 0), (1, 2), (2, 3)), "mode": m})
        for m in ("reflect", "symmetric", "edge")
    ),
    Case("cast", (X,), lambda x, dtype: x.astype(dtype), {"dtype": "int64"}),
    Case("cast", (WHOLE,), lambda x, dtype: x.astype(dtype), {"dtype": "float64"}),
    Case("stop_gradient", (WHOLE,), lambda x: x),
    Case("convert_to_tensor", (X,), lambda x: x),
    Case("convert_to_tensor", (WHOLE,), lambda x, dtype: x.astype(dtype), {"dtype": "float64"}),
    Case("take_along_axis", (X, np.array([[[2], [0]], [[-1], [-3]]])), np.take_along_axis, {"axis": 1}),
    Case("take_along_axis", (X, np.array([[[3, 3, 0, 1, -4]] * 3] * 2)), np.take_along_axis, {"axis": -1}),
    Case("take_along_axis", (X[:1], np.array([[[1]], [[0]], [[2]]])), np.take_along_axis, {"axis": 1}),
    Case("take_along_axis", (X, np.array([0, 23, 0, -1])), np.take_along_axis, {"axis": None}),
]


def pooled(function, x, padding):
    """Return 2x2 windows with strides (2, 1), reduced to their pixels inside x."""
    (top, bottom), (left, right) = padding
    rows = range(-top, x.shape[1] + bottom - 1, 2)
    columns = range(-left, x.shape[2] + right - 1)
    windows = [[x[:, max(r, 0) : r + 2, max(c, 0) : c + 2] for c in columns] for r in rows]
    return np.stack([np.stack([function(w, axis=(1, 2)) for w in row], 1) for row in windows], 1)


IMAGES, KERNEL = example(2, 5, 4, 4), example(3, 2, 2, 6, seed=4)  # two groups
WINDOW = {"strides": (2, 1), "padding": ((1, 0), (0, 1)), "dilation_rate": (1, 2)}
NAIVE = {"strides": (2, 1), "padding": ((1, 0), (0, 1)), "dilation": (1, 2)}
CONVOLVED = naive.conv(IMAGES, KERNEL, **NAIVE)
DY = example(*CONVOLVED.shape, seed=5)
LINE, TAPS = example(2, 7, 3), example(3, 3, 2, seed=6)
VOLUME, BLOCK = example(1, 3, 4, 3, 2), example(2, 3, 2, 2, 3, seed=7)
VOLUME_WINDOW = {"strides": (1, 2, 1), "padding": ((1, 0), (1, 1), (0, 0))}
NAIVE_VOLUME = {**VOLUME_WINDOW, "dilation": (1, 1, 1)}
SPREAD = example(3, 2, 5, 4, seed=8)
POOL = {"pool_size": 2, "strides": (2, 1), "padding": ((1, 1), (0, 1))}

KERNELS = [
    Case("conv", (IMAGES, KERNEL), lambda x, w, **_: naive.conv(x, w, **NAIVE), WINDOW),
    Case(
        "conv_backward_input",
        (DY, KERNEL),
        lambda dy, w, input_shape, **_: naive.conv_backward_input(dy, w, input_shape=input_shape, **NAIVE),
        {"input_shape": IMAGES.shape, **WINDOW},
    ),
    Case(
        "conv_backward_kernel",
        (IMAGES, DY),
        lambda x, dy, kernel_shape, **_: naive.conv_backward_kernel(x, dy, kernel_shape=kernel_shape, **NAIVE),
        {"kernel_shape": KERNEL.shape, **WINDOW},
    ),
    Case(
        "conv",
        (LINE, TAPS),
        lambda x, w, **_: naive.conv(x, w, strides=(1,), padding=((4, 0),), dilation=(2,)),
        {"padding": "causal", "dilation_rate": 2},
    ),
    Case("conv", (VOLUME, BLOCK), lambda x, w, **_: naive.conv(x, w, **NAIVE_VOLUME), VOLUME_WINDOW),
    Case(
        "conv_transpose",
        (IMAGES, SPREAD),
        lambda x, w, **_: naive.conv_transpose(x, w, shape=(10, 12), strides=(2, 3), before=(0, 0), dilation=(1, 1)),
        {"strides": (2, 3), "padding": "same"},
    ),
    Case(
        "conv_transpose",
        (LINE, example(3, 2, 3, seed=9)),
        lambda x, w, **_: naive.conv_transpose(x, w, shape=(18,), strides=(2,), before=(0,), dilation=(2,)),
        {"strides": 2, "output_padding": 1, "dilation_rate": 2},
    ),
    Case(
        "depthwise_conv",
        (IMAGES, example(3, 2, 4, 2, seed=9)),
        lambda x, w, **_: naive.depthwise_conv(x, w, **NAIVE),
        WINDOW,
    ),
    Case(
        "depthwise_conv",
        (LINE, example(3, 3, 1, seed=9)),
        lambda x, w, **_: naive.depthwise_conv(x, w, strides=(2,), padding=((1, 1),), dilation=(1,)),
        {"strides": 2, "padding": "same"},
    ),
    Case(
        "separable_conv",
        (IMAGES, example(3, 2, 4, 2, seed=9), example(1, 1, 8, 3, seed=10)),
        lambda x, w, p, **_: naive.depthwise_conv(x, w, **NAIVE) @ p[0, 0],
        WINDOW,
    ),
    Case("matmul", (X[0], Y[0].T.copy()), lambda a, b: naive.matmul(a, b)),
    Case("matmul", (X, example(4, 5)), lambda a, b: np.stack([naive.matmul(m, b) for m in a])),
    Case("matmul", (X, example(2, 4, 2)), lambda a, b: np.stack([naive.matmul(m, n) for m, n in zip(a, b)])),
    Case("matmul", (X[0], example(2, 4, 2)), lambda a, b: np.stack([naive.matmul(a, n) for n in b])),
    Case("matmul", (ROW, example(4, 3)), lambda a, b: naive.matmul(a[None], b)[0]),
    Case("matmul", (X, ROW), lambda a, b: np.stack([naive.matmul(m, b[:, None])[:, 0] for m in a])),
    Case("matmul", (ROW, 2 * ROW), lambda a, b: naive.matmul(a[None], b[:, None])[0, 0]),
    Case("max_pool", (IMAGES,), lambda x, padding, **_: pooled(np.max, x, padding), POOL, second=False),
    Case("min_pool", (IMAGES,), lambda x, padding, **_: pooled(np.min, x, padding), POOL, second=False),
    Case("average_pool", (IMAGES,), lambda x, padding, **_: pooled(np.mean, x, padding), POOL),
    Case(
        "average_pool",
        (IMAGES,),
        lambda x, padding, **_: pooled(np.mean, np.pad(x, ((0, 0), *padding, (0, 0))), ((0, 0), (0, 0))),
        {**POOL, "count_padding": True},
    ),
]


def normalised(x, gamma=1.0, beta=0.0):
    mean, variance = x.mean((0, 1)), x.var((0, 1))
    return gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta, mean, variance


def cross_entropy(p, output):
    return -np.sum(p * np.log(output / output.sum(-1, keepdims=True)), -1)


def binary(t, p):
    return -t * np.log(p) - (1 - t) * np.log(1 - p)


P, Q = softmax(X / 2), softmax(Y / 2)
LABELS = np.array([[0, 3, 1], [2, 2, 0]])
SEED = np.array([7], np.uint64)
RATE = np.array(0.1)

LOGITS = {"from_logits": True}
LOSSES = [
    Case("batch_norm", (X, ROW, 2 * ROW), normalised, second=False),
    Case("batch_norm", (X,), normalised, second=False),
    Case(
        "batch_norm",
        (X,),
        lambda x, axis: tuple(y.T if y.ndim == 3 else y for y in normalised(x.T)),
        {"axis": 0},
        second=False,
    ),
    Case(
        "batch_normalization",
        (X, ROW, POSITIVE[0, 0]),
        lambda x, mean, variance, **_: (x - mean) / np.sqrt(variance + 1e-3),
        {"axis": -1},
        same_bits=False,
    ),
    Case("categorical_crossentropy", (P, Q), cross_entropy),
    Case("categorical_crossentropy", (P, Y), lambda t, x, **_: cross_entropy(t, softmax(x)), LOGITS, False),
    Case(
        "sparse_categorical_crossentropy",
        (LABELS, Q),
        lambda t, q: -np.log(np.take_along_axis(q, t[..., None], -1))[..., 0],
        second=False,
    ),
    Case(
        "sparse_categorical_crossentropy",
        (LABELS, Y),
        lambda t, x, **_: -np.log(np.take_along_axis(softmax(x), t[..., None], -1))[..., 0],
        LOGITS,
        second=False,
    ),
    Case("binary_crossentropy", (P, Q), binary),
    Case("binary_crossentropy", (P, Y), lambda t, x, **_: binary(t, 1 / (1 + np.exp(-x))), LOGITS),
]

TABLE = [*UNARY, *BINARY, *ACTIVATIONS, *REDUCTIONS, *SHAPES, *KERNELS, *LOSSES]
