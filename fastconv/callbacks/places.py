"""Checks of the places where callbacks write, before training begins."""

from __future__ import annotations

import os
import re
import string
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

MISSING = "NA"  # in place of a value that there is not


def check_fields(callback: str, filepath: str) -> None:
    """Raise ValueError unless the fields of `filepath`, "{epoch:02d}" and the like, are names."""
    rule = f"{callback}: filepath may hold fields such as '{{epoch:02d}}', each with a name in braces"
    try:
        names = names_in(filepath)
    except ValueError as error:
        raise ValueError(f"{rule}. Received: filepath={filepath!r}") from error
    if not all(name and not name[0].isdigit() for name in names):
        raise ValueError(f"{rule}. Received: filepath={filepath!r}")


def names_in(filepath: str) -> list[str]:
    """The names in the fields of `filepath`, "loss" of "{loss[0]:.2f}". Raises ValueError for braces of no field."""
    fields = [name for _, name, _, _ in string.Formatter().parse(filepath) if name is not None]
    return [re.split(r"[.\[]", name)[0] for name in fields]


def unfit_fields(filepath: str, values: Mapping[str, Any]) -> list[str]:
    """The fields of `filepath` that cannot be filled from `values`: unknown names, and formats that do not fit."""
    return [field for _, field in _parts(filepath) if field and _filled(field, values) is None]


def fill(filepath: str, values: Mapping[str, Any]) -> str:
    """`filepath` with its fields filled from `values`; "NA" stands in those that cannot be."""
    parts = [(text, _filled(field, values)) for text, field in _parts(filepath)]
    return "".join([text + (MISSING if filled is None else filled) for text, filled in parts])


def _parts(filepath: str) -> Iterator[tuple[str, str]]:
    """Pieces of text, each with the field that follows it, in braces, or with none."""
    for text, name, how, conversion in string.Formatter().parse(filepath):
        ends = [mark + end for mark, end in (("!", conversion), (":", how)) if end]
        yield text, "" if name is None else "{" + name + "".join(ends) + "}"


def _filled(field: str, values: Mapping[str, Any]) -> str | None:
    try:
        return field.format(**values)
    except (AttributeError, LookupError, TypeError, ValueError):
        return None


def check_folder(folder: str) -> None:
    """Make `folder`, if there is none, and raise OSError unless files can be made in it."""
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        """Nobody needs it."""
