"""Names of layers and weights as archives and HDF5 can hold them; reading goes by their order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable

LONGEST = 200  # characters
IMPOSSIBLE = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")  # controls, separators of Windows, halves of characters


def storable(name: str) -> str:
    """`name`, a path, with "_" in place of what a file cannot hold: "a/_/b" for "a/../b"."""
    parts = IMPOSSIBLE.sub("_", name[:LONGEST]).split("/")
    return "/".join("_" if part in ("", ".", "..") else part for part in parts)


def distinct(names: Iterable[str], taken: Collection[str] = ()) -> list[str]:
    """`names` as HDF5 can hold them beside each other: none twice, and none that is also the folder of another."""
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
