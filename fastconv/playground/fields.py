"""Values in messages, checked before they are used: each function returns the value or raises ValueError."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any


def choice(name: str, value: Any, choices: Collection[str]) -> str:
    """Return `value`, which must be among `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name}: one of {', '.join(choices)} is expected. Received: {_shown(value)}")
    return value


def integer(name: str, value: Any, least: int, most: int) -> int:
    """Return an integer between `least` and `most`."""
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{name}: an integer from {least} to {most} is expected. Received: {_shown(value)}")
    return value


def number(name: str, value: Any, least: float, most: float) -> float:
    """Return a finite number between `least` and `most`."""
    if type(value) not in (int, float) or not least <= value <= most:
        raise ValueError(f"{name}: a number from {least:g} to {most:g} is expected. Received: {_shown(value)}")
    return float(value)


def boolean(name: str, value: Any) -> bool:
    """Return True or False."""
    if type(value) is not bool:
        raise ValueError(f"{name}: true or false is expected. Received: {_shown(value)}")
    return value


def text(name: str, value: Any, most: int) -> str:
    """Return a text of at most `most` characters."""
    if not isinstance(value, str) or len(value) > most:
        raise ValueError(f"{name}: a text of at most {most} characters is expected. Received: {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
