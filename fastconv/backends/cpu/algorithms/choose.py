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
from fastconv.backends.cpu.algorithms.winograd import WINOGRAD, WINOGRAD_2X2
from fastconv.geometry import Convolution

# The first algorithm that has a reason computes a convolution.
ALGORITHMS: tuple[Algorithm, ...] = (
    PRODUCT,
    PLANES,
    FOURIER,
    WINOGRAD_2X2,
    WINOGRAD,
    GROUPED,
    DOTS,
    SPREAD,
    FOLD,
    DIRECT,
)

# The directions of kernels whose weights may be constant.
_directions: dict[Callable[..., None], str] = {
    candidate.run: direction
    for direction in ("forward", "backward_input")
    for algorithm in ALGORITHMS
    if (candidate := getattr(algorithm, direction)) is not None
}


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


def choose(direction: str, convolution: Convolution, constant_kernel: bool = False) -> Choice:
    """Return the algorithm for "forward", "backward_input" or "backward_kernel" of a convolution.

    Args:
        constant_kernel: True if a plan packs or transforms the kernel once and keeps the result.
    """
    return _choose(direction, convolution, *settings(), constant_kernel and direction != "backward_kernel")


def choose_for_constant(run: Callable[..., None], convolution: Convolution) -> Callable[..., None]:
    """Return the kernel that takes the place of `run` if the weights are constant, with the same arguments."""
    direction = _directions.get(run)
    return run if direction is None else choose(direction, convolution, constant_kernel=True).run


def settings() -> tuple[Limits, bool]:
    """Return the limits on which a choice depends, and True if the algorithm must be exact."""
    return Limits(_core.vector_floats(), config.max_workspace()), config.conv_precision() == "exact"


@lru_cache(maxsize=1024)
def _choose(direction: str, c: Convolution, limits: Limits, exact: bool, constant_kernel: bool) -> Choice:
    limits = limits._replace(constant_kernel=constant_kernel)
    for algorithm in ALGORITHMS:
        candidate = getattr(algorithm, direction)
        if candidate is None or (not algorithm.exact and (exact or algorithm.is_too_small(c))):
            continue
        reason = candidate.reason(c, limits)
        if reason:
            return Choice(candidate.run, algorithm, reason)
    raise AssertionError("the last algorithm computes every convolution")
