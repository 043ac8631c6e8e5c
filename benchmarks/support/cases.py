"""Measured cases: each row of shapes/*.txt, in every direction and at every batch size.

A row is an operation, a name and its fields, ``conv conv2 image=14x14x6 window=5x5 filters=16 batch=1,128``. Everything
is channels last: an image is its spatial axes, one to three, and its channels; a window, strides, padding and dilation
have a number for each spatial axis, joined by x.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from fastconv.geometry import count_reads

SHAPES = Path(__file__).parents[1] / "shapes"

Sizes = tuple[int, ...]
Arrays = dict[str, np.ndarray]


@lru_cache(maxsize=3)
def random(shape: Sizes, seed: int) -> np.ndarray:
    """Return standard normal float32 numbers, the same for every side."""
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A row in one direction at one batch size."""

    family: str  # the name of its file
    op: str
    name: str
    direction: str
    batch: int

    DIRECTIONS: ClassVar[tuple[str, ...]]

    def __str__(self) -> str:
        return f"{self.family}-{self.name}-{self.op}-{self.direction}-{self.batch}"

    @property
    def shapes(self) -> dict[str, Sizes]:
        """The shapes of the input arrays."""
        raise NotImplementedError

    @property
    def touched(self) -> tuple[str, ...]:
        """The arrays that are read and written, each by the name of an array of the same shape."""
        return tuple(self.shapes)

    @property
    def flops(self) -> int:
        """Operations of the direct algorithm outside of the padding; 0 if memory sets the pace, not arithmetic."""
        return 0

    @property
    def depth(self) -> int:
        """Number of products in each sum of the forward result; 0 without products."""
        return 0

    @property
    def columns(self) -> int:
        """Number of channels of the forward result that read the same inputs; 0 without such channels."""
        return 0

    @property
    def bytes(self) -> int:
        """Memory traffic if every array is read or written once."""
        return 4 * sum(math.prod(self.shapes[name]) for name in self.touched)

    def arrays(self) -> Arrays:
        return {name: random(shape, seed) for seed, (name, shape) in enumerate(self.shapes.items(), 1)}


