"""Whole nets, written once with Keras's names: `library` is fastconv, or Keras on any backend.

Each function returns a model and the shape of its targets, which are class indices.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Net = tuple[Any, tuple[int, ...], int]  # the model, the shape of a target, the number of classes


def lenet5(library: Any) -> Net:
    """LeCun et al. 1998, with ReLU and maximum pooling; 28 x 28."""
    layers = library.layers
    stack = [library.Input((28, 28, 1)), layers.Conv2D(6, 5, padding="same", activation="relu"), layers.MaxPooling2D()]
    stack += [layers.Conv2D(16, 5, activation="relu"), layers.MaxPooling2D(), layers.Flatten()]
    stack += [layers.Dense(120, activation="relu"), layers.Dense(84, activation="relu")]
    return library.Sequential([*stack, layers.Dense(10, activation="softmax")]), (), 10


def lenet5_tanh(library: Any) -> Net:
    """LeCun et al. 1998, with tanh and average pooling; 28 x 28."""
    layers = library.layers
    stack = [library.Input((28, 28, 1)), layers.Conv2D(6, 5, padding="same", activation="tanh")]
    stack += [layers.AveragePooling2D(), layers.Conv2D(16, 5, activation="tanh"), layers.AveragePooling2D()]
    stack += [layers.Flatten(), layers.Dense(120, activation="tanh"), layers.Dense(84, activation="tanh")]
    return library.Sequential([*stack, layers.Dense(10, activation="softmax")]), (), 10


def mnist_convnet(library: Any) -> Net:
    """Keras's first example; 28 x 28."""
    layers = library.layers
    stack = [library.Input((28, 28, 1)), layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D()]
    stack += [layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(), layers.Dropout(0.5)]
    return library.Sequential([*stack, layers.Dense(10, activation="softmax")]), (), 10


def vgg16_bn(library: Any) -> Net:
    """Simonyan and Zisserman 2014, configuration D, as used on CIFAR-10, with batch normalisation; 32 x 32."""
    return vgg(library, ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)))


def cifar_vgg(library: Any) -> Net:
    """The first three blocks of `vgg16_bn`; 32 x 32."""
    return vgg(library, ((64, 2), (128, 2), (256, 3)))


def vgg(library: Any, blocks: tuple[tuple[int, int], ...]) -> Net:
    """Blocks of (filters, convolutions), each followed by pooling, and two dense layers."""
    layers = library.layers
    stack = [library.Input((32, 32, 3))]
    for filters, depth in blocks:
        for _ in range(depth):
            stack += [layers.Conv2D(filters, 3, padding="same"), layers.BatchNormalization(), layers.Activation("relu")]
        stack.append(layers.MaxPooling2D())
    stack += [layers.Flatten(), layers.Dense(512, activation="relu"), layers.Dropout(0.5)]
    return library.Sequential([*stack, layers.Dense(10, activation="softmax")]), (), 10


def resnet20(library: Any) -> Net:
    """He et al. 2015, section 4.2; 32 x 32."""
    layers = library.layers

    def conv(x: Any, filters: int, size: int, strides: int) -> Any:
        return layers.BatchNormalization()(layers.Conv2D(filters, size, strides=strides, padding="same")(x))

    inputs = library.Input((32, 32, 3))
    x = layers.ReLU()(conv(inputs, 16, 3, 1))
    for filters, first in ((16, 1), (32, 2), (64, 2)):
        for strides in (first, 1, 1):
            y = layers.ReLU()(conv(x, filters, 3, strides))
            y = conv(y, filters, 3, 1)
            x = conv(x, filters, 1, strides) if strides == 2 else x
            x = layers.ReLU()(layers.add([x, y]))
    x = layers.GlobalAveragePooling2D()(x)
    return library.Model(inputs, layers.Dense(10, activation="softmax")(x)), (), 10


def mobilenet_v2(library: Any) -> Net:
    """Sandler et al. 2018, table 2; 96 x 96."""
    layers = library.layers

    def conv(x: Any, layer: Any, bounded: bool = True) -> Any:
        x = layers.BatchNormalization(momentum=0.999)(layer(x))
        return layers.ReLU(6.0)(x) if bounded else x

    inputs = library.Input((96, 96, 3))
    x = conv(inputs, layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False))
    channels = 32
    blocks = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    for expansion, filters, repeats, first in blocks:
        for strides in (first, *[1] * (repeats - 1)):
            y = x if expansion == 1 else conv(x, layers.Conv2D(expansion * channels, 1, use_bias=False))
            y = conv(y, layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False))
            y = conv(y, layers.Conv2D(filters, 1, use_bias=False), bounded=False)
            x = layers.add([x, y]) if strides == 1 and channels == filters else y
            channels = filters
    x = layers.GlobalAveragePooling2D()(conv(x, layers.Conv2D(1280, 1, use_bias=False)))
    return library.Model(inputs, layers.Dense(1000, activation="softmax")(x)), (), 1000


def unet(library: Any) -> Net:
    """Ronneberger et al. 2015 with padding, 32 to 256 channels; 128 x 128."""
    layers = library.layers

    def double(x: Any, filters: int) -> Any:
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        return x

    inputs = x = library.Input((128, 128, 3))
    passed = []
    for filters in (32, 64, 128):
        passed.append(double(x, filters))
        x = layers.MaxPooling2D()(passed[-1])
    x = double(x, 256)
    for filters, skip in zip((128, 64, 32), reversed(passed)):
        x = layers.concatenate([layers.Conv2DTranspose(filters, 2, strides=2, padding="same")(x), skip])
        x = double(x, filters)
    return library.Model(inputs, layers.Conv2D(3, 1, activation="softmax")(x)), (128, 128), 3


NETS: dict[str, tuple[Callable[[Any], Net], tuple[int, ...]]] = {  # and the batch sizes of training
    "lenet5": (lenet5, (32, 128)),
    "mnist_convnet": (mnist_convnet, (32, 128)),
    "vgg16_bn": (vgg16_bn, (32, 128)),
    "resnet20": (resnet20, (32, 128)),
    "mobilenet_v2": (mobilenet_v2, (32,)),
    "unet": (unet, (8,)),
}
