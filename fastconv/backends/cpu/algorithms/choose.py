"""The choice of an algorithm for a convolution. It sees only shapes and settings, never the number of threads.

The thresholds in the algorithms' files are shapes for which two kernels took the same time, on a Zen 4 and its 512-bit
vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import fastconv._core as _core
import fastconv.config as config
from fastconv.backends.cpu.algorithms.algorithm import Algorithm, Limits
from fastconv.backends.cpu.algorithms.direct import DIRECT
from fastconv.backends.cpu.algorithms.dots import DOTS
from fastconv.backends.cpu.algorithms.fold import FOLD
from fastconv.backends.cpu.algorithms.fourier import FOURIER
from fastconv.backends.cpu.algorithms.grouped import GROUPED
from fastconv.backends.cpu.algorithms.planes import PLANES
from fastconv.backends.cpu.algorithms.product import PRODUCT
from fastconv.backends.cpu.algorithms.spread import SPREAD
from fastconv.backends.cpu.algorithms.winograd import WINOGRAD
from fastconv.geometry import Convolution

# The first algorithm that has a reason computes a convolution.
ALGORITHMS: tuple[Algorithm, ...] = (PRODUCT, PLANES, FOURIER, WINOGRAD, GROUPED, DOTS, SPREAD, FOLD, DIRECT)


class Choice(NamedTuple):
    """The algorithm chosen for a direction of a convolution.

    Attributes:
        run: the kernel, as `Direction.run`.
        algorithm: the record of the algorithm.
        reason: why it was chosen.
    """

    run: Callable[..., None]
    algorithm: Algorithm
    reason: str


def choose(direction: str, convolution: Convolution) -> Choice:
    """Return the algorithm for "forward", "backward_input" or "backward_kernel" of a convolution."""
    return _choose(direction, convolution, *settings())


def settings() -> tuple[Limits, bool]:
    """Return the limits on which a choice depends, and True if the algorithm must be exact."""
    return Limits(_core.vector_floats(), config.max_workspace()), config.conv_precision() == "exact"


@lru_cache(maxsize=1024)
def _choose(direction: str, c: Convolution, limits: Limits, exact: bool) -> Choice:
    for algorithm in ALGORITHMS:
        candidate = getattr(algorithm, direction)
        if candidate is None or (not algorithm.exact and (exact or algorithm.is_too_small(c))):
            continue
        reason = candidate.reason(c, limits)
        if reason:
            return Choice(candidate.run, algorithm, reason)
    raise AssertionError("the last algorithm computes every convolution")
