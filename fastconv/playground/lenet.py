"""LeNet-5, with every number that it computes within reach: maps, windows, receptive fields and gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import fastconv.initializers as initializers
import fastconv.layers as layers
import fastconv.models as models
import fastconv.ops as ops
import fastconv.optimizers as optimizers
from fastconv.backends.gpu.transfer import to_host
from fastconv.engine import GradientTape
from fastconv.playground.drawings import SIDE
from fastconv.typing import Array

KINDS = {"relu": ("relu", layers.MaxPooling2D), "tanh": ("tanh", layers.AveragePooling2D)}  # today's net, that of 1998
EVALUATED = 64  # images at a time: each session keeps the maps of that many
CONVOLUTION, POOL, DENSE, SOFTMAX = "convolution", "pool", "dense", "softmax"


class Stage(NamedTuple):
    """A layer whose maps are shown: its output is `shape`, and it slides a window of `size` pixels by `stride`."""

    name: str
    kind: str
    shape: tuple[int, ...]
    size: int = 0  # 0: the layer reads everything
    stride: int = 1


INPUT = Stage("input", "input", (SIDE, SIDE, 1), 1)
STAGES = (
    INPUT,
    Stage("conv1", CONVOLUTION, (28, 28, 6), 5),
    Stage("pool1", POOL, (14, 14, 6), 2, 2),
    Stage("conv2", CONVOLUTION, (10, 10, 16), 5),
    Stage("pool2", POOL, (5, 5, 16), 2, 2),
    Stage("dense1", DENSE, (120,)),
    Stage("dense2", DENSE, (84,)),
    Stage("scores", DENSE, (10,)),
    Stage("probabilities", SOFTMAX, (10,)),
)
NAMES = tuple(stage.name for stage in STAGES)


class Box(NamedTuple):
    """A rectangle of pixels."""

    top: int
    left: int
    height: int
    width: int


class Window(NamedTuple):
    """The computation of a pixel of a map: activation(sum of products + bias) = value.

    Pooling takes the largest number of `inputs`, or their mean, and has no kernel. For softmax, `products` are
    exp(inputs - largest input), and the value is the share of one class in their sum.
    """

    inputs: Array
    kernel: Array | None
    products: Array | None
    bias: float
    value: float
    box: Box  # the place of `inputs` on each map of the layer before


class LeNet:
    """A LeNet-5 that trains by Adam.

    Args:
        kind: "relu", with maximum pooling, or "tanh", with average pooling.
        rate: the learning rate.
        seed: the seed of the first weights.
    """

    def __init__(self, kind: str, rate: float, seed: int) -> None:
        activation, pooling = KINDS[kind]
        self.activation, self.pooling = activation, "max" if kind == "relu" else "mean"

        def options(name: str, function: str | None = activation) -> dict[str, Any]:
            start = initializers.GlorotUniform(seed=seed + NAMES.index(name))
            return {"name": name, "activation": function, "kernel_initializer": start}

        last: dict[str, Any] = {"data_format": "channels_last"}
        self.model = models.Sequential(
            [
                layers.Input(INPUT.shape),
                layers.Conv2D(6, 5, **last, **options("conv1")),
                pooling(2, name="pool1", **last),
                layers.Conv2D(16, 5, **last, **options("conv2")),
                pooling(2, name="pool2", **last),
                layers.Flatten(name="flatten"),
                layers.Dense(120, **options("dense1")),
                layers.Dense(84, **options("dense2")),
                layers.Dense(10, **options("scores", None)),
                layers.Softmax(name="probabilities"),
            ]
        )
        self.model.compile(optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        self._every = models.Model(self.model.inputs, [self.model.get_layer(name).output for name in NAMES[1:]])

    def train(self, images: Array, labels: Array) -> None:
        """Update the weights by the gradient of a batch."""
        self.model.train_on_batch(images, labels)

    def evaluate(self, images: Array, labels: Array) -> tuple[float, float]:
        """Return loss and accuracy."""
        loss, accuracy = self.model.evaluate(images, labels, batch_size=EVALUATED, verbose=0)
        return float(loss), float(accuracy)

    def labels(self, images: Array) -> Array:
        """Return the class with the largest probability for each image."""
        return np.argmax(self.model.predict(images, batch_size=EVALUATED, verbose=0), -1)

    def maps(self, image: Array) -> dict[str, Array]:
        """Return the output of each stage for an image (32, 32, 1), without its batch axis."""
        outputs = [image[None], *self._every.predict_on_batch(image[None])]
        return {name: np.asarray(output)[0] for name, output in zip(NAMES, outputs)}

    def gradients(self, image: Array, label: int) -> dict[str, Array]:
        """Return the gradient of the score of a class with respect to the output of each stage before the scores."""
        with GradientTape() as tape:
            x = tape.watch(image[None])
            outputs = {INPUT.name: x}
            for layer in self.model.layers[:-1]:
                outputs[layer.name] = x = layer(x)
            score = outputs["scores"][0, label]
        names = NAMES[: NAMES.index("scores")]
        found = tape.gradient(score, [outputs[name] for name in names])
        return {name: to_host(gradient)[0] for name, gradient in zip(names, found)}

    def kernels(self) -> dict[str, Array]:
        """Return copies of the kernels of both convolutions, (KH, KW, CI, CO)."""
        return {name: np.array(self.model.get_layer(name).weights[0].numpy()) for name in ("conv1", "conv2")}

    def window(self, maps: dict[str, Array], name: str, channel: int, row: int, column: int) -> Window:
        """Return the computation of a pixel of the maps that `maps` returned."""
        index = NAMES.index(name)
        stage, before = STAGES[index], STAGES[index - 1]
        inputs, box = maps[before.name], window_box(index, row, column)
        value = float(maps[name][(row, column, channel) if stage.size else channel])
        if stage.size:
            inputs = inputs[box.top : box.top + box.height, box.left : box.left + box.width]
        if stage.kind == POOL:
            return Window(inputs[..., channel], None, None, 0.0, value, box)
        if stage.kind == SOFTMAX:
            return Window(inputs, None, np.asarray(ops.exp(inputs - inputs.max())), 0.0, value, box)
        kernel, bias = (np.asarray(weight.numpy()) for weight in self.model.get_layer(name).weights)
        kernel = kernel[..., channel].reshape(inputs.shape)
        return Window(inputs, kernel, inputs * kernel, float(bias[channel]), value, box)


def window_box(index: int, row: int, column: int) -> Box:
    """Return the pixels that stage `index` reads on the maps of the stage before, for its pixel (row, column)."""
    stage, before = STAGES[index], STAGES[index - 1]
    if stage.size:
        return Box(row * stage.stride, column * stage.stride, stage.size, stage.size)
    height, width = before.shape[:2] if len(before.shape) == 3 else (1, before.shape[0])
    return Box(0, 0, height, width)


def receptive_field(index: int, row: int, column: int) -> Box:
    """Return the pixels of the input on which a pixel of stage `index` depends."""
    box = Box(row, column, 1, 1)
    for stage in STAGES[index:0:-1]:
        if not stage.size:
            box = Box(0, 0, *STAGES[4].shape[:2])
            continue
        top, left, height, width = box
        reach = [(pixels - 1) * stage.stride + stage.size for pixels in (height, width)]
        box = Box(top * stage.stride, left * stage.stride, reach[0], reach[1])
    return box
