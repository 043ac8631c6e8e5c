"""PyTorch, by its fastest eager calls: gradients without autograd, the fused Adam, inference mode."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from benchmarks.rivals import ours
from benchmarks.support.cases import (
    Arrays,
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
    Windowed,
)

try:
    import torch
    from torch import nn
    from torch.nn import functional

    from benchmarks.nets.modules import Twin
    from benchmarks.nets.twin import twin_of
    from benchmarks.support.torch_calls import no_grad, training_step

    aten = torch.ops.aten
except ImportError:
    torch = None


class PyTorch:
    """PyTorch in a memory layout; 1-D cases are channels last as images of height 1."""

    name = "PyTorch"
    package = "torch"

    def __init__(self, layout: str) -> None:
        self.layout = layout

    def available(self) -> bool:
        return torch is not None

    def takes(self, case: Case) -> bool:
        """Return False without a counterpart, and for the second layout if both layouts are the same."""
        if isinstance(case, Batches):
            return self.layout == "NCHW" and case.name == "dataset"
        return self.layout == "NCHW" or len(getattr(case, "image", ())) > 1

    def set_num_threads(self, n: int) -> None:
        torch.set_num_threads(n)

    def prepare(self, case: Case) -> Callable[[], Any]:
        return getattr(self, PREPARE[case.op])(self.seen(case))

    def as_numpy(self, case: Case, result: Any) -> np.ndarray:
        array, kernel = result.numpy(), is_kernel(case)
        if isinstance(case, LayerCall) and kernel and array.ndim == 2:
            return array.T
        if isinstance(case, (Dense, Model)) or array.ndim < 3:
            return array
        array = array.transpose((*range(2, array.ndim), 1, 0) if kernel else (0, *range(2, array.ndim), 1))
        if self.seen(case) is not case:
            array = array[0] if kernel else array[:, 0]
        return np.flip(array, spatial(array, kernel)) if flipped(case) else array

    def seen(self, case: Case) -> Case:
        """Return `case` with an axis of size 1 before a single spatial axis, if it must be channels last."""
        if self.layout == "NCHW" or not isinstance(case, Windowed) or case.rank > 1:
            return case
        padding = case.padding if isinstance(case.padding, str) else (0, *case.padding)
        sizes = {name: (1, *getattr(case, name)) for name in ("image", "window", "strides", "dilation")}
        return replace(case, padding=padding, **sizes)

    def tensor(self, array: np.ndarray) -> torch.Tensor:
        """Return `array` (channels last) with PyTorch's order of axes, in this side's memory layout."""
        return self.laid_out(torch.from_numpy(array).movedim(-1, 1))

    def kernel(self, array: np.ndarray) -> torch.Tensor:
        """Return (KH, KW, CI, CO) as PyTorch's (CO, CI, KH, KW)."""
        return self.laid_out(torch.from_numpy(array).movedim((-1, -2), (0, 1)))

    def laid_out(self, tensor: torch.Tensor) -> torch.Tensor:
        formats = {4: torch.channels_last, 5: torch.channels_last_3d} if self.layout == "channels_last" else {}
        return tensor.contiguous(memory_format=formats.get(tensor.ndim, torch.contiguous_format))

    def conv(self, case: Conv) -> Callable[[], Any]:
        """Pad the input before the measurement if the padding of the two sides differs."""
        arrays, padding = case.arrays(), [before for before, _ in case.sides]
        inside: Any = ...
        if any(before != after for before, after in case.sides):
            arrays["x"], padding = np.pad(arrays["x"], ((0, 0), *case.sides, (0, 0))), [0] * case.rank
            starts = (slice(before, before + n) for n, (before, _) in zip(case.image, case.sides))
            inside = (..., *starts)
        call = self.convolution(case, arrays, padding, transposed=False, output_padding=[0] * case.rank)
        return (lambda: call()[inside]) if case.direction == "backward_input" else call

    def conv_transpose(self, case: ConvTranspose) -> Callable[[], Any]:
        """Flip all arrays if the padding is odd: Keras adds the last zero at the end, PyTorch at the start."""
        arrays = case.arrays()
        if flipped(case):
            arrays = {name: np.flip(array, spatial(array, name == "w")) for name, array in arrays.items()}
            arrays = {name: array.copy() for name, array in arrays.items()}
        padding = [max(sides) for sides in case.sides]
        covered = ((n - 1) * s - 2 * p + span for n, s, p, span in zip(case.image, case.strides, padding, case.spans))
        output_padding = [size - n for size, n in zip(case.output_size, covered)]
        return self.convolution(case, arrays, padding, transposed=True, output_padding=output_padding)

    def convolution(
        self,
        case: Conv | ConvTranspose,
        arrays: Arrays,
        padding: list[int],
        *,
        transposed: bool,
        output_padding: list[int],
    ) -> Callable[[], Any]:
        x, w, dy = self.tensor(arrays["x"]), self.kernel(arrays["w"]), self.tensor(arrays["dy"])
        groups = 1 if transposed else case.groups
        how = (case.strides, padding, case.dilation, transposed, output_padding, groups)
        if case.direction == "forward":
            return no_grad(torch.convolution, x, w, None, *how)
        wanted = [case.direction == "backward_input", case.direction == "backward_kernel", False]
        which = wanted.index(True)
        return lambda: aten.convolution_backward(dy, x, w, None, *how, wanted)[which]

    def pool(self, case: Pool) -> Callable[[], Any]:
        x, dy = (self.tensor(array) for array in case.arrays().values())
        rank = f"{case.rank}d"
        how = (case.window, case.strides, case.padding)
        if case.op == "average_pool":
            pooling = partial(getattr(functional, "avg_pool" + rank), count_include_pad=False)
        else:
            pooling = getattr(functional, "max_pool" + rank)
        if case.direction == "forward":
            return no_grad(pooling, x, *how)
        if case.rank == 1:
            return backward(lambda x: pooling(x, *how), x, dy)
        if case.op == "average_pool":
            return partial(getattr(aten, f"avg_pool{rank}_backward"), dy, x, *how, False, False, None)
        _, indices = pooling(x, *how, return_indices=True)
        operator = getattr(aten, f"max_pool{rank}_with_indices_backward")
        return partial(operator, dy, x, *how, (1,) * case.rank, False, indices)

    def global_pool(self, case: GlobalPool) -> Callable[[], Any]:
        x, dy = (self.tensor(array) for array in case.arrays().values())
        reduce = partial(torch.mean if case.op == "global_average_pool" else torch.amax, dim=tuple(range(2, x.ndim)))
        return no_grad(reduce, x) if case.direction == "forward" else backward(reduce, x, dy)

    def pad(self, case: Pad) -> Callable[[], Any]:
        sides = [p for p in reversed(case.padding) for _ in range(2)]
        mode = {"edge": "replicate"}.get(case.mode, case.mode)
        return no_grad(functional.pad, self.tensor(case.arrays()["x"]), sides, mode)

    def pointwise(self, case: Pointwise) -> Callable[[], Any]:
        x, dy = (self.tensor(array) for array in case.arrays().values())
        function = FUNCTIONS[case.op]
        if case.direction == "forward":
            return no_grad(function, x)
        y = function(x)
        gradient = {
            "relu": lambda: aten.threshold_backward(dy, y, 0),
            "sigmoid": lambda: aten.sigmoid_backward(dy, y),
            "tanh": lambda: aten.tanh_backward(dy, y),
            "gelu": lambda: aten.gelu_backward(dy, x, approximate="tanh"),
            "silu": lambda: aten.silu_backward(dy, x),
            "softmax": lambda: aten._softmax_backward_data(dy, y, 1, torch.float32),
        }
        return gradient[case.op]

    def batch_norm(self, case: BatchNorm) -> Callable[[], Any]:
        arrays = case.arrays()
        x, dy = self.tensor(arrays["x"]), self.tensor(arrays["dy"])
        gamma, beta = torch.from_numpy(arrays["gamma"]), torch.from_numpy(arrays["beta"])
        if case.direction == "forward":
            return no_grad(functional.batch_norm, x, None, None, gamma, beta, True, 0.0, case.EPSILON)
        if case.direction == "inference":
            variance, mean = torch.var_mean(x, (0, *range(2, x.ndim)), correction=0)
            return no_grad(functional.batch_norm, x, mean, variance, gamma, beta, False, 0.0, case.EPSILON)
        _, mean, inverse = torch.native_batch_norm(x, gamma, beta, None, None, True, 0.0, case.EPSILON)
        arguments = (gamma, None, None, mean, inverse, True, case.EPSILON, [True, True, True])
        return lambda: aten.native_batch_norm_backward(dy, x, *arguments)[0]

    def dense(self, case: Dense) -> Callable[[], Any]:
        x, w, dy = (torch.from_numpy(array) for array in case.arrays().values())
        weight = w.T.contiguous()  # the layout of nn.Linear
        if case.direction == "forward":
            return no_grad(functional.linear, x, weight)
        if case.direction == "backward_input":
            return no_grad(torch.mm, dy, weight)
        return no_grad(lambda: torch.mm(dy.T, x).T)

    def resize(self, case: Resize) -> Callable[[], Any]:
        x, dy = (self.tensor(array) for array in case.arrays().values())
        if case.direction == "forward":
            return no_grad(lambda: functional.interpolate(x, case.size, mode="bilinear"))
        return no_grad(aten.upsample_bilinear2d_backward, dy, case.size, x.shape, False)

    def cross_entropy(self, case: CrossEntropy) -> Callable[[], Any]:
        x, dy, labels = (torch.from_numpy(array) for array in case.arrays().values())
        loss = partial(functional.cross_entropy, target=labels, reduction="none")
        return no_grad(loss, x) if case.direction == "forward" else backward(loss, x, dy)

    def layer(self, case: LayerCall) -> Callable[[], Any]:
        """Call the layer as a module; the gradient is autograd's."""
        arrays = case.arrays()
        if len(case.image) > 1:
            x, w = self.tensor(arrays["x"]), self.kernel(arrays["w"])
            module = nn.Conv2d(case.image[-1], case.filters, 3, padding="same")
        else:
            x, w = torch.from_numpy(arrays["x"]), torch.from_numpy(arrays["w"]).T.contiguous()
            module = nn.Linear(case.image[-1], case.filters)
        module.weight, module.bias = nn.Parameter(w), nn.Parameter(torch.from_numpy(arrays["b"]))
        if case.direction == "forward":
            return no_grad(module, x)
        return lambda: torch.autograd.grad(module(x).sum(), [module.weight, module.bias])[0]

    def batches(self, case: Batches) -> Callable[[], Any]:
        """Draw batches of indices, so that a batch is one indexing of each array, not a call for each sample."""
        arrays = [torch.from_numpy(array) for array in case.arrays().values()]
        data = torch.utils.data.TensorDataset(*arrays)
        sampler = torch.utils.data.RandomSampler(data)
        indices = torch.utils.data.BatchSampler(sampler, case.batch, drop_last=False)
        loader = torch.utils.data.DataLoader(data, sampler=indices, batch_size=None)
        return lambda: deque(loader, maxlen=1).pop()[0]

    def model(self, case: Model) -> Callable[[], Any]:
        arrays = case.arrays()
        x, labels = self.tensor(arrays["x"]), torch.from_numpy(arrays["labels"])
        made = net(case)
        if self.layout == "channels_last":
            made = made.to(memory_format=torch.channels_last)
        if case.direction == "inference":
            return no_grad(made.eval(), x)
        return training_step(made, x, labels)


