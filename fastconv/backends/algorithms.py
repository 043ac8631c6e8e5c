"""Which kernel computes a shape: the one table of these choices. It sees shapes alone, never the number of threads.

Each threshold is where two kernels measured alike, on a Zen 4 and its 512-bit vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import product
from math import ceil, log2, prod
from typing import NamedTuple

from fastconv import _core, config
from fastconv.window import Sides, output_size, reach

Shape = tuple[int, ...]


# ---- convolutions ----------------------------------------------------------------------------------------------------


def met(inputs: int, outputs: int, stride: int, first: int) -> int:
    """How many of the outputs o meet an input at o * stride + first."""
    return max(min((inputs - 1 - first) // stride, outputs - 1) - max(-(first // stride), 0) + 1, 0)


class Convolution(NamedTuple):
    """What is known of a convolution before data is seen, whichever direction is computed."""

    images: int
    inputs: Shape  # spatial sizes
    outputs: Shape
    channels: int  # of the input: groups * CI
    kernel_shape: Shape  # (*window, CI, CO)
    strides: Shape
    padding: Sides
    dilation: Shape

    @property
    def window(self) -> Shape:
        return self.kernel_shape[:-2]

    @property
    def groups(self) -> int:
        return self.channels // self.kernel_shape[-2]

    @property
    def pixels(self) -> int:
        """Output pixels of all images."""
        return self.images * prod(self.outputs)

    @property
    def products(self) -> int:
        """Multiply-adds for each input and output channel: those of taps that lie in the padding left out."""
        axes = zip(self.inputs, self.outputs, self.window, self.strides, self.padding, self.dilation)
        return self.images * prod(
            sum(met(inputs, outputs, stride, k * step - before) for k in range(taps))
            for inputs, outputs, taps, stride, (before, _), step in axes
        )

    @property
    def sparse(self) -> bool:
        """Whether most of what windows span is neither read nor written: strides, dilation and padding are large."""
        axes = zip(self.inputs, self.outputs, self.window, self.strides, self.dilation)
        return any(
            (o - 1) * s + reach(k, d) > 4 * (n + o) or reach(k, d) > 4 * min(n, o * s) + k for n, o, k, s, d in axes
        )

    @property
    def output_shape(self) -> Shape:
        return (self.images, *self.outputs, self.kernel_shape[-1])


class Limits(NamedTuple):
    """What a choice depends on besides shapes."""

    lanes: int  # of a vector
    most_workspace: int  # bytes that the threads of one call may share


class Rule(NamedTuple):
    """One algorithm, and the function that says why it is the one for a shape: an empty text where it is not."""

    algorithm: str
    reason: Callable[[Convolution, Limits], str]
    exact: bool  # whether an output depends on the pixels of its own window alone, and is their sum in plain float32


class Choice(NamedTuple):
    convolution: Convolution
    algorithm: str
    reason: str


def whole(c: Convolution, limits: Limits) -> str:
    """The window covers the inputs: an image is one row of a matrix, and so is the output pixel that it gives."""
    if c.groups > 1 or c.images == 0 or c.window != c.inputs or any(map(any, c.padding)):
        return ""
    return "a window as large as the inputs: one matrix product"


def pointwise(c: Convolution) -> bool:
    """Whether every pixel is a row of a matrix: the kernel is another."""
    return c.groups == 1 and max((*c.window, *c.strides)) == 1 and not any(map(any, c.padding)) and c.pixels > 0


def product_backward_kernel(c: Convolution, limits: Limits) -> str:
    if pointwise(c) and swapped(c.pixels, c.kernel_shape[-2], c.kernel_shape[-1], limits.lanes):
        return f"{c.kernel_shape[-2]} channels fill vectors better than {c.kernel_shape[-1]}: the kernel is transposed"
    return whole(c, limits)


# Groups of more channels fill the tiles of matrix products, those of the gradient of a kernel earlier.
GROUPED_CHANNELS = 16
GROUPED_KERNEL_CHANNELS = 8


def grouped(c: Convolution, limits: Limits, most: int = GROUPED_CHANNELS) -> str:
    """Output channels lie side by side in the lanes of vectors, several groups in one or one group in several."""
    depth, width = c.kernel_shape[-2], c.kernel_shape[-1] // c.groups
    fits = limits.lanes % width == 0 or width % limits.lanes == 0
    if c.groups == 1 or depth != width or width > most or not fits or c.sparse:
        return ""
    return f"{c.groups} groups of {width}: output channels side by side in vectors"


def grouped_kernel(c: Convolution, limits: Limits) -> str:
    return grouped(c, limits, GROUPED_KERNEL_CHANNELS)


# Of the multiplications of the direct kernel, which gets nearer to the peak; kernels of several groups less so.
WINOGRAD_SHARE = 0.85
WINOGRAD_GROUPED_SHARE = 0.95


def winograd_tiles(c: Convolution, outputs: Shape) -> int:
    """4 x 4 outputs each, as far apart as the taps; the planes of a volume are so many more images."""
    down, across = (d * ceil(ceil(n / d) / 4) for n, d in zip(outputs[-2:], c.dilation[-2:]))
    return c.images * prod(outputs[:-2]) * down * across


def winograd_workspace(tiles: int, depth: int, width: int) -> int:
    """Bytes of the transformed kernel or inputs, whichever is smaller, at 36 frequencies."""
    return 4 * 36 * depth * min(tiles, width)


def winograd(c: Convolution, limits: Limits, outputs: Shape, depth: int, width: int) -> str:
    """Whether the products and transforms of a tile cost less than the products of 16 outputs that they replace.

    The unit is one multiply-add for each input and output channel. Each piece of 3 x 3 taps takes 36 of them;
    transforms cost as much as 400 for each channel of a tile, those of a piece of the kernel as much as 400 in all.
    Groups are convolved side by side; they have `depth` and `width` channels each, and a kernel of one piece.
    """
    if len(c.window) < 2 or max(c.strides) > 1 or c.products == 0:
        return ""
    tiles = winograd_tiles(c, outputs)
    pieces = prod(c.window[:-2]) * ceil(c.window[-2] / 3) * ceil(c.window[-1] / 3)
    if c.groups > 1 and (len(c.window) > 2 or pieces > 1):
        return ""
    most = WINOGRAD_SHARE if c.groups == 1 else WINOGRAD_GROUPED_SHARE
    cost = tiles * (pieces * (36 + 400 / width) + 400 / depth) + 400 * pieces
    share = cost / c.products
    if share > most or c.groups * winograd_workspace(tiles, pieces * depth, width) > limits.most_workspace:
        return ""
    return f"{share:.0%} of the direct multiplications, transforms included, in tiles of 4 x 4 outputs"


def winograd_forward(c: Convolution, limits: Limits) -> str:
    return winograd(c, limits, c.outputs, c.kernel_shape[-2], c.kernel_shape[-1] // c.groups)


def winograd_backward_input(c: Convolution, limits: Limits) -> str:
    return winograd(c, limits, c.inputs, c.kernel_shape[-1] // c.groups, c.kernel_shape[-2])


# Taps, each row of them longer by a vector: fewer than those of 5x5 are as fast directly, or nearly so.
FOURIER_TAPS = 100
# Sizes of the tiles that are transformed: whole vectors, and powers of four times 1, 2 or 3.
FOURIER_POINTS = (16, 32, 48, 64, 128, 192, 256, 512)
# A tile of more points leaves a second-level cache of 1 MB, and each point takes twice the time.
FOURIER_CACHED_POINTS = 1 << 16
COMPLEX_BYTES = 8
# Time of a multiply-add with a vector along a row, 16 outputs of it, over that of a radix-2 step of one point.
FOURIER_GAIN = 0.15


@lru_cache(maxsize=256)
def fourier_tile(
    images: int, outputs: tuple[int, ...], taps: tuple[int, ...], most_points: int
) -> tuple[int, ...] | None:
    """The tile with which one channel is convolved with so many taps through spectra; None where directly is faster.

    Threads share the kernel's spectrum, of no more than `most_points` complex numbers. Tiles are transformed in pairs,
    those of an image with each other; transforming the kernel counts as half a pair.
    """

    def cost(points: tuple[int, ...]) -> float:
        across = [-(-o // (p - k + 1)) for o, p, k in zip(outputs, points, taps)]
        pairs = images * -(-prod(across) // 2) + 0.5
        return pairs * prod(points) * (log2(prod(points)) + 4) * (1 if prod(points) <= FOURIER_CACHED_POINTS else 2)

    sides = ([p for p in FOURIER_POINTS if p >= k] for k in taps)
    tiles = [points for points in product(*sides) if prod(points) <= most_points]
    folded_taps = taps[0] * (taps[1] + 15)
    if folded_taps < FOURIER_TAPS or not tiles:
        return None
    best = min(tiles, key=cost)
    pixels = images * prod(outputs)
    direct = pixels * (folded_taps if pixels >= FOLDED_PIXELS else 16 * prod(taps))
    return best if cost(best) < FOURIER_GAIN * direct else None


def fourier_points(c: Convolution, outputs: Shape, most_workspace: int) -> Shape:
    """The points of the tiles by which so many outputs of one channel are computed; empty where directly is faster."""
    if len(c.window) != 2 or c.channels > 1 or c.kernel_shape[-1] > 1 or (*c.strides, *c.dilation) != (1, 1, 1, 1):
        return ()
    return fourier_tile(c.images, outputs, c.window, most_workspace // COMPLEX_BYTES) or ()


def fourier(c: Convolution, limits: Limits, outputs: Shape) -> str:
    points = fourier_points(c, outputs, limits.most_workspace)
    return f"one channel and many taps: spectra of tiles of {points[0]} x {points[1]} points" if points else ""


def fourier_forward(c: Convolution, limits: Limits) -> str:
    return fourier(c, limits, c.outputs)


def fourier_backward_input(c: Convolution, limits: Limits) -> str:
    return fourier(c, limits, c.inputs)


# Dot products with so many channels read a window once.
DOT_CHANNELS = 4
# Vectors that neighbouring taps fill, so that adding up their lanes in the end costs less than it saves: where a window
# is read once, and where it is read twice.
DOT_VECTORS = 2
DOT_VECTORS_TWICE = 5


def dots(c: Convolution, limits: Limits, channels: int, run: int) -> str:
    """Each of few channels is a dot product of a window, of which `run` numbers lie side by side."""
    vectors = DOT_VECTORS if channels <= DOT_CHANNELS else DOT_VECTORS_TWICE
    if c.groups > 1 or channels > max(limits.lanes // 2, DOT_CHANNELS) or run < vectors * limits.lanes:
        return ""
    return f"{channels} channels fill no vector: dot products of runs of {run} numbers"


def dots_forward(c: Convolution, limits: Limits) -> str:
    run = c.kernel_shape[-2] * (c.window[-1] if c.dilation[-1] == 1 else 1)
    return dots(c, limits, c.kernel_shape[-1], run)


def dots_backward_input(c: Convolution, limits: Limits) -> str:
    """Where strides leave few taps to a phase, what fills vectors otherwise is faster, but for a single channel."""
    stride, most = c.strides[-1], {1: DOT_CHANNELS, 2: 1}.get(max(c.strides), 0)
    run = c.kernel_shape[-1] * (c.window[-1] // stride if c.dilation[-1] == 1 else 1)
    return dots(c, limits, c.channels, run) if c.channels <= most else ""


# Fewer output pixels do not repay that the kernel is laid out anew.
FOLDED_PIXELS = 4096


@lru_cache(maxsize=256)
def folded(pixels: int, outputs: int, channels: int, taps: int, stride: int, lanes: int) -> int:
    """How many neighbours in a row of `outputs` are computed as one pixel with as many times the `channels`.

    Channels that do not fill a vector waste its lanes; a window that serves several outputs multiplies with the zeros
    between them. The number with the largest useful share wins, if it wins by a quarter. A NaN or infinity in x reaches
    the neighbours, too, since 0 times it is NaN.
    """

    def useful(neighbours: int) -> float:
        columns, window = neighbours * channels, taps + (neighbours - 1) * stride
        return columns / (-(-columns // lanes) * lanes) * taps / window

    if pixels < FOLDED_PIXELS or channels >= lanes:
        return 1
    best = max((n for n in range(1, lanes + 1) if outputs % n == 0), key=useful)
    return best if useful(best) >= 1.25 * useful(1) else 1


def neighbours(c: Convolution, lanes: int) -> int:
    """How many pixels of a row are folded into one."""
    if c.dilation[-1] > 1 or c.groups > 1:
        return 1
    return folded(c.pixels, c.outputs[-1], c.kernel_shape[-1], c.window[-1], c.strides[-1], lanes)


def fold(c: Convolution, limits: Limits) -> str:
    n = neighbours(c, limits.lanes)
    return f"{n} neighbours of {c.kernel_shape[-1]} channels each fill vectors better than one" if n > 1 else ""


def span(neighbours: int, taps: int, stride: int, before: int) -> tuple[int, int]:
    """The first and the last pixel of dy that some neighbours of dx read, counted from where the window of 0 begins."""
    return -((taps - 1 - before) // stride), (neighbours - 1 + before) // stride


@lru_cache(maxsize=256)
def folded_backward(pixels: int, inputs: int, channels: int, taps: int, stride: int, before: int, lanes: int) -> int:
    """The same of dx, in rows of `inputs`. Neighbours are whole strides: all phases are computed at once."""

    def useful(neighbours: int) -> float:
        columns = neighbours * channels
        first, last = span(neighbours, taps, stride, before)
        return columns / (-(-columns // lanes) * lanes) * taps / (stride * (last + 1 - first))

    if pixels < FOLDED_PIXELS or channels >= lanes:
        return 1
    best = max((n for n in range(stride, 4 * lanes + 1, stride) if inputs % n == 0), key=useful, default=1)
    return best if best > 1 and useful(best) >= 1.25 * channels / lanes else 1


def neighbours_backward(c: Convolution, lanes: int) -> int:
    """How many pixels of a row of dx are folded into one."""
    if c.dilation[-1] > 1 or c.groups > 1:
        return 1
    pixels, before = c.images * prod(c.inputs), c.padding[-1][0]
    return folded_backward(pixels, c.inputs[-1], c.channels, c.window[-1], c.strides[-1], before, lanes)


def fold_backward(c: Convolution, limits: Limits) -> str:
    n = neighbours_backward(c, limits.lanes)
    return f"{n} neighbours of {c.channels} channels each fill vectors better than one" if n > 1 else ""


# With more channels, the vectors of the phases are full enough.
SPREAD_CHANNELS = 8
# Fewer images do not occupy the threads, unless there is work for one alone.
SPREAD_PIXELS = 1024


def spread(c: Convolution, limits: Limits) -> str:
    """dx as sums of kernel rows times pixels."""
    dense = len(c.window) == 2 and c.groups == 1 and c.dilation[1] == 1 and not c.sparse
    few = (c.images >= 8 or c.pixels <= SPREAD_PIXELS) and c.kernel_shape[-2] <= SPREAD_CHANNELS
    return f"{c.kernel_shape[-2]} channels fill no vector, but whole rows of the kernel do" if dense and few else ""


def otherwise(c: Convolution, limits: Limits) -> str:
    return "nothing beats windows times packed columns here"


# Algorithms whose outputs are sums of transformed values: integers become fractions, and pixels outside of a window
# count up to rounding. Up to this number of multiply-adds they are not used, since such convolutions are checked by
# hand: 12 channels and 3 x 3 taps over 32 x 32 pixels (27 us directly, 22 by Winograd's algorithm), one channel and
# 5 x 5 taps over 64 x 64. The smallest layer of the measured nets that Winograd's algorithm computes has 2.2 million;
# large images of one channel take several times as long directly as by spectra.
SMALL_PRODUCTS = {"winograd": 1 << 21, "fourier": 1 << 17}
# The bound of an image, so that its outputs do not depend on the batch that it comes in, if computing batches directly
# costs little: 5 x 5 taps over 28 x 28 pixels take at most 1.4 times as long as by spectra, 9 x 9 taps 5 times in the
# gradient. Winograd's algorithm saves nothing with few pairs of input and output channels: batches of 28 x 28 pixels
# and 12 channels take 0.85 to 1.1 times as long directly, those of 7 x 7 pixels, 32 and 64 channels 1.9 times.
SMALL_IMAGE_PRODUCTS = {"winograd": 1 << 21, "fourier": 1 << 15}
FEW_CHANNELS = 16 * 16


def is_small(c: Convolution, algorithm: str) -> bool:
    """Whether a convolution is too small for an algorithm that is not exact."""
    channels = c.kernel_shape[-2] * c.kernel_shape[-1] // c.groups
    products = c.products * prod(c.kernel_shape[-2:])
    most_of_image = SMALL_IMAGE_PRODUCTS.get(algorithm, 0) if channels < FEW_CHANNELS else 0
    return products <= max(SMALL_PRODUCTS.get(algorithm, 0), c.images * most_of_image)


# The first rule that has a reason wins.
RULES = {
    "forward": (
        Rule("product", whole, exact=True),
        Rule("fourier", fourier_forward, exact=False),
        Rule("winograd", winograd_forward, exact=False),
        Rule("grouped", grouped, exact=True),
        Rule("dots", dots_forward, exact=True),
        Rule("fold", fold, exact=False),
        Rule("direct", otherwise, exact=True),
    ),
    "backward_input": (
        Rule("product", whole, exact=True),
        Rule("fourier", fourier_backward_input, exact=False),
        Rule("winograd", winograd_backward_input, exact=False),
        Rule("grouped", grouped, exact=True),
        Rule("dots", dots_backward_input, exact=True),
        Rule("spread", spread, exact=True),
        Rule("fold", fold_backward, exact=False),
        Rule("direct", otherwise, exact=True),
    ),
    "backward_kernel": (
        Rule("product", product_backward_kernel, exact=True),
        Rule("fourier", fourier_forward, exact=False),
        Rule("winograd", winograd_forward, exact=False),
        Rule("grouped", grouped_kernel, exact=True),
        Rule("fold", fold, exact=False),
        Rule("direct", otherwise, exact=True),
    ),
}


@lru_cache(maxsize=1024)
def _choose(
    direction: str,
    x_shape: Shape,
    kernel_shape: Shape,
    strides: Shape,
    padding: Sides,
    dilation: Shape,
    limits: Limits,
    exact: bool,
) -> Choice:
    grown = [n + before + after for n, (before, after) in zip(x_shape[1:], padding)]
    outputs = output_size(grown, kernel_shape, strides, dilation)
    c = Convolution(x_shape[0], x_shape[1:-1], outputs, x_shape[-1], kernel_shape, strides, padding, dilation)
    allowed = [rule for rule in RULES[direction] if rule.exact or not (exact or is_small(c, rule.algorithm))]
    return next(Choice(c, rule.algorithm, reason) for rule in allowed if (reason := rule.reason(c, limits)))


def conv(
    direction: str, x_shape: Shape, kernel_shape: Shape, strides: Shape, padding: Sides, dilation: Shape
) -> Choice:
    """The algorithm for one direction, "forward", "backward_input" or "backward_kernel", of a convolution."""
    return _choose(direction, x_shape, kernel_shape, strides, padding, dilation, *settings())


def settings() -> tuple[Limits, bool]:
    """What a choice depends on besides shapes, and whether the algorithm has to be exact."""
    return Limits(_core.vector_floats(), config.max_workspace()), config.conv_precision() == "exact"


# ---- matrix products -------------------------------------------------------------------------------------------------

# With more rows of a, packing b into tiles costs less than what its reading where it lies takes longer.
STREAM_ROWS = 8
# Dot products of fewer elements spend their time on adding up the lanes; with more columns, half a vector is full.
DOT_DEPTH, DOT_COLUMNS = 32, 4
# Vectors of products whose saving repays that an element of the result is moved.
TRANSPOSE_GAIN = 8
# Packing b^T costs more; dot products of few elements spend their time on adding up the lanes.
DOT_ROWS = 64


def dot_rows(depth: int) -> int:
    """With more rows of a, packing b^T costs less than dot products of so many elements."""
    return max(1, min(depth // 8, max(STREAM_ROWS, depth // 32), DOT_ROWS))


def swapped(depth: int, rows: int, columns: int, lanes: int) -> bool:
    """Whether a^T b, (rows, columns) sums, is computed as the transpose of b^T a, whose rows fill vectors better."""
    vectors = rows * ceil(columns / lanes) - columns * ceil(rows / lanes)
    return depth * vectors > TRANSPOSE_GAIN * rows * columns


def matmul(a: tuple[int, ...], b: tuple[int, ...], transpose_a: bool, transpose_b: bool, fused: bool) -> str:
    """How op(a) op(b) is computed from these shapes: "stream" moves b past few rows of a, "dots" moves a past
    few columns of b, "tiles" packs b.

    "transposed" sums over the rows of both, as the gradient of a dense layer's weights does: nothing is fused with it.
    """
    if len(b) != 2 or 0 in a or 0 in b:
        return "reference"
    if transpose_a:
        return "transposed" if len(a) == 2 and not transpose_b and not fused else "reference"
    rows, columns = prod(a[:-1]), b[0] if transpose_b else b[1]
    most = dot_rows(a[-1]) if transpose_b else STREAM_ROWS
    if rows > most and a[-1] >= DOT_DEPTH and columns <= DOT_COLUMNS:
        return "dots"
    return "stream" if rows <= most else "tiles"
