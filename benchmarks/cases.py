"""What is measured: each row of shapes/*.txt, in every direction and at every batch size.

A row is an operation, a name and its fields, ``conv conv2 image=14x14x6 window=5x5 filters=16 batch=1,128``. Everything
is channels last (images H x W x C); a pair is written with an x, also where both numbers are the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np

SHAPES = Path(__file__).parent / "shapes"

Pair = tuple[int, int]
Image = tuple[int, int, int]
Arrays = dict[str, np.ndarray]


@lru_cache(maxsize=3)
def random(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Standard normal float32 numbers; the same for every side that asks."""
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row in one direction at one batch size."""

    family: str  # the file it stands in
    op: str
    name: str
    direction: str
    batch: int

    DIRECTIONS: ClassVar[tuple[str, ...]]

    def __str__(self) -> str:
        return f"{self.family}-{self.name}-{self.op}-{self.direction}-{self.batch}"

    @property
    def flops(self) -> int:
        """Floating-point operations of the direct algorithm; 0 where memory, not arithmetic, sets the pace."""
        return 0


@dataclass(frozen=True, kw_only=True)
class Windowed(Case):
    """A window that slides over an image."""

    image: Image
    window: Pair
    strides: Pair = (1, 1)
    padding: Pair = (0, 0)  # on both sides of each axis
    dilation: Pair = (1, 1)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (self.batch, *self.image)

    @property
    def output_size(self) -> Pair:
        height, width = (
            (n + 2 * p - (k - 1) * d - 1) // s + 1
            for n, p, k, d, s in zip(self.image[:2], self.padding, self.window, self.dilation, self.strides)
        )
        return height, width

    @property
    def sides(self) -> tuple[Pair, Pair]:
        return (self.padding[0],) * 2, (self.padding[1],) * 2


@dataclass(frozen=True, kw_only=True)
class Conv(Windowed):
    filters: int
    groups: int = 1

    DIRECTIONS = ("forward", "backward_input", "backward_kernel")

    @property
    def kernel_shape(self) -> tuple[int, int, int, int]:
        return (*self.window, self.image[2] // self.groups, self.filters)

    @property
    def flops(self) -> int:
        return 2 * self.batch * math.prod(self.output_size) * math.prod(self.kernel_shape)

    def arrays(self) -> Arrays:
        """x (N, H, W, CI), w (KH, KW, CI/groups, CO) and dy (N, OH, OW, CO)."""
        dy = (self.batch, *self.output_size, self.filters)
        return {"x": random(self.input_shape, 1), "w": random(self.kernel_shape, 2), "dy": random(dy, 3)}


@dataclass(frozen=True, kw_only=True)
class Pool(Windowed):
    DIRECTIONS = ("forward", "backward")

    def arrays(self) -> Arrays:
        """x (N, H, W, C) and dy (N, OH, OW, C)."""
        dy = (self.batch, *self.output_size, self.image[2])
        return {"x": random(self.input_shape, 1), "dy": random(dy, 3)}


@dataclass(frozen=True, kw_only=True)
class Pad(Case):
    image: Image
    padding: Pair
    mode: str

    DIRECTIONS = ("forward",)

    def arrays(self) -> Arrays:
        """x (N, H, W, C)."""
        return {"x": random((self.batch, *self.image), 1)}


@dataclass(frozen=True, kw_only=True)
class Dense(Case):
    inputs: int
    outputs: int

    DIRECTIONS = ("forward", "backward_input", "backward_kernel")

    @property
    def flops(self) -> int:
        return 2 * self.batch * self.inputs * self.outputs

    def arrays(self) -> Arrays:
        """x (N, CI), w (CI, CO) and dy (N, CO)."""
        n, ci, co = self.batch, self.inputs, self.outputs
        return {"x": random((n, ci), 1), "w": random((ci, co), 2), "dy": random((n, co), 3)}


@dataclass(frozen=True, kw_only=True)
class Model(Case):
    """A whole net, trained by Adam on the cross-entropy of 10 classes, or run."""

    image: Image

    DIRECTIONS = ("train", "inference")

    def arrays(self) -> Arrays:
        """x (N, H, W, C) and labels (N,)."""
        labels = np.random.default_rng(2).integers(0, 10, self.batch)
        return {"x": random((self.batch, *self.image), 1), "labels": labels}


OPS: dict[str, type[Case]] = {
    "conv": Conv,
    "max_pool": Pool,
    "average_pool": Pool,
    "pad": Pad,
    "dense": Dense,
    "model": Model,
}


def value(text: str) -> int | str | tuple[int, ...]:
    """What a field of a row says: 3x3 is a tuple, 16 a number, anything else a word."""
    if all(part.isdigit() for part in text.split("x")):
        numbers = tuple(int(part) for part in text.split("x"))
        return numbers if len(numbers) > 1 else numbers[0]
    return text


def expand(family: str, row: str) -> list[Case]:
    """The cases of one row: its batch sizes times its directions (all those of the operation unless it names one)."""
    op, name, *fields = row.split()
    texts = dict(field.split("=") for field in fields)
    batches = [int(batch) for batch in texts.pop("batch").split(",")]
    kind = OPS[op]
    directions = [texts.pop("direction")] if "direction" in texts else kind.DIRECTIONS
    shape = {key: value(text) for key, text in texts.items()}
    return [
        kind(family=family, op=op, name=name, direction=direction, batch=batch, **shape)
        for direction in directions
        for batch in batches
    ]


def load(*ops: str) -> list[Case]:
    """Every case of shapes/*.txt, or those of the given operations."""
    rows = [
        (path.stem, line)
        for path in sorted(SHAPES.glob("*.txt"))
        for line in path.read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]
    return [case for family, row in rows for case in expand(family, row) if case.op in (ops or OPS)]