def net(case: Model) -> Twin:
    """Return the net with the layers of ours."""
    return twin_of(ours.net(case))


def backward(function: Callable[[Any], Any], x: torch.Tensor, dy: torch.Tensor) -> Callable[[], Any]:
    """Return the gradient of `function` by x, given dy, by autograd."""
    leaf = x.detach().requires_grad_()
    y = function(leaf)
    return lambda: torch.autograd.grad(y, leaf, dy, retain_graph=True)[0]


def is_kernel(case: Case) -> bool:
    """Return whether the result is the gradient of the kernel of a convolution or of a called layer."""
    if isinstance(case, LayerCall):
        return case.direction == "backward"
    return isinstance(case, (Conv, ConvTranspose)) and case.direction == "backward_kernel"


def flipped(case: Case) -> bool:
    """Return whether PyTorch computes this case on arrays with flipped spatial axes."""
    return isinstance(case, ConvTranspose) and any(before != after for before, after in case.sides)


def spatial(array: np.ndarray, kernel: bool) -> tuple[int, ...]:
    """Return the spatial axes of images (N, H, W, C), or of a kernel (KH, KW, CI, CO)."""
    return tuple(range(array.ndim - 2)) if kernel else tuple(range(1, array.ndim - 1))


FUNCTIONS: dict[str, Callable[[Any], Any]] = {}
if torch is not None:
    FUNCTIONS = {
        "relu": torch.relu,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "gelu": partial(functional.gelu, approximate="tanh"),
        "silu": functional.silu,
        "softmax": partial(functional.softmax, dim=1),
    }
PREPARE = {
    "conv": "conv",
    "conv_transpose": "conv_transpose",
    "max_pool": "pool",
    "average_pool": "pool",
    "global_max_pool": "global_pool",
    "global_average_pool": "global_pool",
    "pad": "pad",
    "batch_norm": "batch_norm",
    **dict.fromkeys(("relu", "sigmoid", "tanh", "gelu", "silu", "softmax"), "pointwise"),
    "dense": "dense",
    "resize": "resize",
    "cross_entropy": "cross_entropy",
    "layer": "layer",
    "batches": "batches",
    "model": "model",
}