@dataclass(frozen=True, kw_only=True)
class Windowed(Case):
    """A window that slides over an image; `padding` may be one of Keras's words."""

    image: Sizes
    window: Sizes
    strides: Sizes = ()
    padding: Sizes | str = ()  # on both sides of each axis
    dilation: Sizes = ()

    def __post_init__(self) -> None:
        for name, default in {"strides": 1, "padding": 0, "dilation": 1}.items():
            object.__setattr__(self, name, getattr(self, name) or (default,) * self.rank)

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return len(self.window)

    @property
    def input_shape(self) -> Sizes:
        return (self.batch, *self.image)

    @property
    def spans(self) -> Sizes:
        """Number of pixels that the window spans on each axis."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.window, self.dilation))

    @property
    def sides(self) -> tuple[tuple[int, int], ...]:
        """Number of zeros (before, after) each axis."""
        if self.padding == "causal":
            return tuple((span - 1, 0) for span in self.spans)
        if self.padding == "same":
            totals = [max(-(-n // s) * s - s + f - n, 0) for n, s, f in zip(self.image, self.strides, self.spans)]
            return tuple((total // 2, total - total // 2) for total in totals)
        return tuple((p, p) for p in self.padding)

    @property
    def output_size(self) -> Sizes:
        padded = (n + sum(sides) for n, sides in zip(self.image, self.sides))
        return tuple((n - f) // s + 1 for n, f, s in zip(padded, self.spans, self.strides))

    def reads(self, inputs: Sizes, outputs: Sizes) -> int:
        """Count the pairs of a tap and an output that meet an input, and not the padding."""
        axes = zip(inputs, outputs, self.window, self.strides, self.dilation, self.sides)
        return math.prod(
            sum(count_reads(n, o, stride, tap * step - before) for tap in range(taps))
            for n, o, taps, stride, step, (before, _) in axes
        )


@dataclass(frozen=True, kw_only=True)
class Conv(Windowed):
    filters: int
    groups: int = 1

    DIRECTIONS = ("forward", "backward_input", "backward_kernel")

    @property
    def kernel_shape(self) -> Sizes:
        return (*self.window, self.image[-1] // self.groups, self.filters)

    @property
    def flops(self) -> int:
        channels = math.prod(self.kernel_shape[-2:])
        return 2 * self.batch * self.reads(self.image[:-1], self.output_size) * channels

    @property
    def depth(self) -> int:
        return math.prod(self.kernel_shape[:-1])

    @property
    def columns(self) -> int:
        return self.filters // self.groups

    @property
    def shapes(self) -> dict[str, Sizes]:
        """x (N, H, W, CI), w (KH, KW, CI/groups, CO) and dy (N, OH, OW, CO)."""
        dy = (self.batch, *self.output_size, self.filters)
        return {"x": self.input_shape, "w": self.kernel_shape, "dy": dy}


@dataclass(frozen=True, kw_only=True)
class ConvTranspose(Windowed):
    """The transposed convolution of `image` with `filters` output channels."""

    filters: int
    padding: str = "valid"

    DIRECTIONS = ("forward", "backward_input", "backward_kernel")

    @property
    def output_size(self) -> Sizes:
        missing = (0 if self.padding == "same" else max(f - s, 0) for f, s in zip(self.spans, self.strides))
        return tuple(n * s + extra for n, s, extra in zip(self.image, self.strides, missing))

    @property
    def sides(self) -> tuple[tuple[int, int], ...]:
        """Number of zeros (before, after) each axis of the convolution whose transpose this is."""
        totals = [max(f - s, 0) * (self.padding == "same") for f, s in zip(self.spans, self.strides)]
        return tuple((total // 2, total - total // 2) for total in totals)

    @property
    def flops(self) -> int:
        return 2 * self.batch * self.reads(self.output_size, self.image[:-1]) * self.image[-1] * self.filters

    @property
    def shapes(self) -> dict[str, Sizes]:
        """x (N, H, W, CI), w (KH, KW, CO, CI) and dy (N, OH, OW, CO)."""
        w = (*self.window, self.filters, self.image[-1])
        return {"x": self.input_shape, "w": w, "dy": (self.batch, *self.output_size, self.filters)}


def touched_by_pooling(case: Case) -> tuple[str, ...]:
    """Return x or dx, and y or dy; the gradient of a maximum needs all four."""
    return ("x", "dy") * (2 if "max" in case.op and case.direction == "backward" else 1)


@dataclass(frozen=True, kw_only=True)
class Pool(Windowed):
    DIRECTIONS = ("forward", "backward")

    @property
    def shapes(self) -> dict[str, Sizes]:
        """x (N, H, W, C) and dy (N, OH, OW, C)."""
        return {"x": self.input_shape, "dy": (self.batch, *self.output_size, self.image[-1])}

    @property
    def touched(self) -> tuple[str, ...]:
        return touched_by_pooling(self)


@dataclass(frozen=True, kw_only=True)
class GlobalPool(Case):
    image: Sizes

    DIRECTIONS = ("forward", "backward")

    @property
    def shapes(self) -> dict[str, Sizes]:
        """x (N, H, W, C) and dy (N, C)."""
        return {"x": (self.batch, *self.image), "dy": (self.batch, self.image[-1])}

    @property
    def touched(self) -> tuple[str, ...]:
        return touched_by_pooling(self)


@dataclass(frozen=True, kw_only=True)
class Pad(Case):
    image: Sizes
    padding: Sizes
    mode: str

    DIRECTIONS = ("forward",)

    @property
    def shapes(self) -> dict[str, Sizes]:
        """x (N, H, W, C) and y, with the padding."""
        *spatial, channels = self.image
        padded = (n + 2 * p for n, p in zip(spatial, self.padding))
        return {"x": (self.batch, *self.image), "y": (self.batch, *padded, channels)}


@dataclass(frozen=True, kw_only=True)
class Pointwise(Case):
    """An activation, or a softmax over the channels: the result has the shape of the image."""

    image: Sizes

    DIRECTIONS = ("forward", "backward")

    @property
    def shapes(self) -> dict[str, Sizes]:
        """x and dy (N, ..., C)."""
        return {"x": (self.batch, *self.image), "dy": (self.batch, *self.image)}

    @property
    def touched(self) -> tuple[str, ...]:
        return ("x", "dy", "dy") if self.direction == "backward" else ("x", "dy")


@dataclass(frozen=True, kw_only=True)
class BatchNorm(Case):
    """Normalise by the statistics of the batch in training (forward and backward), by given statistics at inference."""

    image: Sizes

    DIRECTIONS = ("forward", "inference", "backward")
    EPSILON: ClassVar[float] = 1e-3

    @property
    def shapes(self) -> dict[str, Sizes]:
        """x and dy (N, ..., C), gamma and beta (C,)."""
        x, channels = (self.batch, *self.image), (self.image[-1],)
        return {"x": x, "dy": x, "gamma": channels, "beta": channels}

    @property
    def touched(self) -> tuple[str, ...]:
        return ("x", "dy", "dy") if self.direction == "backward" else ("x", "dy")


@dataclass(frozen=True, kw_only=True)
class Dense(Case):
    inputs: int
    outputs: int

    DIRECTIONS = ("forward", "backward_input", "backward_kernel")

    @property
    def flops(self) -> int:
        return 2 * self.batch * self.inputs * self.outputs

    @property
    def shapes(self) -> dict[str, Sizes]:
        """x (N, CI), w (CI, CO) and dy (N, CO)."""
        n, ci, co = self.batch, self.inputs, self.outputs
        return {"x": (n, ci), "w": (ci, co), "dy": (n, co)}


@dataclass(frozen=True, kw_only=True)
class Resize(Case):
    """Bilinear interpolation of images to `size` (H, W), without antialiasing."""

    image: Sizes
    size: Sizes

    DIRECTIONS = ("forward", "backward")

    @property
    def shapes(self) -> dict[str, Sizes]:
        """x (N, H, W, C) and dy (N, OH, OW, C)."""
        return {"x": (self.batch, *self.image), "dy": (self.batch, *self.size, self.image[-1])}


@dataclass(frozen=True, kw_only=True)
class CrossEntropy(Case):
    """The cross-entropy of each sample, from logits and the index of its class."""

    classes: int

    DIRECTIONS = ("forward", "backward")

    @property
    def shapes(self) -> dict[str, Sizes]:
        """x (N, classes) and dy (N,)."""
        return {"x": (self.batch, self.classes), "dy": (self.batch,)}

    @property
    def touched(self) -> tuple[str, ...]:
        return ("x", "x", "dy") if self.direction == "backward" else ("x", "dy")

    def arrays(self) -> Arrays:
        """x (N, classes), dy (N,) and labels (N,)."""
        return {**super().arrays(), "labels": np.random.default_rng(2).integers(0, self.classes, self.batch)}


@dataclass(frozen=True, kw_only=True)
class LayerCall(Case):
    """A layer that is called outside of a model: a dense layer for vectors, a 3x3 convolution for images.

    Its backward direction calls the layer, and differentiates the sum of its outputs with respect to the kernel.
    """

    image: Sizes
    filters: int

    DIRECTIONS = ("forward", "backward")

    @property
    def shapes(self) -> dict[str, Sizes]:
        """x (N, ..., CI), w ([3, 3,] CI, CO) and b (CO,)."""
        window = (3, 3) if len(self.image) > 1 else ()
        return {
            "x": (self.batch, *self.image),
            "w": (*window, self.image[-1], self.filters),
            "b": (self.filters,),
        }


@dataclass(frozen=True, kw_only=True)
class Batches(Case):
    """A pass over `samples` images and labels, in random order and in batches: "dataset" or "augmented" (by name)."""

    image: Sizes
    samples: int

    DIRECTIONS = ("pass",)

    @property
    def shapes(self) -> dict[str, Sizes]:
        """x (samples, H, W, C)."""
        return {"x": (self.samples, *self.image)}

    def arrays(self) -> Arrays:
        """x (samples, H, W, C) and labels (samples,)."""
        return {**super().arrays(), "labels": np.random.default_rng(2).integers(0, 10, self.samples)}


@dataclass(frozen=True, kw_only=True)
class Model(Case):
    """A whole net, trained by Adam on the cross-entropy of its classes, or run."""

    image: Sizes
    classes: int = 10

    DIRECTIONS = ("train", "inference")

    @property
    def shapes(self) -> dict[str, Sizes]:
        """x (N, H, W, C)."""
        return {"x": (self.batch, *self.image)}

    def arrays(self) -> Arrays:
        """x (N, H, W, C) and labels (N,)."""
        return {**super().arrays(), "labels": np.random.default_rng(2).integers(0, self.classes, self.batch)}


OPS: dict[str, type[Case]] = {
    "conv": Conv,
    "conv_transpose": ConvTranspose,
    "max_pool": Pool,
    "average_pool": Pool,
    "global_max_pool": GlobalPool,
    "global_average_pool": GlobalPool,
    "pad": Pad,
    "batch_norm": BatchNorm,
    "relu": Pointwise,
    "sigmoid": Pointwise,
    "tanh": Pointwise,
    "gelu": Pointwise,
    "silu": Pointwise,
    "softmax": Pointwise,
    "dense": Dense,
    "resize": Resize,
    "cross_entropy": CrossEntropy,
    "layer": LayerCall,
    "batches": Batches,
    "model": Model,
}

PER_AXIS = ("image", "window", "strides", "padding", "dilation", "size")


def value(key: str, text: str) -> int | str | Sizes:
    """Parse the value of a field: numbers joined by x, a number, or a word."""
    if not all(part.isdigit() for part in text.split("x")):
        return text
    numbers = tuple(int(part) for part in text.split("x"))
    return numbers if key in PER_AXIS else numbers[0]


def expand(family: str, row: str) -> list[Case]:
    """Return the cases of a row: its batch sizes times its directions (all of the operation unless it names a
    direction).
    """
    op, name, *fields = row.split()
    texts = dict(field.split("=") for field in fields)
    batches = [int(batch) for batch in texts.pop("batch").split(",")]
    kind = OPS[op]
    directions = [texts.pop("direction")] if "direction" in texts else kind.DIRECTIONS
    shape = {key: value(key, text) for key, text in texts.items()}
    return [
        kind(family=family, op=op, name=name, direction=direction, batch=batch, **shape)
        for direction in directions
        for batch in batches
    ]


def load(*ops: str) -> list[Case]:
    """Return every case of shapes/*.txt, or the cases of the given operations."""
    rows = [
        (path.stem, line)
        for path in sorted(SHAPES.glob("*.txt"))
        for line in path.read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]
    return [case for family, row in rows for case in expand(family, row) if case.op in (ops or OPS)]
