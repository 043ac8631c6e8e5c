"""The choice of convolutions that are computed depth first: a few rows, then the depthwise convolution that reads them.

Measured on a Zen 5 (32 MB of last cache, 28 GB/s of memory): one kernel instead of two for the pair of MobileNetV2 with
a first result of 4.8 MB, an image of 112x112x96, saves 4 to 6 percent of the net on a thread and 8 on two. Pairs with a
smaller result save little on a thread and nothing on two, since strips of few rows compute many rows twice. Larger
pairs take 0.7 to 0.86 of the time at 14 MB, and 0.5 to 0.78 from 25 MB.
"""

from __future__ import annotations

from math import prod

from fastconv.backends.cpu.algorithms.choose import choose
from fastconv.backends.cpu.algorithms.direct import DIRECT
from fastconv.backends.cpu.algorithms.grouped import GROUPED
from fastconv.geometry import Convolution
from fastconv.window import reach

FLOAT_BYTES = 4
# Results of at most MOST_CACHED bytes stay in a cache on their way to the depthwise convolution.
MOST_CACHED = 4 << 20
# Every few rows read the kernel of the first convolution again. It must stay in the second-level cache.
MOST_KERNEL = 1 << 18
# The rows that a window reads are in memory at a time, for each thread.
MOST_ROWS = 2 << 20


def computes(convolution: Convolution, depthwise: Convolution) -> bool:
    """Return True if the kernel sums as the kernels of the two convolutions do: direct, then grouped.

    Args:
        convolution: of x.
        depthwise: of the result of `convolution`.
    """
    algorithms = [choose("forward", c).algorithm for c in (convolution, depthwise)]
    filled = prod(convolution.output_shape) and prod(depthwise.output_shape)
    return len(convolution.inputs) == 2 and algorithms == [DIRECT, GROUPED] and bool(filled)


def pays(convolution: Convolution, depthwise: Convolution) -> bool:
    """Return True if one kernel computes the two convolutions faster than two kernels, with the same bits."""
    middle, kernel = (FLOAT_BYTES * prod(shape) for shape in (convolution.output_shape, convolution.kernel_shape))
    if middle <= MOST_CACHED or kernel > MOST_KERNEL or not computes(convolution, depthwise):
        return False
    rows = reach(depthwise.size[0], depthwise.dilation[0])
    return rows * middle // (convolution.images * convolution.outputs[0]) <= MOST_ROWS
