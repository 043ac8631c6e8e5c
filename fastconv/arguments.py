"""Checks of users' arguments. Numbers, NumPy's included, become Python's own, so that configurations can hold them."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any, TypeGuard

import numpy as np

LARGEST = 2**63 - 1  # sizes and positions that arrays can have
MOST_SEED = 2**64 - 1
MOST_PIXELS = 2**31 - 1  # of an axis, padding included: GPU kernels count in 32 bits


def plain(value: Any, kinds: Any = (np.ndarray, np.generic)) -> Any:
    """Return `value` with NumPy's numbers and arrays as Python's numbers and lists, inside lists, tuples and dicts too.

    Args:
        value: any value.
        kinds: the NumPy types to convert.
    """
    if isinstance(value, kinds):
        return value.tolist()
    if type(value) in (list, tuple):
        return type(value)([plain(v, kinds) for v in value])
    if type(value) is dict:
        return {key: plain(v, kinds) for key, v in value.items()}
    return value


def number_of(value: object) -> Any:
    """Return an array or tensor with a single number and no axis as Python's number; any other value unchanged."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    return float(value) if isinstance(value, np.floating) else value  # longdouble.item() is a longdouble


def is_integer(value: object) -> TypeGuard[int]:
    """Return True if `value` is an integer of Python or NumPy, and not a boolean."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Return True if `value` is a real number of Python or NumPy that fits a float, and neither NaN nor a boolean."""
    if is_integer(value):
        return bool(abs(value) <= sys.float_info.max)
    return isinstance(value, (float, np.floating)) and not math.isnan(value)


def describe(owner: object) -> str:
    """Return the name of an argument's object or function for error messages."""
    return owner if isinstance(owner, str) else type(owner).__name__


def as_integer(owner: object, name: str, value: object, least: int = -LARGEST, most: int = LARGEST) -> int:
    """Return `value` as an int.

    Raises:
        ValueError: if it is not an integer, is below `least` or above `most`, or is too large for the size of an array.
    """
    number = number_of(value)
    if not is_integer(number) or not least <= number <= most:
        bounds = [
            f"at {word} {n}" for word, n, free in (("least", least, -LARGEST), ("most", most, LARGEST)) if n != free
        ]
        limit = ", below 2**63" * (is_integer(number) and abs(number) > LARGEST and most == LARGEST)
        rule = "an int" + f" of {' and '.join(bounds)}" * bool(bounds) + limit
        raise ValueError(f"{describe(owner)}: {name} must be {rule}. Received: {name}={value!r}")
    return int(number)


def as_integers(
    owner: object, name: str, value: object, least: int = -LARGEST, count: int | None = None
) -> tuple[int, ...]:
    """Return `value`, a tuple, list or array of integers, as a tuple of ints.

    With `count`, the number of axes of images, a single integer stands for all axes, and integers must be below 2**31.

    Raises:
        ValueError: if it is anything else, if its length is not `count`, or if an integer is below `least` or too
            large.
    """
    numbers = plain(value)
    if count is not None and is_integer(numbers):
        numbers = (numbers,) * count
    most, limit = (LARGEST, "2**63") if count is None else (MOST_PIXELS, "2**31")
    integers = isinstance(numbers, (list, tuple)) and all(map(is_integer, numbers))
    if not integers or not all(least <= n <= most for n in numbers) or (count is not None and len(numbers) != count):
        wanted = "ints" if count is None else "an int" if count == 1 else f"an int or {count} ints"
        bound = f" of at least {least}" * (least != -LARGEST)
        below = f", below {limit}" * (integers and any(n > most for n in numbers))
        raise ValueError(f"{describe(owner)}: {name} must be {wanted}{bound}{below}. Received: {name}={value!r}")
    return tuple(numbers)


def as_size(owner: object, name: str, value: object) -> tuple[int, int]:
    """Return `value`, the (height, width) of an image, as a tuple of ints.

    Raises:
        ValueError: if it is not two integers >= 1 and below 2**31.
    """
    sizes = plain(value)
    if not isinstance(sizes, (list, tuple)) or len(sizes) != 2:
        raise ValueError(f"{describe(owner)}: {name} must be (height, width). Received: {name}={value!r}")
    height, width = as_integers(owner, name, sizes, 1, 2)
    return height, width


def as_seed(owner: object, value: object, most: int = MOST_SEED) -> int:
    """Return `value` as an int. Raises ValueError unless it is an integer from 0 to `most`."""
    return as_integer(owner, "seed", value, 0, most)


def as_shape(owner: object, name: str, value: object) -> tuple[int | None, ...]:
    """Return `value`, sizes in a tuple, list or array, as a tuple of ints, with None for unknown sizes.

    Raises:
        ValueError: if it is anything else, or if a size is negative.
    """
    sizes = plain(value)
    if not isinstance(sizes, (list, tuple)) or not all(
        n is None or (is_integer(n) and 0 <= n <= LARGEST) for n in sizes
    ):
        raise ValueError(f"{describe(owner)}: {name} must be ints >= 0 or None in a tuple. Received: {name}={value!r}")
    return tuple(sizes)


