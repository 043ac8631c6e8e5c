"""The rules that further arguments of losses and metrics must follow, by the names of the arguments."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from fastconv.arguments import as_axes, as_flag, as_integer, as_number, as_numbers, optional, plain
from fastconv.typing import Array

Rule = Callable[[Any, str, Any], Any]  # (owner, name, value) -> checked value, as in `fastconv.arguments`


def as_weights(owner: object, name: str, value: object) -> Any:
    """Return `value`, a finite number or a list of numbers with a weight for each class, as Python numbers."""
    numbers = plain(value)
    several = isinstance(numbers, (list, tuple)) and len(numbers) > 0
    return as_numbers(owner, name, value) if several else as_number(owner, name, value, below=math.inf)


def some_axes(owner: object, name: str, value: object) -> int | tuple[int, ...]:
    """Return `value`, an axis or several axes, as an int or a tuple of ints."""
    axes = as_axes(owner, name, value)
    return tuple(axes) if isinstance(axes, list) else axes


RULES: dict[str, Rule] = {
    "alpha": partial(as_number, below=math.inf),
    "apply_class_balancing": as_flag,
    "axis": as_integer,
    "beta": partial(as_number, below=math.inf),
    "delta": partial(as_number, low=0, below=math.inf),
    "from_logits": as_flag,
    "from_sorted_ids": as_flag,
    "gamma": partial(as_number, low=0, below=math.inf),
    "ignore_class": partial(optional, as_integer),
    "k": partial(as_integer, least=1),
    "label_smoothing": partial(as_number, low=0, high=1),
    "threshold": as_number,
}
all_or_some_axes: Rule = partial(optional, some_axes)


def settings(**others: Rule) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator for functions of y_true and y_pred that checks their further arguments.

    Args:
        others: rules by argument name that replace those of `RULES`.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(function)
        name = function.__name__
        rules = {argument: {**RULES, **others}[argument] for argument in [*signature.parameters][2:]}

        @functools.wraps(function)
        def with_settings(*args: Array, **kwargs: Any) -> Any:
            if len(args) > 2:
                kwargs, args = dict(signature.bind(*args, **kwargs).arguments), ()
            return function(*args, **(checked(name, rules, kwargs) if kwargs else kwargs))

        with_settings.rules = rules  # type: ignore[attr-defined]
        return with_settings

    return decorate


def checked(owner: str, rules: Mapping[str, Rule], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments `given` as Python numbers. Raises ValueError if an argument breaks its rule."""
    return {name: rules[name](owner, name, value) if name in rules else value for name, value in given.items()}


def checked_settings(owner: object, function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the checked arguments `given` for `function`; errors name the class of `owner`."""
    return checked(type(owner).__name__, getattr(function, "rules", {}), given)
