"""Names of layers and weights in a form that archives and HDF5 can store; reading uses their order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable

LONGEST = 200  # characters
IMPOSSIBLE = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")  # control characters, separators of Windows, surrogates


def storable(name: str) -> str:
    """Replace the parts of `name`, a path, that a file cannot store by "_": "a/_/b" for "a/../b"."""
    parts = IMPOSSIBLE.sub("_", name[:LONGEST]).split("/")
    return "/".join("_" if part in ("", ".", "..") else part for part in parts)


def distinct(names: Iterable[str], taken: Collection[str] = ()) -> list[str]:
    """Return `names` in a form for HDF5: without duplicates, and no name is also the folder of another."""
    ends, folders, numbers = set(taken), set[str](), Counter[str]()
    found = []
    for name in names:
        base = candidate = storable(name)
        while candidate in ends or candidate in folders or not ends.isdisjoint(_folders(candidate)):
            numbers[base] += 1
            candidate = f"{base.replace('/', '_') if numbers[base] > 1 else base}_{numbers[base]}"
        ends.add(candidate)
        folders.update(_folders(candidate))
        found.append(candidate)
    return found


def _folders(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:i]) for i in range(1, len(parts))]