def as_axes(owner: object, name: str, value: object) -> int | list[int]:
    """Return `value`, an axis or several, as an int or a list of ints.

    Raises:
        ValueError: if it is anything else.
    """
    axes = plain(value)
    several = axes if isinstance(axes, (list, tuple)) else [axes]
    if not all(is_integer(axis) and abs(axis) <= LARGEST for axis in several):
        raise ValueError(f"{describe(owner)}: {name} must be an int, or ints in a tuple. Received: {name}={value!r}")
    return axes if is_integer(axes) else list(axes)


def as_number(
    owner: object,
    name: str,
    value: object,
    low: float = -math.inf,
    high: float = math.inf,
    above: float | None = None,
    below: float | None = None,
) -> Any:
    """Return `value` as a Python number. Integers stay integers.

    Args:
        owner, name: name the argument in the error message.
        value: the argument.
        low, high: inclusive bounds.
        above, below: exclusive bounds; below=math.inf requires a finite number.

    Raises:
        ValueError: if it is not a real number, is NaN, or is out of bounds.
    """
    number = number_of(value)
    inside = is_number(number) and low <= number <= high
    if not inside or (above is not None and number <= above) or (below is not None and number >= below):
        limits = (("at least", low), ("above", above), ("at most", high), ("below", below))
        bounds = [f"{word} {n:g}" for word, n in limits if n is not None and math.isfinite(n)]
        rule = ("a finite number" if below == math.inf else "a number") + f" {' and '.join(bounds)}" * bool(bounds)
        raise ValueError(f"{describe(owner)}: {name} must be {rule}. Received: {name}={value!r}")
    return number


def as_strength(owner: object, name: str, value: object) -> Any:
    """Return `value` as a Python number. Raises ValueError unless it is finite and at least 0."""
    return as_number(owner, name, value, 0, below=math.inf)


def optional(check: Callable[..., Any], owner: object, name: str, value: object, *bounds: Any, **further: Any) -> Any:
    """Return `check(owner, name, value, ...)` for a function of this file; None stays None."""
    return None if value is None else check(owner, name, value, *bounds, **further)


def as_numbers(owner: object, name: str, value: object, low: float = -math.inf, high: float = math.inf) -> Any:
    """Return `value`, a number, an array, or nested lists of equal lengths, as Python's numbers and lists.

    Raises:
        ValueError: if it is anything else, or if a number is outside [low, high].
    """
    numbers = plain(value)
    try:
        array = np.asarray(numbers)
    except ValueError:  # lists of several lengths
        array = np.empty(0, object)
    bounded = math.isfinite(low) or math.isfinite(high)
    inside = array.dtype.kind in "iuf" and not isinstance(numbers, (set, dict))
    if not inside or (bounded and not ((low <= array) & (array <= high)).all()):
        bounds = f" from {low:g} to {high:g}" * bounded
        raise ValueError(f"{describe(owner)}: {name} must be a number{bounds}, or numbers. Received: {name}={value!r}")
    return numbers


def as_pair(owner: object, name: str, value: object) -> list[Any]:
    """Return `value`, two finite numbers in a tuple, list or array, as a list.

    Raises:
        ValueError: if it is anything else.
    """
    pair = plain(value)
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        raise ValueError(f"{describe(owner)}: {name} must be two numbers. Received: {name}={value!r}")
    return [as_number(owner, name, number, below=math.inf) for number in pair]


def as_flag(owner: object, name: str, value: object) -> bool:
    """Return `value` as a bool.

    Raises:
        ValueError: if it is not True, False, 1 or 0.
    """
    flag = plain(value)
    if not isinstance(flag, (bool, int)) or flag not in (0, 1):
        raise ValueError(f"{describe(owner)}: {name} must be True or False. Received: {name}={value!r}")
    return bool(flag)


def as_choice(owner: object, name: str, value: object, allowed: tuple[str, ...]) -> str:
    """Return `value`, which must be one of the strings `allowed`.

    Raises:
        ValueError: if it is anything else.
    """
    if not isinstance(value, str) or value not in allowed:
        rule = f"one of {', '.join(allowed)}" if len(allowed) > 1 else repr(*allowed)
        raise ValueError(f"{describe(owner)}: {name} must be {rule}. Received: {name}={value!r}")
    return value


def as_verbosity(owner: object, value: object) -> int:
    """Return `value`, the verbosity, as an int: 1 for "auto" and True, 0 for False.

    Raises:
        ValueError: if it is not 0, 1, 2, True, False or "auto".
    """
    number = {"auto": 1}.get(value) if isinstance(value, str) else number_of(value)
    if not isinstance(number, (int, float)) or number not in (0, 1, 2):
        raise ValueError(f"{describe(owner)}: verbose must be 0, 1, 2 or 'auto'. Received: verbose={value!r}")
    return int(number)
