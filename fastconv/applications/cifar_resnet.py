"""ResNets for images of 32x32 pixels, and the same nets without shortcuts; He et al. 2015, section 4.2."""

from __future__ import annotations

import os

import fastconv.layers as layers
import fastconv.ops as ops
from fastconv.applications.architecture import channels_are_last, channels_in
from fastconv.applications.basic_resnet import BasicResNet, convolution
from fastconv.arguments import as_integer
from fastconv.engine import KerasTensor
from fastconv.models import Model
from fastconv.typing import ActivationLike, ShapeLike

__all__ = ["CifarResNet"]

MOST_LAYERS = 2000  # the deepest net of the paper has 1202


class ThreeStages(BasicResNet):
    """Three stages of blocks of two 3x3 convolutions after a 3x3 convolution.

    Args:
        depth: the number of layers with kernels.
        shortcuts: whether blocks add their inputs.
    """

    size = 32
    least = 8
    filters = (16, 32, 64)

    def __init__(self, depth: int, shortcuts: bool) -> None:
        rounds, rest = divmod((depth - 2) // 2, len(self.filters))
        blocks = tuple(rounds + (stage < rest) for stage in range(len(self.filters)))
        super().__init__(f"resnet{depth}" if shortcuts else f"plain{depth}", blocks)
        self.shortcuts = shortcuts

    def stem(self, x: KerasTensor) -> KerasTensor:
        return layers.Activation("relu", name="conv1_relu")(convolution(x, self.filters[0], 3, 1, "conv1"))

    def shortcut(self, x: KerasTensor, filters: int, stride: int, name: str) -> KerasTensor | None:
        return identity(x, filters, stride) if self.shortcuts else None


def identity(x: KerasTensor, filters: int, stride: int) -> KerasTensor:
    """Return every `stride`-th pixel of x, with channels of zeros up to `filters`: option A of the paper."""
    more = filters - channels_in(x)
    if stride > 1:
        x = layers.MaxPooling2D(1, stride)(x)
    if more == 0:
        return x
    channels = [(0, 0), (0, 0), (0, 0)]
    channels.insert(3 if channels_are_last() else 1, (0, more))
    return ops.pad(x, channels)


def CifarResNet(
    depth: int = 20,
    shortcuts: bool = True,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    input_tensor: KerasTensor | None = None,
    input_shape: ShapeLike | None = None,
    pooling: str | None = None,
    classes: int = 10,
    classifier_activation: ActivationLike | None = "softmax",
    name: str | None = None,
) -> Model:
    """Create a ResNet for images of 32x32 pixels (He, Zhang, Ren and Sun 2015, "Deep residual learning", section 4.2).

    Three stages with 16, 32 and 64 filters have n blocks of two 3x3 convolutions each, 6n + 2 layers in all. Shortcuts
    have no parameters: if the shapes differ, they take every second pixel and add channels of zeros.

    Args:
        depth: int. The number of layers, even: 20, 32, 44, 56 and 110 in the paper. If it is not 6n + 2, the first
            stages have a block more. Default: 20.
        shortcuts: bool. False creates the plain net, which is hard to train if it is deep. Both have the same
            parameters. Default: True.
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name: as for
            `ResNet18`.

    Returns:
        A `Model`.

    Raises:
        ValueError: depth is odd, less than 8 or above 2000, or as for `ResNet18`.

    Example:
        >>> model, plain = applications.CifarResNet(8), applications.CifarResNet(8, shortcuts=False)
        >>> model.count_params() == plain.count_params()
        True
    """
    depth = as_integer("CifarResNet", "depth", depth, 8, MOST_LAYERS)
    if depth % 2:
        raise ValueError(f"CifarResNet: depth must be even, since blocks have two layers. Received: {depth=}")
    net = ThreeStages(depth, shortcuts)
    return net(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
