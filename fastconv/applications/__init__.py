"""Pretrained architectures, with Keras's names, order and shapes of layers and weights."""

from fastconv.applications import (
    densenet,
    efficientnet,
    imagenet_utils,
    inception_v3,
    mobilenet,
    mobilenet_v2,
    resnet,
    resnet50,
    resnet_v2,
    vgg16,
    vgg19,
    xception,
)
from fastconv.applications.densenet import DenseNet121, DenseNet169, DenseNet201
from fastconv.applications.efficientnet import (
    EfficientNetB0,
    EfficientNetB1,
    EfficientNetB2,
    EfficientNetB3,
    EfficientNetB4,
    EfficientNetB5,
    EfficientNetB6,
    EfficientNetB7,
)
from fastconv.applications.inception_v3 import InceptionV3
from fastconv.applications.mobilenet import MobileNet
from fastconv.applications.mobilenet_v2 import MobileNetV2
from fastconv.applications.resnet import ResNet50, ResNet101, ResNet152
from fastconv.applications.resnet_v2 import ResNet50V2, ResNet101V2, ResNet152V2
from fastconv.applications.vgg16 import VGG16
from fastconv.applications.vgg19 import VGG19
from fastconv.applications.xception import Xception

__all__ = [
    "VGG16",
    "VGG19",
    "DenseNet121",
    "DenseNet169",
    "DenseNet201",
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "ResNet50",
    "ResNet50V2",
    "ResNet101",
    "ResNet101V2",
    "ResNet152",
    "ResNet152V2",
    "Xception",
    "densenet",
    "efficientnet",
    "imagenet_utils",
    "inception_v3",
    "mobilenet",
    "mobilenet_v2",
    "resnet",
    "resnet50",
    "resnet_v2",
    "vgg16",
    "vgg19",
    "xception",
]
