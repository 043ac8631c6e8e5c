"""Which kernel computes a shape: the one table of these choices. It sees shapes alone, never the number of threads.

Each threshold is where two kernels measured alike, on a Zen 4 and its 512-bit vectors.
"""

from __future__ import annotations

# With more rows, packing b into tiles costs less than reading it once a row.
THIN_ROWS = 4


def matmul(rows: int, transpose_b: bool) -> str:
    """How (M, K) times (K, N) is computed: "thin" streams b past few rows, "tiles" packs it."""
    return "thin" if rows <= THIN_ROWS and not transpose_b else "tiles"


# With more channels, the vectors of the phases are full enough.
SPREAD_CHANNELS = 8


def conv_backward_input(images: int, kernel_shape: tuple[int, ...], dilation: tuple[int, int], groups: int) -> str:
    """How dx is computed: "spread" adds kernel rows times pixels, image by image, "phases" gathers what each pixel needs."""
    dense = groups == 1 and dilation[1] == 1
    return "spread" if dense and images >= 8 and kernel_shape[2] <= SPREAD_CHANNELS else "phases"
