"""LeNet-5: LeCun, Bottou, Bengio and Haffner 1998, "Gradient-based learning applied to document recognition"."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

import fastconv.layers as layers
import fastconv.ops as ops
from fastconv.applications.textbook import TextbookNet
from fastconv.engine import KerasTensor
from fastconv.models import Model
from fastconv.serialization import register_keras_serializable
from fastconv.typing import ActivationLike, Array, Config, ShapeLike, Tree

__all__ = ["LeNet5"]

# Maps of S2 that each map of C3 reads; table I of the paper.
TABLE = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5), (0, 1, 2, 3), (1, 2, 3, 4),
    (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5), (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip
SEED = 1998


@register_keras_serializable("fastconv")
def scaled_tanh(x: Array) -> Array:
    """1.7159 tanh(2x/3), which is 1 at x = 1; appendix A of the paper."""
    return 1.7159 * ops.tanh(2 / 3 * x)


@register_keras_serializable("fastconv")
class TableConv2D(layers.Conv2D):
    """Convolution whose filters read only the channels that a table names.

    Args:
        table: for each filter, the indices of the channels that it reads.
        kernel_size: as for `Conv2D`, and all other arguments too.

    The kernel (KH, KW, C) has a plane for each pair of a filter and a channel in the table.
    """

    def __init__(self, table: Sequence[Sequence[int]], kernel_size: int, **kwargs: Any) -> None:
        super().__init__(kwargs.pop("filters", len(table)), kernel_size, **kwargs)
        self.table = [list(row) for row in table]

    def build(self, input_shape: Tree) -> None:
        pairs = [(channel, k) for k, row in enumerate(self.table) for channel in row]
        shape = (self.channels(input_shape), self.filters)
        self.places = np.zeros((len(pairs), *shape), "float32")
        self.places[range(len(pairs)), [c for c, _ in pairs], [k for _, k in pairs]] = 1
        self.kernel = self.weight("kernel", (*self.kernel_size, len(pairs)))
        self.bias = self.weight("bias", (self.filters,))

    def convolution_op(self, inputs: Array, kernel: Array) -> Array:
        planes, channels, filters = self.places.shape
        places = self.places.reshape(planes, channels * filters)
        dense = ops.matmul(ops.reshape(kernel, (-1, planes)), places)  # (KH * KW, CI * CO)
        return super().convolution_op(inputs, ops.reshape(dense, (*self.kernel_size, channels, filters)))

    def get_config(self) -> Config:
        return {**super().get_config(), "table": self.table}


class LeNet(TextbookNet):
    """C1 to F6 and the output; figure 2 of the paper.

    Args:
        modern: whether to replace the parts that later nets replaced.
    """

    size = 32
    channels = 1

    def __init__(self, modern: bool) -> None:
        super().__init__("lenet5")
        self.modern = modern
        self.options: Config = {"activation": "relu" if modern else scaled_tanh}
        self.options["kernel_initializer"] = "he_uniform" if modern else "lecun_uniform"

    def features(self, x: KerasTensor, weights: Any) -> KerasTensor:
        x = self.pooled(layers.Conv2D(6, 5, name="C1", **self.options)(x), "S2")
        if self.modern:
            x = layers.Conv2D(16, 5, name="C3", **self.options)(x)
        else:
            x = TableConv2D(TABLE, 5, activation=scaled_tanh, name="C3")(x)
        return layers.Conv2D(120, 5, name="C5", **self.options)(self.pooled(x, "S4"))

    def pooled(self, x: KerasTensor, name: str) -> KerasTensor:
        """Halve the sides by maxima, or by means with a factor and a bias for each map, which are trained."""
        if self.modern:
            return layers.MaxPooling2D(name=name)(x)
        x = layers.AveragePooling2D(name=f"{name}_mean")(x)
        return layers.DepthwiseConv2D(1, activation=scaled_tanh, depthwise_initializer="ones", name=name)(x)

    def classify(self, x: KerasTensor, classes: int, activation: ActivationLike | None) -> KerasTensor:
        x = layers.Dense(84, name="F6", **self.options)(layers.Flatten(name="flatten")(x))
        if self.modern:
            return layers.Dense(classes, activation=activation, name="output")(x)
        output = layers.Dense(classes, activation=activation, use_bias=False, trainable=False, name="output")
        y = output(x)
        codes = np.random.RandomState(SEED).choice([-1.0, 1.0], (84, classes))
        output.set_weights([2 * codes])
        return y


def LeNet5(
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    input_tensor: KerasTensor | None = None,
    input_shape: ShapeLike | None = None,
    pooling: str | None = None,
    classes: int = 10,
    classifier_activation: ActivationLike | None = "softmax",
    name: str | None = None,
    modern: bool = False,
) -> Model:
    """Create LeNet-5 (LeCun, Bottou, Bengio and Haffner 1998, "Gradient-based learning", figure 2).

    The net of 1998 has 60,000 trainable parameters: activations 1.7159 tanh(2x/3), pooling with a factor and a bias per
    map, and 16 maps in C3 that each read some maps of S2. Its last layer compares the 84 units of F6 with a fixed
    code of +1 and -1 for each class. The score of a class is minus the squared distance to its code, without the
    terms that all classes share: twice the product of units and code. The paper draws its codes as small pictures of
    characters, and allows random codes, which are used here.

    With `modern`, ReLU, maximum pooling, all connections and a trained last layer take their places: 61,706 parameters.

    Args:
        include_top, weights, input_tensor, pooling, classes, classifier_activation, name: as for `ResNet18`.
        input_shape: the shape of an image, with sides from 32 on. None means (32, 32, 1): pad digits of 28x28 pixels.
            Default: None.
        modern: bool. Default: False.

    Returns:
        A `Model`.

    Raises:
        ValueError: as for `ResNet18`.

    Example:
        >>> applications.LeNet5(modern=True).count_params()
        61706
    """
    net = LeNet(modern)
    return net(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
