"""The whole nets of shapes/*.txt and of benchmarks/gpu.py in PyTorch, up to the logits.

The layers are those of fastconv. Keras's zero padding before a pooling is padding of the pooling here, which is the
same after a ReLU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import nn

from benchmarks.support.cases import Model


class Residual(nn.Module):
    """ReLU of the sum of two branches of x."""

    def __init__(self, shortcut: nn.Module, branch: nn.Module) -> None:
        super().__init__()
        self.shortcut = shortcut
        self.branch = branch

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.shortcut(x) + self.branch(x))


def lenet5(case: Model) -> Iterator[nn.Module]:
    yield from (nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2))
    yield from (nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    yield from (nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, case.classes))


def mnist_convnet(case: Model) -> Iterator[nn.Module]:
    yield from (nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2))
    yield from (nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    yield from (nn.Dropout(0.5), nn.Linear(1600, case.classes))


def vgg16(case: Model) -> Iterator[nn.Module]:
    height, width, channels = case.image
    for filters, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(depth):
            yield from (nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU())
            channels = filters
        yield nn.MaxPool2d(2)
    yield from (nn.Flatten(), nn.Linear(512 * (height // 32) * (width // 32), 4096), nn.ReLU())
    yield from (nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, case.classes))


def resnet50(case: Model) -> Iterator[nn.Module]:
    """The first 1x1 convolution of a block has the stride, as in the paper and in Keras."""
    yield from (*normalized(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1))
    channels = 64
    for filters, blocks, first in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for stride in (first, *[1] * (blocks - 1)):
            wide = 4 * filters
            shortcut = nn.Identity() if channels == wide else nn.Sequential(*normalized(channels, wide, 1, stride))
            branch = [*normalized(channels, filters, 1, stride), nn.ReLU(), *normalized(filters, filters, 3), nn.ReLU()]
            yield Residual(shortcut, nn.Sequential(*branch, *normalized(filters, wide, 1)))
            channels = wide
    yield from (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, case.classes))


def normalized(inputs: int, outputs: int, size: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    """Return a convolution with a bias, and normalisation."""
    convolution = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2)
    return convolution, nn.BatchNorm2d(outputs, eps=1.001e-5, momentum=0.01)


NETS: dict[str, Callable[[Model], Iterator[nn.Module]]] = {
    "lenet5": lenet5,
    "mnist_convnet": mnist_convnet,
    "vgg16": vgg16,
    "resnet50": resnet50,
}


def net(case: Model) -> nn.Module:
    return nn.Sequential(*NETS[case.name](case))
