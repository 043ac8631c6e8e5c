"""fastconv itself, by the functions and models that a user calls."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

import fastconv
from benchmarks.support.cases import (
    Batches,
    BatchNorm,
    Case,
    Conv,
    ConvTranspose,
    CrossEntropy,
    Dense,
    GlobalPool,
    LayerCall,
    Model,
    Pad,
    Pointwise,
    Pool,
    Resize,
)
from benchmarks.support.nets import NETS
from fastconv import GradientTape, applications, config, explain_conv, layers, models, ops
from fastconv.backends import backend_of
from fastconv.engine import Tensor, gradients
from fastconv.engine.primitive import calls_before
from fastconv.initializers import Constant
from fastconv.preprocessing.image import ImageDataGenerator
from fastconv.utils import Dataset


class Fastconv:
    name = "fastconv"
    package = "fastconv"
    layout = "channels_last"

    def available(self) -> bool:
        return True

    def takes(self, case: Case) -> bool:
        return True

    def algorithm(self, case: Case) -> str:
        """Return the name of the algorithm that computes a convolution; empty for other cases."""
        if isinstance(case, Conv):
            shape, direction = case.input_shape, case.direction
        elif isinstance(case, ConvTranspose):
            shape, direction = case.shapes["dy"], READ_BACKWARDS[case.direction]
        else:
            return ""
        how = (case.strides, case.sides, case.dilation)
        return explain_conv(shape, case.shapes["w"], *how)[direction].algorithm

    def set_num_threads(self, n: int) -> None:
        config.set_num_threads(n)

    def prepare(self, case: Case) -> Callable[[], Any]:
        return PREPARE[case.op](case)

    def as_numpy(self, case: Case, result: Any) -> np.ndarray:
        return np.asarray(result)


# The direction of the convolution that computes a direction of the transposed convolution.
READ_BACKWARDS = {
    "forward": "backward_input",
    "backward_input": "forward",
    "backward_kernel": "backward_kernel",
}


def backward(function: Callable[[Any], Any], x: np.ndarray, dy: np.ndarray) -> Callable[[], Any]:
    """Return the gradient of `function` by x, given dy and the saved results of the forward pass."""
    inputs, seed = Tensor.of(x), Tensor(dy.shape, dy.dtype)
    (dx,) = gradients(function(inputs), seed, [inputs])
    steps = calls_before([dx], known=lambda t: t.value is not None)

    def run() -> np.ndarray:
        values = {seed: dy}
        for step in steps:
            arrays = tuple([values[t] if t.value is None else t.value for t in step.inputs])
            result = step.primitive.prepare(arrays, step.params).run()
            values.update(zip(step.outputs, result if isinstance(result, tuple) else (result,)))
        return values[dx]

    return run


def either(case: Case, function: Callable[[Any], Any], x: np.ndarray, dy: np.ndarray) -> Callable[[], Any]:
    """Return `function` of x, or its gradient."""
    return partial(function, x) if case.direction == "forward" else backward(function, x, dy)


def conv(case: Conv) -> Callable[[], Any]:
    x, w, dy = case.arrays().values()
    how = {"strides": case.strides, "padding": case.sides, "dilation_rate": case.dilation}
    if case.direction == "forward":
        return partial(ops.conv, x, w, **how)
    if case.direction == "backward_input":
        return partial(ops.conv_backward_input, dy, w, x.shape, **how)
    return partial(ops.conv_backward_kernel, x, dy, w.shape, **how)


def conv_transpose(case: ConvTranspose) -> Callable[[], Any]:
    x, w, dy = case.arrays().values()
    how = {"strides": case.strides, "dilation_rate": case.dilation}
    if case.direction == "forward":
        return partial(ops.conv_transpose, x, w, padding=case.padding, **how)
    if case.direction == "backward_input":
        return partial(ops.conv, dy, w, padding=case.sides, **how)
    return partial(ops.conv_backward_kernel, dy, x, w.shape, padding=case.sides, **how)


def pool(case: Pool) -> Callable[[], Any]:
    operation = getattr(ops, case.op)
    how = {"pool_size": case.window, "strides": case.strides, "padding": case.sides}
    return either(case, partial(operation, **how), **case.arrays())


def global_pool(case: GlobalPool) -> Callable[[], Any]:
    reduce = ops.mean if case.op == "global_average_pool" else ops.max
    return either(case, partial(reduce, axis=tuple(range(1, len(case.image)))), **case.arrays())


def pad(case: Pad) -> Callable[[], Any]:
    sides = ((0, 0), *((p, p) for p in case.padding), (0, 0))
    return partial(ops.pad, case.arrays()["x"], sides, case.mode)


def pointwise(case: Pointwise) -> Callable[[], Any]:
    return either(case, getattr(ops, case.op), **case.arrays())


def batch_norm(case: BatchNorm) -> Callable[[], Any]:
    x, dy, gamma, beta = case.arrays().values()
    if case.direction == "inference":
        mean, variance = ops.moments(x, axes=tuple(range(x.ndim - 1)))
        return partial(ops.batch_normalization, x, mean, variance, -1, beta, gamma, case.EPSILON)
    return either(case, lambda x: ops.batch_norm(x, gamma, beta, epsilon=case.EPSILON)[0], x, dy)


def dense(case: Dense) -> Callable[[], Any]:
    x, w, dy = case.arrays().values()
    if case.direction == "forward":
        return partial(ops.matmul, x, w)
    if case.direction == "backward_input":
        return partial(backend_of(dy).matmul, dy, w, transpose_b=True)
    return partial(backend_of(x).matmul, x, dy, transpose_a=True)


def resize(case: Resize) -> Callable[[], Any]:
    return either(case, partial(ops.image.resize, size=case.size), **case.arrays())


def cross_entropy(case: CrossEntropy) -> Callable[[], Any]:
    x, dy, labels = case.arrays().values()
    return either(case, lambda x: ops.sparse_categorical_crossentropy(labels, x, from_logits=True), x, dy)


def layer(case: LayerCall) -> Callable[[], Any]:
    x, w, b = case.arrays().values()
    how = {"kernel_initializer": Constant(w), "bias_initializer": Constant(b)}
    made = layers.Conv2D(case.filters, 3, padding="same", **how) if x.ndim > 2 else layers.Dense(case.filters, **how)
    if case.direction == "forward":
        return partial(made, x)
    made.build(x.shape)

    def gradient() -> Any:
        with GradientTape() as tape:
            y = made(x)
        return tape.gradient(y, made.trainable_weights)[0]

    return gradient


def batches(case: Batches) -> Callable[[], Any]:
    x, labels = case.arrays().values()
    if case.name == "dataset":
        source: Any = Dataset.from_tensor_slices((x, labels)).shuffle(case.samples).batch(case.batch)
    else:
        source = ImageDataGenerator(**AUGMENTATION).flow(x, labels, batch_size=case.batch)
    steps = -(-case.samples // case.batch)

    return lambda: deque(islice(source, steps), maxlen=1).pop()[0]


def net(case: Model) -> models.Model:
    if case.name in NETS:
        return NETS[case.name][0](fastconv)[0]
    return APPLICATIONS[case.name](weights=None, input_shape=case.image, classes=case.classes)


def model(case: Model) -> Callable[[], Any]:
    x, labels = case.arrays().values()
    made = net(case)
    made.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    if case.direction == "inference":
        return partial(made.predict_on_batch, x)
    return partial(made.train_on_batch, x, labels)


AUGMENTATION: dict[str, Any] = {
    "rotation_range": 15,
    "width_shift_range": 0.1,
    "height_shift_range": 0.1,
    "zoom_range": 0.1,
    "horizontal_flip": True,
}
APPLICATIONS = {"vgg16": applications.VGG16, "resnet50": applications.ResNet50}
PREPARE: dict[str, Callable[..., Callable[[], Any]]] = {
    "conv": conv,
    "conv_transpose": conv_transpose,
    "max_pool": pool,
    "average_pool": pool,
    "global_max_pool": global_pool,
    "global_average_pool": global_pool,
    "pad": pad,
    "batch_norm": batch_norm,
    **dict.fromkeys(("relu", "sigmoid", "tanh", "gelu", "silu", "softmax"), pointwise),
    "dense": dense,
    "resize": resize,
    "cross_entropy": cross_entropy,
    "layer": layer,
    "batches": batches,
    "model": model,
}
