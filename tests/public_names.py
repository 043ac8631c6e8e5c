"""The public names of fastconv: `python -m tests.public_names` writes them to tests/public_names.txt.

A public name is listed in the `__all__` of a public module. A module is public if it is fastconv itself or is listed in
the `__all__` of a public module.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import fastconv

STORED = Path(__file__).with_suffix(".txt")


def exported(module: ModuleType) -> Iterator[str]:
    """Yield the full names that a module and the public modules inside it export."""
    for name in module.__all__:
        value = getattr(module, name)
        yield f"{module.__name__}.{name}"
        if isinstance(value, ModuleType):
            yield from exported(value)


def public_names() -> list[str]:
    """Return all public names of the package, sorted."""
    return sorted(exported(fastconv))


if __name__ == "__main__":
    STORED.write_text("\n".join(public_names()) + "\n")
