"""Numbers as users give them, NumPy's among them, checked and made Python's own: what configurations hold."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

LARGEST = 2**63 - 1  # sizes and positions that arrays can have
MOST_PIXELS = 2**31 - 1  # of an axis, padding included: kernels of GPUs count in 32 bits, others in 64


def plain(value: Any, kinds: Any = (np.ndarray, np.generic)) -> Any:
    """`value` with NumPy's numbers and arrays as Python's numbers and lists, inside lists, tuples and dicts too.

    Args:
        value: anything.
        kinds: NumPy's types that are made plain.
    """
    if isinstance(value, kinds):
        return value.tolist()
    if type(value) in (list, tuple):
        return type(value)([plain(one, kinds) for one in value])
    if type(value) is dict:
        return {key: plain(one, kinds) for key, one in value.items()}
    return value


def is_integer(value: Any) -> bool:
    """Whether `value` is an integer of Python or NumPy, and not a boolean."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether `value` is a real number of Python or NumPy other than NaN, and not a boolean."""
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    return real and not math.isnan(value)


def describe(owner: Any) -> str:
    """What an error calls the object, or the function, that an argument belongs to."""
    return owner if isinstance(owner, str) else type(owner).__name__


def as_integer(owner: Any, name: str, value: Any, least: int = -LARGEST) -> int:
    """`value` as an int.

    Raises:
        ValueError: it is no integer, below `least`, or too large for the size of an array.
    """
    number = plain(value)
    if not is_integer(number) or not least <= number <= LARGEST:
        bound = f" of at least {least}" * (least != -LARGEST)
        limit = ", below 2**63" * (is_integer(number) and abs(number) > LARGEST)
        raise ValueError(f"{describe(owner)}: {name} must be an int{bound}{limit}. Received: {name}={value!r}")
    return number


def as_integers(owner: Any, name: str, value: Any, least: int = -LARGEST, count: int | None = None) -> tuple[int, ...]:
    """`value`, a tuple, list or array of integers, as a tuple of ints.

    With `count`, the number of axes of images, a single integer stands for all axes, and integers are below 2**31.

    Raises:
        ValueError: it is something else, of another length than `count`, or has an integer below `least` or too large.
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


def as_shape(owner: Any, name: str, value: Any) -> tuple[int | None, ...]:
    """`value`, sizes in a tuple, list or array, as a tuple of ints, None for each size that is unknown.

    Raises:
        ValueError: it is something else, or a size is below 0.
    """
    sizes = plain(value)
    if not isinstance(sizes, (list, tuple)) or not all(
        n is None or (is_integer(n) and 0 <= n <= LARGEST) for n in sizes
    ):
        raise ValueError(f"{describe(owner)}: {name} must be ints >= 0 or None in a tuple. Received: {name}={value!r}")
    return tuple(sizes)


def as_axes(owner: Any, name: str, value: Any) -> int | list[int]:
    """`value`, one axis or several, as an int or a list of ints.

    Raises:
        ValueError: it is something else.
    """
    axes = plain(value)
    if is_integer(axes):
        return axes
    if not isinstance(axes, (list, tuple)) or not all(map(is_integer, axes)):
        raise ValueError(f"{describe(owner)}: {name} must be an int, or ints in a tuple. Received: {name}={value!r}")
    return list(axes)


def as_number(owner: Any, name: str, value: Any, low: float = -math.inf, high: float = math.inf) -> Any:
    """`value` as a Python number from `low` to `high`; integers stay integers.

    Raises:
        ValueError: it is no real number, NaN, or outside.
    """
    number = plain(value)
    if not is_number(number) or not low <= number <= high:
        bounds = [f"at {word} {n:g}" for word, n in (("least", low), ("most", high)) if math.isfinite(n)]
        rule = "a number" + f" of {' and '.join(bounds)}" * bool(bounds)
        raise ValueError(f"{describe(owner)}: {name} must be {rule}. Received: {name}={value!r}")
    return number


def as_numbers(owner: Any, name: str, value: Any) -> Any:
    """`value`, a number or numbers in an array or in nested lists of one shape, as Python's numbers and lists.

    Raises:
        ValueError: it is something else.
    """
    numbers = plain(value)
    try:
        kind = np.asarray(numbers).dtype.kind
    except ValueError:  # lists of several lengths
        kind = "O"
    if kind not in "biuf" or isinstance(numbers, (set, dict)):
        raise ValueError(f"{describe(owner)}: {name} must be a number, or numbers. Received: {name}={value!r}")
    return numbers


def as_flag(owner: Any, name: str, value: Any) -> bool:
    """`value` as a bool.

    Raises:
        ValueError: it is neither True nor False, and not their equal 1 or 0.
    """
    flag = plain(value)
    if not isinstance(flag, (bool, int)) or flag not in (0, 1):
        raise ValueError(f"{describe(owner)}: {name} must be True or False. Received: {name}={value!r}")
    return bool(flag)


def as_choice(owner: Any, name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """`value`, which must be one of the strings `allowed`.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(value, str) or value not in allowed:
        rule = f"one of {', '.join(allowed)}" if len(allowed) > 1 else repr(*allowed)
        raise ValueError(f"{describe(owner)}: {name} must be {rule}. Received: {name}={value!r}")
    return value
