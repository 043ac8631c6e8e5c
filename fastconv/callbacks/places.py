"""Checks of the places where callbacks write, before training begins."""

from __future__ import annotations

import os
import string
import tempfile


def check_fields(callback: str, filepath: str) -> None:
    """Raise ValueError unless the fields of `filepath`, "{epoch:02d}" and the like, are names."""
    rule = f"{callback}: filepath may hold fields such as '{{epoch:02d}}', each with a name in braces"
    try:
        fields = [name for _, name, _, _ in string.Formatter().parse(filepath) if name is not None]
    except ValueError as error:
        raise ValueError(f"{rule}. Received: filepath={filepath!r}") from error
    if not all(name and not name[0].isdigit() for name in fields):
        raise ValueError(f"{rule}. Received: filepath={filepath!r}")


def check_folder(folder: str) -> None:
    """Make `folder`, if there is none, and raise OSError unless files can be made in it."""
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        """Nobody needs it."""
