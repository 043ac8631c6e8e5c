"""The window formula, (N - F + 2P)/S + 1, and the rest of window geometry that follows from shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import Any, NamedTuple, TypeVar

import fastconv.config as config
from fastconv._core import is_plain
from fastconv.arguments import MOST_PIXELS, is_integer, plain
from fastconv.typing import IntOrInts, PaddingLike, Shape

Sides = tuple[tuple[int, int], ...]
RANKS = (1, 2, 3)  # numbers of spatial axes
NAMED_PADDINGS = ("valid", "same")
CONV_PADDINGS = (*NAMED_PADDINGS, "causal")

Result = TypeVar("Result")


def cached(resolve: Callable[..., Result]) -> Callable[..., Result]:
    """Return `resolve`, a function of only its arguments and `config.strict_windows()`, with a cache of its results.

    Only calls with plain arguments are cached. Callers share the results and must not change them.
    """

    @lru_cache(maxsize=1024)
    def known(strict: bool, *arguments: Any) -> Result:
        return resolve(*arguments)

    @wraps(resolve)
    def ask(*arguments: Any) -> Result:
        return known(config.strict_windows(), *arguments) if is_plain(arguments) else resolve(*arguments)

    return ask


def as_tuple(name: str, value: IntOrInts, rank: int) -> tuple[int, ...]:
    """Return `value` for each of `rank` spatial axes, as positive integers below 2**31.

    Raises:
        ValueError: if `value` is neither a positive int below 2**31 nor `rank` of them.
    """
    if type(value) is int and 0 < value <= MOST_PIXELS:
        return (value,) * rank
    if type(value) is tuple and len(value) == rank and are_integers(value, 1):
        return value
    given = plain(value)
    values = (given,) * rank if is_integer(given) else tuple(given) if isinstance(given, (list, tuple)) else ()
    if len(values) != rank or not all(map(is_integer, values)):
        raise ValueError(f"{name} must be an int or {rank} ints. Received: {name}={value!r}")
    if min(values) < 1:
        raise ValueError(f"{name} must be at least 1. Received: {name}={value!r}")
    if max(values) > MOST_PIXELS:
        raise ValueError(f"{name} must be below 2**31. Received: {name}={value!r}")
    return tuple(map(int, values))


def are_integers(values: tuple[Any, ...], least: int) -> bool:
    """Return True if `values` are Python ints from `least` to MOST_PIXELS: a fast check without an explanation."""
    for value in values:  # a loop, since a generator for `all` costs more than the checks
        if type(value) is not int or not least <= value <= MOST_PIXELS:
            break
    else:
        return True
    return False


def reach(size: int, dilation: int) -> int:
    """Return the number of pixels that a window of `size` taps spans."""
    return (size - 1) * dilation + 1


def output_size(
    spatial: Sequence[int], size: Sequence[int], strides: Sequence[int], padding: Sides, dilation: Sequence[int]
) -> Shape:
    """Return the number of windows along each axis.

    floor((N - F + P)/S) + 1, with the dilated window size F and the padding P of both sides.
    """
    axes = zip(spatial, size, strides, padding, dilation)
    return tuple([(n + before + after - reach(k, d)) // s + 1 for n, k, s, (before, after), d in axes])


def size_formula(n: int, k: int, s: int, sides: tuple[int, int], d: int) -> str:
    """Return the formula of the number of windows with numbers, such as "(7 - 3)/3 + 1 = 2.33", without rounding.

    Args:
        n, k, s, d: the number of inputs, the taps, the stride and the dilation.
        sides: the padding before and after.
    """
    before, after = sides
    padding = f" + 2*{before}" if before == after else f" + {before} + {after}"
    windows, rest = divmod(n + before + after - reach(k, d) + s, s)
    quotient = f"{windows + rest / s:.2f}" if rest else windows
    return f"({n} - {reach(k, d)}{padding if before or after else ''})/{s} + 1 = {quotient}"


def same_padding(spatial: Sequence[int], size: Sequence[int], strides: Sequence[int], dilation: Sequence[int]) -> Sides:
    """Return the padding with which ceil(N/S) windows fit. An odd pixel is added after the inputs, as in Keras."""
    totals = [max((-(-n // s) - 1) * s + reach(k, d) - n, 0) for n, k, s, d in zip(spatial, size, strides, dilation)]
    return tuple((total // 2, total - total // 2) for total in totals)


def named_padding(
    padding: str, spatial: Sequence[int], size: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> Sides:
    """Return the sides that a padding's name stands for. "causal", for one axis only, reads nothing after an output."""
    if padding == "same":
        return same_padding(spatial, size, strides, dilation)
    return tuple((reach(k, d) - 1 if padding == "causal" else 0, 0) for k, d in zip(size, dilation))


