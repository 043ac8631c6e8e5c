"""Convolutions by the kernels of fastconv/cuda: float32 in C order, one to three spatial axes.

Every result is a single sum, in an order that depends only on shapes, not on the order in which a GPU runs blocks.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from math import prod
from typing import Any, NamedTuple

import numpy as np

import fastconv.config as config
from fastconv.backends.formulas import EPILOGUES
from fastconv.backends.gpu.compile import function, source
from fastconv.backends.gpu.elementwise import written
from fastconv.backends.reference import Array, Shape
from fastconv.device import cupy
from fastconv.geometry import Convolution
from fastconv.typing import ArrayModule

ACTIVATED = "activated"  # a generated function instead of a file
GATHER = (ACTIVATED, "window", "product", "conv")
CORRELATE = ("window", "product", "conv_kernel")
DEPTHWISE = (ACTIVATED, "window", "depthwise")
PARTS = ("parts",)
FINISH = (ACTIVATED, "finish")

MOST_INT = 2**31 - 1
BLOCKS = 512  # enough to keep a large GPU busy: four for each of 128 multiprocessors
SHORTEST_PART = 512  # pixels; the gradient of a kernel is summed over parts of the output pixels
MOST_GRID = 65535  # blocks on the second and third axis


class Convolution3D(NamedTuple):
    """The struct `Convolution` of window.cu: a `Convolution` with three spatial axes."""

    images: int
    groups: int
    ci: int  # of one group, as co
    co: int
    inputs: Shape  # three axes, as in all following shapes
    outputs: Shape
    taps: Shape
    strides: Shape
    before: Shape
    dilation: Shape

    @property
    def arguments(self) -> tuple[np.int32, ...]:
        axes = zip(self.inputs, self.outputs, self.taps, self.strides, self.before, self.dilation)
        return tuple(map(np.int32, (self.images, self.groups, self.ci, self.co, *(n for axis in axes for n in axis))))

    @property
    def pixels(self) -> int:
        """Return the number of output pixels of all images."""
        return self.images * prod(self.outputs)

    @property
    def phases(self) -> int:
        """Return the number of phases: kinds of input pixels that meet different taps."""
        return prod(map(min, self.strides, self.inputs))

    @property
    def phase_pixels(self) -> int:
        """Return the most input pixels of a phase, in all images."""
        return self.images * prod(-(-n // s) for n, s in zip(self.inputs, self.strides))

    @property
    def depthwise(self) -> bool:
        return self.ci == 1 and self.groups > 1


@functools.lru_cache(maxsize=4096)
def window(c: Convolution) -> Convolution3D:
    """Return a convolution with three spatial axes; missing axes have size 1."""
    lacking = 3 - len(c.strides)

    def three(sizes: Iterable[int], missing: int = 1) -> Shape:
        return (*(missing,) * lacking, *map(int, sizes))

    return Convolution3D(
        c.images,
        c.groups,
        c.kernel_shape[-2],
        c.kernel_shape[-1] // c.groups,
        three(c.inputs),
        three(c.outputs),
        three(c.size),
        three(c.strides),
        three((before for before, _ in c.padding), 0),
        three(c.dilation),
    )


def fits(c: Convolution3D) -> bool:
    """Return True if the pixels and blocks of the convolution can be counted in 32 bits, as the kernels do."""
    sizes = (c.pixels, c.images * prod(c.inputs), prod(c.taps) * c.ci * c.co * c.groups)
    return max(sizes) < MOST_INT and c.groups * max(c.phases, 1) <= MOST_GRID and prod(c.taps) <= MOST_GRID


# ---- the operations: each fills its last array -----------------------------------------------------------------------


def conv(device: int, c: Convolution3D, x: Array, w: Array, bias: Array | None, ending: tuple, y: Array) -> None:
    """`ending` is (name of an activation or None, alpha)."""
    run = depthwise if c.depthwise else gather
    run(device, c, x, w, bias, ending, y, back=False)


def conv_backward_input(
    device: int, c: Convolution3D, dy: Array, w: Array, bias: Array | None, ending: tuple, dx: Array
) -> None:
    run = depthwise if c.depthwise else gather
    run(device, c, dy, w, bias, ending, dx, back=True)


def gather(
    device: int,
    c: Convolution3D,
    source: Array,
    w: Array,
    bias: Array | None,
    ending: tuple,
    result: Array,
    *,
    back: bool,
) -> None:
    terms, columns = (c.co, c.ci) if back else (c.ci, c.co)
    rows, phases = (c.phase_pixels, c.phases) if back else (c.pixels, 1)
    tile = tile_of(rows, columns, phases * c.groups)
    whole_terms, whole_columns = whole(terms, source, w), whole(columns, w, result)
    name = instance("conv", *tile, whole_terms, whole_columns, back)
    grid = (cuts(rows, tile[0]), cuts(columns, tile[1]), phases * c.groups)
    end = end_arguments(w, bias, *ending)
    kernel(device, GATHER, name)(grid, (threads(tile),), (source, w, end[0], result, *end[1:], *c.arguments))


def depthwise(
    device: int,
    c: Convolution3D,
    source: Array,
    w: Array,
    bias: Array | None,
    ending: tuple,
    result: Array,
    *,
    back: bool,
) -> None:
    results, phases = (c.phase_pixels * c.groups, c.phases) if back else (c.pixels * c.groups * c.co, 1)
    end = end_arguments(w, bias, *ending)
    run = kernel(device, DEPTHWISE, instance("depthwise", back))
    run((cuts(results, 256), phases), (256,), (source, w, end[0], result, *end[1:], *c.arguments))


def conv_backward_kernel(device: int, xp: ArrayModule, c: Convolution3D, x: Array, dy: Array, dw: Array) -> None:
    """Sum over parts of the output pixels, then add the parts."""
    if c.depthwise:
        blocks = (cuts(c.groups * c.co, 32), prod(c.taps))
    else:
        rows = prod(c.taps) * c.ci
        tile = tile_of(rows, c.co, c.groups * cuts(c.pixels, SHORTEST_PART))
        blocks = (cuts(rows, tile[0]), cuts(c.co, tile[1]))
    length = part_length(c, prod(blocks), dw.nbytes)
    parts = max(cuts(c.pixels, length), 1)
    sums = dw if parts == 1 else xp.empty((parts, *dw.shape), dw.dtype)
    arguments = (x, dy, sums, np.int32(length), *c.arguments)
    if c.depthwise:
        kernel(device, DEPTHWISE, "depthwise_kernel")((*blocks, parts), (32, 8), arguments)
    else:
        name = instance("conv_kernel", *tile, whole(c.ci, x), whole(c.co, dy, sums))
        kernel(device, CORRELATE, name)((*blocks, parts * c.groups), (threads(tile),), arguments)
    if parts > 1:
        add_parts = kernel(device, PARTS, "add_parts")
        add_parts((cuts(dw.size, 256),), (256,), (sums, dw, np.int32(parts), np.int32(dw.size)))


def finish(device: int, y: Array, bias: Array | None, ending: tuple) -> None:
    """y = f(y + bias) in place."""
    if y.size and (bias is not None or ending[0] is not None):
        end = end_arguments(y, bias, *ending)
        arguments = (y, *end, np.int32(y.shape[-1]), np.int64(y.size))
        kernel(device, FINISH, "finish")((cuts(y.size, 256),), (256,), arguments)


# ---- how the work is cut ---------------------------------------------------------------------------------------------


def cuts(n: int, size: int) -> int:
    return -(-n // size)


def tile_of(rows: int, columns: int, others: int) -> tuple[int, int]:
    """Return the rows and columns of a block. Large blocks reuse more loaded data; small blocks occupy the GPU."""
    if columns <= 32:
        return 128, 32
    enough = cuts(rows, 128) * cuts(columns, 128) * others >= BLOCKS // 4
    return (128, 128) if columns > 64 and enough else (64, 64)


def threads(tile: tuple[int, int]) -> int:
    return tile[0] * tile[1] // 64


def part_length(c: Convolution3D, blocks: int, size: int) -> int:
    """Return the number of pixels in a part of a kernel's gradient: a multiple of 8 that depends only on the shape.

    There are enough parts to keep the GPU busy, if their sums, `size` bytes each, fit into the workspace.
    """
    wanted = cuts(BLOCKS, blocks * (1 if c.depthwise else c.groups))
    most = min(cuts(c.pixels, SHORTEST_PART), config.max_workspace() // size, MOST_GRID // c.groups)
    return 8 * cuts(cuts(max(c.pixels, 1), max(min(wanted, most), 1)), 8)


def whole(channels: int, *arrays: Array) -> bool:
    """Return True if channels may be read and written in fours: 16 bytes at addresses that are multiples of 16."""
    return channels % 4 == 0 and all(array.data.ptr % 16 == 0 for array in arrays)


def end_arguments(stand_in: Array, bias: Array | None, activation: str | None, alpha: float) -> tuple:
    """Return the arguments (bias, biased, activation, alpha), with any array as bias if there is none."""
    number = np.int32(activation_number(activation))
    return stand_in if bias is None else bias, np.int32(bias is not None), number, np.float32(alpha)


def instance(name: str, *parameters: int | bool) -> str:
    """A template's name with its parameters, as C++ spells them."""
    return f"{name}<{', '.join(str(p).lower() for p in parameters)}>"


# ---- compiled code ---------------------------------------------------------------------------------------------------


def kernel(device: int, files: tuple[str, ...], name: str) -> Any:
    """Return the function `name` from files of fastconv/cuda, on a GPU."""
    return function(cupy(), device, code(*files), name)


@functools.cache
def code(*files: str) -> str:
    """Return the concatenated texts of the files."""
    return "\n".join(activated() if file == ACTIVATED else source(file) for file in files)


def activated() -> str:
    """Return CUDA C of `activated(x, activation, alpha)`: f(x) for the activation's number; 0 is the identity."""
    cases = "".join(
        f"case {activation_number(name)}: {{\n{written(formula, ('T x', 'T alpha'), ())[0]}\nbreak;\n}}\n"
        for name, formula in EPILOGUES.items()
    )
    return (
        "__device__ __forceinline__ float activated(float x, int activation, float alpha) {\n"
        f"using T = float;\nT y0 = x;\nswitch (activation) {{\n{cases}}}\nreturn y0;\n}}\n"
    )


def activation_number(name: str | None) -> int:
    return 0 if name is None else 1 + list(EPILOGUES).index(name)
