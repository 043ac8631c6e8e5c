"""Run the code of the pages in docs/lectures, without Sphinx, and keep the values of their variables."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

PAGES = Path(__file__).parents[2] / "docs" / "lectures"
CELL = re.compile(r"^```\{code-cell\}\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def cells(page: str) -> list[str]:
    """Return the code cells of a page."""
    return CELL.findall((PAGES / f"{page}.md").read_text())


@cache
def values(page: str) -> dict[str, Any]:
    """Run all cells of a page in order and return the variables that they leave."""
    import matplotlib.pyplot as plt

    namespace: dict[str, Any] = {"__name__": page}
    for cell in cells(page):
        exec(compile(cell, f"docs/lectures/{page}.md", "exec"), namespace)
        plt.close("all")
    return namespace
