"""Explanations of the choice of algorithms, for users."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

import fastconv._core as _core
from fastconv.arguments import as_flag
from fastconv.backends.balance import THREADS, Phase, phases_of
from fastconv.backends.cpu.algorithms.algorithm import DIRECTIONS
from fastconv.backends.cpu.algorithms.choose import choose
from fastconv.backends.cpu.algorithms.winograd import WINOGRAD, WINOGRAD_2X2
from fastconv.backends.cpu.recording import counted
from fastconv.geometry import ClippedConvolution, Convolution
from fastconv.typing import PaddingLike
from fastconv.window import CONV_PADDINGS, as_tuple, resolve_padding, shape_mismatch

# Multiply-adds of plain sums in place of which an algorithm needs a single one.
SAVINGS = {WINOGRAD.name: 4, WINOGRAD_2X2.name: 2.25}


class Explanation(NamedTuple):
    """The algorithm of a direction of a convolution, and the reason for it."""

    algorithm: str  # a name in `choose.ALGORITHMS`
    tile: str  # the register tile of its innermost kernel
    threads: int  # the most threads that run it
    reason: str  # the rule by which it was chosen
    tasks: tuple[int, ...] = ()  # of each phase of the kernel, on the threads in use
    # for numbers of threads, the part of their time that the tasks of each phase fill
    balance: Mapping[int, tuple[float, ...]] = MappingProxyType({})


def explain_conv(
    input_shape: Sequence[int],
    kernel_shape: Sequence[int],
    strides: int | Sequence[int] = 1,
    padding: PaddingLike = "valid",
    dilation_rate: int | Sequence[int] = 1,
    constant_kernel: bool = False,
) -> dict[str, Explanation]:
    """Return the algorithm, register tile, threads and tasks of a float32 convolution of this shape, and the reason.

    The answer holds for the current instruction set, precision and workspace (`config.set_conv_precision`,
    `config.set_max_workspace`). The choice depends only on shapes, never on the number of threads. The balance is a
    prediction: tasks / (threads * the most tasks of a thread), where the number of threads is at most what the work is
    worth. It takes the tasks of a phase as equal.

    Args:
        input_shape: ints, (N, *spatial, C), one to three spatial axes.
        kernel_shape: ints, (*window, CI, CO).
        strides, padding, dilation_rate: as for `ops.conv`.
        constant_kernel: bool, True for the choice of a model's `predict` and `evaluate`. There the kernel is constant:
            it is packed or transformed once, and kept in at most `config.max_workspace()` bytes for all layers.

    Returns:
        Dict with an `Explanation` for each of "forward", "backward_input" and "backward_kernel": algorithm, tile,
        threads, reason, tasks (of each phase, on the threads in use), and balance, a dict from numbers of threads to
        the balance of each phase. Phases that prepare a kernel or add partial sums are short. Tasks and balance are
        empty if there is no memory for the arrays.

    Raises:
        ValueError: if shapes, strides or padding do not fit.

    Example:
        >>> fastconv.explain_conv((8, 56, 56, 64), (3, 3, 64, 64), padding="same")["forward"].algorithm
        'winograd'
        >>> list(fastconv.explain_conv((8, 56, 56, 64), (3, 3, 64, 64), strides=2)["forward"].balance)
        [2, 4, 8, 16, 32, 64]
        >>> shapes = (1, 8, 8, 256), (3, 3, 256, 256)
        >>> fastconv.explain_conv(*shapes, padding="same")["forward"].algorithm
        'direct'
        >>> fastconv.explain_conv(*shapes, padding="same", constant_kernel=True)["forward"].algorithm
        'winograd 2x2'
    """
    x, w = tuple(map(int, input_shape)), tuple(map(int, kernel_shape))
    if shape_mismatch(x, w):
        raise ValueError(
            "input_shape must be (N, *spatial, C) and kernel_shape (*window, CI, CO), C a multiple of CI and CO one of "
            f"C / CI. Received: input_shape={x}, kernel_shape={w}"
        )
    rank = len(x) - 2
    steps, distance = as_tuple("strides", strides, rank), as_tuple("dilation_rate", dilation_rate, rank)
    sides = resolve_padding("explain_conv", padding, x[1:-1], w[:-2], steps, distance, CONV_PADDINGS)
    clipped = ClippedConvolution.of(x, w, steps, sides, distance)
    constant = as_flag("explain_conv", "constant_kernel", constant_kernel)
    return {direction: _explain(direction, clipped, constant) for direction in DIRECTIONS}


def _explain(direction: str, clipped: ClippedConvolution, constant_kernel: bool) -> Explanation:
    c = clipped.convolution
    run, algorithm, reason = choose(direction, c, constant_kernel)
    if clipped.taps is not None:
        reason += f"; {' x '.join(map(str, c.size))} taps, as the others meet only padding"
    work = c.pixels * prod(c.kernel_shape) / SAVINGS.get(algorithm.name, 1)
    tile = algorithm.tile(c, direction, _core.vector_floats())
    phases, predicted = _count_tasks(direction, c, run, constant_kernel and direction != "backward_kernel")
    shares = {n: tuple(phase.balance for phase in counted) for n, counted in predicted.items()}
    return Explanation(
        algorithm.name, tile, _core.threads_worth(work), reason, tuple(phase.tasks for phase in phases), shares
    )


def _count_tasks(
    direction: str, c: Convolution, run: Callable[..., None], constant_kernel: bool
) -> tuple[list[Phase], dict[int, list[Phase]]]:
    """Return the phases of the kernel on the threads in use, and on other numbers of threads; nothing is computed."""
    try:
        x, w, y = (np.zeros(shape, np.float32) for shape in (c.input_shape, c.kernel_shape, c.output_shape))
        arguments = {
            "forward": (x, w, None, y, 0, 0.0),
            "backward_input": (y, w, None, x, 0, 0.0),
            "backward_kernel": (x, y, w),
        }
        kernel = partial(counted, partial(run, c, *arguments[direction]), constant_kernel)
        phases = phases_of(kernel, _core.get_num_threads())
        return phases, {n: phases_of(kernel, n) for n in THREADS if phases}
    except MemoryError:
        return [], {}
