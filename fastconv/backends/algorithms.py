"""Which kernel computes a shape: the one table of these choices. It sees shapes alone, never the number of threads.

Each threshold is where two kernels measured alike, on a Zen 4 and its 512-bit vectors.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import log2, prod

# With more rows, packing b into tiles costs less than reading it once a row.
THIN_ROWS = 4
# Shorter dot products spend their time on adding up the lanes.
DOT_DEPTH = 64


def matmul(a: tuple[int, ...], b: tuple[int, ...], transpose_a: bool, transpose_b: bool, fused: bool) -> str:
    """How op(a) op(b) is computed from these shapes: "thin" and "dots" stream b past few rows, "tiles" packs it.

    "transposed" sums over the rows of both, as the gradient of a dense layer's weights does: nothing is fused with it.
    """
    if len(b) != 2 or 0 in a or 0 in b:
        return "reference"
    if transpose_a:
        return "transposed" if len(a) == 2 and not transpose_b and not fused else "reference"
    if prod(a[:-1]) > THIN_ROWS or (transpose_b and a[-1] < DOT_DEPTH):
        return "tiles"
    return "dots" if transpose_b else "thin"


def depthwise(channels: int, kernel_shape: tuple[int, ...]) -> bool:
    """Whether channels are computed side by side in the lanes of vectors: each has a kernel of its own."""
    return kernel_shape[-2] == 1 and kernel_shape[-1] == channels > 1


# With more channels, the vectors of the phases are full enough.
SPREAD_CHANNELS = 8


def conv_backward_input(images: int, kernel_shape: tuple[int, ...], dilation: tuple[int, ...], groups: int) -> str:
    """How dx is computed: "spread" adds kernel rows times pixels, "phases" gathers what each pixel of dx needs."""
    dense = len(dilation) == 2 and groups == 1 and dilation[1] == 1
    return "spread" if dense and images >= 8 and kernel_shape[2] <= SPREAD_CHANNELS else "phases"


# Fewer output pixels do not repay that the kernel is laid out anew.
FOLDED_PIXELS = 4096


@lru_cache(maxsize=256)
def fold(pixels: int, outputs: int, channels: int, taps: int, stride: int, lanes: int) -> int:
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


# Fewer taps are as fast directly, or nearly so.
FOURIER_TAPS = 49
# Sizes of the tiles that are transformed: whole vectors, and powers of four times 1, 2 or 3.
FOURIER_POINTS = (32, 48, 64, 128, 192, 256, 512)
# A tile of more points leaves a second-level cache of 1 MB, and each point takes twice the time.
FOURIER_CACHED_POINTS = 1 << 16
# Time of a multiply-add of the direct kernel, whose vectors lie along a row, over that of a radix-2 step of one point.
FOURIER_GAIN = 0.15


@lru_cache(maxsize=256)
def fourier_tile(images: int, outputs: tuple[int, ...], taps: tuple[int, ...]) -> tuple[int, ...] | None:
    """The tile with which one channel is convolved with so many taps through spectra; None where directly is faster.

    Tiles are transformed in pairs, those of an image with each other; transforming the kernel counts as half a pair.
    """

    def cost(points: tuple[int, ...]) -> float:
        across = [-(-o // (p - k + 1)) for o, p, k in zip(outputs, points, taps)]
        pairs = images * -(-prod(across) // 2) + 0.5
        return pairs * prod(points) * (log2(prod(points)) + 4) * (1 if prod(points) <= FOURIER_CACHED_POINTS else 2)

    tiles = list(product(*[[p for p in FOURIER_POINTS if p >= k] for k in taps]))
    if prod(taps) < FOURIER_TAPS or not tiles:
        return None
    best = min(tiles, key=cost)
    direct = FOURIER_GAIN * images * prod(outputs) * taps[0] * (taps[1] + 15)
    return best if cost(best) < direct else None