def resolve_padding(
    op: str,
    padding: PaddingLike,
    spatial: Sequence[int],
    size: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    names: Sequence[str] = NAMED_PADDINGS,
) -> Sides:
    """Return `padding` as ((before, after), ...) for each spatial axis, after checking that at least one window fits.

    Args:
        op: name of the operation, for messages.
        padding: "valid", "same", or explicit sides, ((top, bottom), (left, right)).
        spatial, size, strides, dilation: ints for each spatial axis, in pixels.
        names: allowed names of `padding`.

    Raises:
        ValueError: if the padding is unknown or has negative sides, if the window is larger than the padded input, if
            an axis of the padded input has 2**31 pixels or more, or if `config.set_strict_windows(True)` is in force
            and windows leave part of the input unread.
    """
    padding = standardize_padding(op, padding, len(size), names)
    same, strict = padding == "same", config.strict_windows()
    sides = named_padding(padding, spatial, size, strides, dilation) if isinstance(padding, str) else padding
    _check_extent(op, [n + sum(side) for n, side in zip(spatial, sides)], spatial, size, strides, dilation, padding)
    for n, k, s, d, (before, after) in zip(spatial, size, strides, dilation, sides):
        rest = n + before + after - reach(k, d)
        uneven = rest % s and not same and strict
        if rest < 0 or uneven:
            received = (
                f"input size={tuple(spatial)}, window={tuple(size)}, strides={tuple(strides)}, "
                f"dilation={tuple(dilation)}, padding={sides}"
            )
            if rest < 0:
                raise ValueError(f"{op}: the window must fit into the padded input. Received: {received}")
            formula = size_formula(n, k, s, (before, after), d)
            raise ValueError(
                f"{op}: (N - F + 2P)/S must be an integer under strict windows. Received: {formula}, {received}"
            )
    return sides


def _check_extent(
    op: str,
    extents: Sequence[int],
    spatial: Sequence[int],
    size: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    padding: Any,
) -> None:
    """Check that windows and padding span less than 2**31 pixels of each axis, so that positions fit in 32 bits.

    Raises:
        ValueError: if an axis has more pixels.
    """
    if max(extents) > MOST_PIXELS:
        raise ValueError(
            f"{op}: windows and padding must span less than 2**31 pixels of each axis. "
            f"Received: input size={tuple(spatial)}, window={tuple(size)}, strides={tuple(strides)}, "
            f"dilation={tuple(dilation)}, padding={padding!r}"
        )


class Clip(NamedTuple):
    """The part of a window that meets inputs, and its movement over them.

    Attributes:
        taps: (first, end) of the taps that meet an input, for each axis.
        pixels: (first, end) of the inputs that windows may meet. These are all inputs unless a side would be negative.
        strides, padding, dilation: the movement of these taps over these pixels, equal to the movement of the whole
            window over all pixels.
        whole: True if all taps and pixels are left.
    """

    taps: Sides
    pixels: Sides
    strides: Shape
    padding: Sides
    dilation: Shape
    is_complete: bool

    @property
    def size(self) -> Shape:
        """Return the size of the clipped window."""
        return tuple(end - first for first, end in self.taps)

    @property
    def spatial(self) -> Shape:
        """Return the sizes of the clipped inputs."""
        return tuple(end - first for first, end in self.pixels)


def clip_window(spatial: Shape, size: Shape, strides: Shape, padding: Sides, dilation: Shape) -> Clip:
    """Return the window without outer taps that meet only padding; their number grows with dilation and padding."""
    axes = [_clip_axis(*axis) for axis in zip(spatial, size, strides, padding, dilation)]
    taps, pixels, strides, padding, dilation = (tuple(values) for values in zip(*axes))
    is_complete = taps == tuple((0, k) for k in size) and pixels == tuple((0, n) for n in spatial)
    return Clip(taps, pixels, strides, padding, dilation, is_complete)


