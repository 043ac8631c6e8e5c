"""The nets that are measured, by the names of the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import fastconv
from benchmarks.support import nets
from fastconv import applications


@dataclass(frozen=True)
class Net:
    """A net that classifies images, or each of their pixels.

    Attributes:
        title: its name in tables.
        build: a function of the sides of the images that returns a model with a softmax at its end.
        size: the sides of the images in inference.
        training_size: the sides of the images in training.
    """

    title: str
    build: Callable[[int], Any]
    size: int
    training_size: int


def written(title: str, of: Callable[[Any], nets.Net], size: int) -> Net:
    """Return a net of support/nets.py, which has a fixed size."""
    return Net(title, lambda _: of(fastconv)[0], size, size)


def application(title: str, of: Callable[..., Any], size: int, training_size: int) -> Net:
    """Return an architecture of `fastconv.applications` with 1000 classes and random weights."""
    return Net(title, lambda side: of(weights=None, input_shape=(side, side, 3)), size, training_size)


NETS: dict[str, Net] = {
    "lenet5": written("LeNet-5", nets.lenet5_tanh, 28),
    "cifar_vgg": written("CIFAR VGG", nets.cifar_vgg, 32),
    "resnet20": written("ResNet-20", nets.resnet20, 32),
    "mobilenet_v2": application("MobileNetV2", applications.MobileNetV2, 224, 96),
    "efficientnet_b0": application("EfficientNet-B0", applications.EfficientNetB0, 224, 96),
    "unet": written("U-Net", nets.unet, 128),
    "densenet121": application("DenseNet-121", applications.DenseNet121, 224, 96),
    "resnet50": application("ResNet-50", applications.ResNet50, 224, 224),
    "inception_v3": application("Inception-v3", applications.InceptionV3, 299, 139),
    "xception": application("Xception", applications.Xception, 299, 96),
    "vgg16": application("VGG-16", applications.VGG16, 224, 96),
}
