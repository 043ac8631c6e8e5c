"""Architectures: those of Keras, with its names, order and shapes of layers and weights, and nets of the textbooks."""

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
    single_shot,
    vgg16,
    vgg19,
    xception,
)
from fastconv.applications.alexnet import AlexNet, ZFNet
from fastconv.applications.basic_resnet import ResNet18, ResNet34
from fastconv.applications.cifar_resnet import CifarResNet
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
from fastconv.applications.googlenet import GoogLeNet
from fastconv.applications.inception_v3 import InceptionV3
from fastconv.applications.lenet import LeNet5
from fastconv.applications.mobilenet import MobileNet
from fastconv.applications.mobilenet_v2 import MobileNetV2
from fastconv.applications.pattern_nets import pattern
from fastconv.applications.resnet import ResNet50, ResNet101, ResNet152
from fastconv.applications.resnet_v2 import ResNet50V2, ResNet101V2, ResNet152V2
from fastconv.applications.single_shot import SingleShotDetector
from fastconv.applications.unet import UNet
from fastconv.applications.vgg16 import VGG16
from fastconv.applications.vgg19 import VGG19
from fastconv.applications.xception import Xception

__all__ = [
    "VGG16",
    "VGG19",
    "AlexNet",
    "CifarResNet",
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
    "GoogLeNet",
    "InceptionV3",
    "LeNet5",
    "MobileNet",
    "MobileNetV2",
    "ResNet18",
    "ResNet34",
    "ResNet50",
    "ResNet50V2",
    "ResNet101",
    "ResNet101V2",
    "ResNet152",
    "ResNet152V2",
    "SingleShotDetector",
    "UNet",
    "Xception",
    "ZFNet",
    "densenet",
    "efficientnet",
    "imagenet_utils",
    "inception_v3",
    "mobilenet",
    "mobilenet_v2",
    "pattern",
    "resnet",
    "resnet50",
    "resnet_v2",
    "single_shot",
    "vgg16",
    "vgg19",
    "xception",
]