def _clip_axis(n: int, k: int, s: int, sides: tuple[int, int], d: int) -> tuple:
    """Return a single axis of a `Clip`: (taps, pixels, stride, sides, dilation)."""
    before, after = sides
    (outputs,) = output_size((n,), (k,), (s,), (sides,), (d,))
    last_window = (outputs - 1) * s - before
    first, last = max(-(last_window // d), 0), min((n - 1 + before) // d, k - 1)
    if first > last:  # the inputs lie between two taps: keep any tap, over no pixels
        return (0, 1), (0, 0), 1, (outputs, 0), 1
    before, after = before - first * d, after - (k - 1 - last) * d
    pixels = (max(-before, 0), n + min(after, 0))
    stride = s if outputs > 1 else min(s, n + before + after)
    return (first, last + 1), pixels, stride, (max(before, 0), max(after, 0)), d if last > first else 1


def resolve_transposed(
    op: str,
    padding: PaddingLike,
    output_padding: IntOrInts | None,
    spatial: Sequence[int],
    size: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
) -> tuple[tuple[int, ...], Sides]:
    """Return the spatial sizes of a transposed convolution's output, and the padding of the convolution from it back.

    The N windows of F pixels cover (N - 1) S + F pixels, and the sides are cut off. With `padding` "same", F - S pixels
    are cut off, or F - F mod 2 - P if `output_padding` P is given. Otherwise the sides of `padding` are cut off, less
    P.

    Raises:
        ValueError: if the padding is unknown, if output_padding is not below the stride, if no pixel is left, or if an
            axis has 2**31 pixels or more.
    """
    padding = standardize_padding(op, padding, len(size))
    added = standardize_output_padding(op, output_padding, strides)
    sizes, sides = [], []
    for axis, (n, k, s, d, p) in enumerate(zip(spatial, size, strides, dilation, added)):
        f = reach(k, d)
        if padding == "same":
            cut = f - s if p is None else f - f % 2 - p
            before, after = max(cut, 0) // 2, -(-max(cut, 0) // 2)
        else:
            before, after = (0, 0) if isinstance(padding, str) else padding[axis]
            cut = before + after - (max(s - f, 0) if p is None else p)
        sizes.append((n - 1) * s + f - cut)
        sides.append((before, after))
    extents = [n + sum(side) for n, side in zip(sizes, sides)]
    _check_extent(op, extents, spatial, size, strides, dilation, padding)
    if min(sizes) < 1:
        raise ValueError(
            f"{op}: padding must leave at least one pixel. Received: input size={tuple(spatial)}, "
            f"window={tuple(size)}, strides={tuple(strides)}, dilation={tuple(dilation)}, padding={padding!r}"
        )
    return tuple(sizes), tuple(sides)


def standardize_output_padding(
    op: str, output_padding: IntOrInts | None, strides: Sequence[int]
) -> tuple[int | None, ...]:
    """Return `output_padding` for each axis: integers >= 0 and below the stride, or None to derive it.

    Raises:
        ValueError: for any other value.
    """
    if output_padding is None:
        return (None,) * len(strides)
    given = plain(output_padding)
    values = (given,) * len(strides) if is_integer(given) else tuple(given) if isinstance(given, (list, tuple)) else ()
    if len(values) != len(strides) or not all(is_integer(p) and 0 <= p < s for p, s in zip(values, strides)):
        raise ValueError(
            f"{op}: output_padding must be {len(strides)} integers >= 0 and below the strides. "
            f"Received: output_padding={output_padding!r}, strides={tuple(strides)}"
        )
    return tuple(map(int, values))


def standardize_padding(
    op: str,
    padding: PaddingLike,
    rank: int,
    names: Sequence[str] = NAMED_PADDINGS,
) -> str | Sides:
    """Return `padding` as one of `names`, or as ((before, after), ...) for each of `rank` axes.

    Raises:
        ValueError: for any other value, or for "causal" with more than one axis.
    """
    if not isinstance(padding, str):
        return explicit_sides(op, padding, rank)
    if padding in NAMED_PADDINGS:
        return padding
    known = [name for name in names if name != "causal" or rank == 1]
    if padding.lower() not in known:
        sides = {1: "((before, after),)", 2: "((top, bottom), (left, right))"}.get(rank, f"{rank} pairs")
        raise ValueError(
            f"{op}: padding must be {', '.join(map(repr, known))} or {sides}. Received: padding={padding!r}"
        )
    return padding.lower()


def explicit_sides(op: str, padding: int | Sequence[int | Sequence[int]], rank: int) -> Sides:
    """Return ((before, after), ...) from an int, an int per axis, or a pair per axis.

    Raises:
        ValueError: for any other value, or if a side is negative.
    """
    if type(padding) is tuple and len(padding) == rank and all(map(_is_side, padding)):
        return padding
    try:
        given = plain(padding)
        axes = [given] * rank if is_integer(given) else list(given)
        pairs = [(a, a) if is_integer(a) else tuple(plain(a)) for a in axes]
        fits = len(pairs) == rank and all(len(p) == 2 and all(is_integer(n) and n >= 0 for n in p) for p in pairs)
    except TypeError:
        fits = False
    if not fits:
        raise ValueError(f"{op}: padding must be {rank} pairs of integers >= 0. Received: padding={padding!r}")
    if any(max(p) > MOST_PIXELS for p in pairs):
        raise ValueError(f"{op}: padding must be below 2**31. Received: padding={padding!r}")
    return tuple((int(before), int(after)) for before, after in pairs)


def _is_side(pair: Any) -> bool:
    return type(pair) is tuple and len(pair) == 2 and are_integers(pair, 0)


def shape_mismatch(x_shape: Sequence[int], w_shape: Sequence[int]) -> str:
    """Return the rule that these shapes break, or an empty string if they fit together."""
    if len(w_shape) != len(x_shape) or len(x_shape) - 2 not in RANKS:
        return "inputs and kernel must have the same number of axes, 3 to 5"
    channels, (ci, co) = x_shape[-1], w_shape[-2:]
    if min(w_shape) < 1:
        return "every size of the kernel must be at least 1"
    if channels % ci or channels == 0:
        return (
            f"kernel has {ci} input channels but inputs have {channels}; with {channels} it would sum over all "
            f"channels, with a divisor of {channels} it would make groups"
        )
    if co % (channels // ci):
        return (
            f"{co} output channels do not divide into {channels // ci} groups, which a kernel with {ci} of {channels} "
            f"input channels makes; with {channels} it would sum over all channels"
        )
    return ""
