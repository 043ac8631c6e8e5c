"""PyTorch, by its fastest eager calls: gradients without autograd, the fused Adam, inference mode."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.cases import Case, Conv, Dense, Model, Pad, Pool

try:
    import torch
    from torch import nn
    from torch.nn import functional
except ImportError:
    torch = None


class PyTorch:
    name = "PyTorch"
    package = "torch"

    def __init__(self, layout: str) -> None:
        self.layout = layout

    def available(self) -> bool:
        return torch is not None

    def set_num_threads(self, n: int) -> None:
        torch.set_num_threads(n)

    def prepare(self, case: Case) -> Callable[[], Any]:
        return getattr(self, PREPARE[case.op])(case)

    def as_numpy(self, case: Case, result: Any) -> np.ndarray:
        if case.op in ("dense", "model"):
            return result.numpy()
        axes = (2, 3, 1, 0) if case.direction == "backward_kernel" else (0, 2, 3, 1)
        return result.permute(axes).numpy()

    def tensor(self, array: np.ndarray, axes: tuple[int, ...] = (0, 3, 1, 2)) -> torch.Tensor:
        """`array` with its axes in PyTorch's order, in this side's memory layout."""
        formats = {"NCHW": torch.contiguous_format, "channels_last": torch.channels_last}
        return torch.from_numpy(array).permute(axes).contiguous(memory_format=formats[self.layout])

    def conv(self, case: Conv) -> Callable[[], Any]:
        arrays = case.arrays()
        x, dy, w = self.tensor(arrays["x"]), self.tensor(arrays["dy"]), self.tensor(arrays["w"], (3, 2, 0, 1))
        how = (case.strides, case.padding, case.dilation)
        if case.direction == "forward":
            return no_grad(functional.conv2d, x, w, None, *how, case.groups)
        wanted = [case.direction == "backward_input", case.direction == "backward_kernel", False]
        backward = torch.ops.aten.convolution_backward
        which = wanted.index(True)
        return lambda: backward(dy, x, w, None, *how, False, (0, 0), case.groups, wanted)[which]

    def pool(self, case: Pool) -> Callable[[], Any]:
        x, dy = (self.tensor(array) for array in case.arrays().values())
        how = (case.window, case.strides, case.padding)
        if case.op == "average_pool":
            if case.direction == "forward":
                return no_grad(functional.avg_pool2d, x, *how)
            return partial(torch.ops.aten.avg_pool2d_backward, dy, x, *how, False, False, None)
        if case.direction == "forward":
            return no_grad(functional.max_pool2d, x, *how)
        _, indices = functional.max_pool2d(x, *how, return_indices=True)
        return partial(torch.ops.aten.max_pool2d_with_indices_backward, dy, x, *how, (1, 1), False, indices)

    def pad(self, case: Pad) -> Callable[[], Any]:
        rows, columns = case.padding
        mode = {"edge": "replicate"}.get(case.mode, case.mode)
        return no_grad(functional.pad, self.tensor(case.arrays()["x"]), (columns, columns, rows, rows), mode)

    def dense(self, case: Dense) -> Callable[[], Any]:
        x, w, dy = (torch.from_numpy(array) for array in case.arrays().values())
        weight = w.T.contiguous()  # as nn.Linear keeps it
        if case.direction == "forward":
            return no_grad(functional.linear, x, weight)
        if case.direction == "backward_input":
            return no_grad(torch.mm, dy, weight)
        return no_grad(lambda: torch.mm(dy.T, x).T)

    def model(self, case: Model) -> Callable[[], Any]:
        arrays = case.arrays()
        x, labels = self.tensor(arrays["x"]), torch.from_numpy(arrays["labels"])
        net = MODELS[case.name]()
        if self.layout == "channels_last":
            net = net.to(memory_format=torch.channels_last)
        if case.direction == "inference":
            return no_grad(nn.Sequential(net.eval(), nn.Softmax(1)), x)
        return training_step(net, x, labels)


def no_grad(function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    """The call without the bookkeeping of gradients."""
    return torch.inference_mode()(lambda: function(*arguments))


def training_step(net: nn.Module, x: torch.Tensor, labels: torch.Tensor) -> Callable[[], Any]:
    optimizer = torch.optim.Adam(net.parameters(), fused=True)

    def step() -> float:
        optimizer.zero_grad()
        loss = functional.cross_entropy(net(x), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def lenet5() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def mnist_convnet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(1600, 10),
    )


MODELS = {"lenet5": lenet5, "mnist_convnet": mnist_convnet}
PREPARE = {"conv": "conv", "max_pool": "pool", "average_pool": "pool", "pad": "pad", "dense": "dense", "model": "model"}
