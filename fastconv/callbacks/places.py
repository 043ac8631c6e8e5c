"""Checks of the files and folders that callbacks write, made before training begins."""

from __future__ import annotations

import os
import re
import string
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

MISSING = "NA"  # replaces a missing value


def check_fields(callback: str, filepath: str) -> None:
    """Raise ValueError unless each field of `filepath`, for example "{epoch:02d}", has a name."""
    rule = f"{callback}: filepath may contain fields such as '{{epoch:02d}}', each with a name in braces"
    try:
        names = names_in(filepath)
    except ValueError as error:
        raise ValueError(f"{rule}. Received: filepath={filepath!r}") from error
    if not all(name and not name[0].isdigit() for name in names):
        raise ValueError(f"{rule}. Received: filepath={filepath!r}")


def names_in(filepath: str) -> list[str]:
    """Return the names in the fields of `filepath`: "loss" for "{loss[0]}". Raises ValueError for unmatched braces."""
    fields = [name for _, name, _, _ in string.Formatter().parse(filepath) if name is not None]
    return [re.split(r"[.\[]", name)[0] for name in fields]


def unfit_fields(filepath: str, values: Mapping[str, Any]) -> list[str]:
    """Return the fields of `filepath` that `values` cannot fill: unknown names, and formats that do not fit."""
    return [field for _, field in _parts(filepath) if field and _filled(field, values) is None]


def fill(filepath: str, values: Mapping[str, Any]) -> str:
    """Return `filepath` with its fields filled from `values`; fields that cannot be filled become "NA"."""
    parts = [(text, _filled(field, values)) for text, field in _parts(filepath)]
    return "".join([text + (MISSING if filled is None else filled) for text, filled in parts])


def _parts(filepath: str) -> Iterator[tuple[str, str]]:
    """Yield pieces of text, each with the field in braces that follows it, or "" at the end."""
    for text, name, how, conversion in string.Formatter().parse(filepath):
        ends = [mark + end for mark, end in (("!", conversion), (":", how)) if end]
        yield text, "" if name is None else "{" + name + "".join(ends) + "}"


def _filled(field: str, values: Mapping[str, Any]) -> str | None:
    try:
        return field.format(**values)
    except (AttributeError, LookupError, TypeError, ValueError):
        return None


def check_folder(folder: str) -> None:
    """Create `folder` if it does not exist, and raise OSError if files cannot be written in it."""
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        """The file is created and deleted."""
