"""An extension of Sphinx that writes the API reference: a page for each public module, from tests/public_names.txt.

Docstrings are plain text with names in `backticks`, sections such as "Args:" and doctests. Signs that reStructuredText
would read as markup, as in the formula |x| * y, are kept as they are.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

DOCS = Path(__file__).parent
NAMES = DOCS.parent / "tests" / "public_names.txt"
PAGES = DOCS / "reference"

# Classes whose pages list all methods, those of their bases too; pages of other classes list their own attributes.
COMPLETE = {"Callback", "Layer", "Loss", "Metric", "Model", "Optimizer"}

INDEX = """# API reference

The public names of fastconv, module by module. [Public API](../public_api.md) states which names these are.

```{{toctree}}
:maxdepth: 1

{pages}
```
"""


def modules() -> dict[str, list[str]]:
    """Return the public modules, each with the names that it exports."""
    found: dict[str, list[str]] = {}
    for full in NAMES.read_text().split():
        module, _, name = full.rpartition(".")
        found.setdefault(module, []).append(name)
    return found


def home(value: Any) -> str:
    """Return the full name of a class or function in the module that it belongs to; "" if that is fastconv itself."""
    name = value.__name__
    homes = [module for module, names in modules().items() if module != "fastconv" and name in names]
    return next((f"{module}.{name}" for module in homes if vars(importlib.import_module(module))[name] is value), "")


def entry(module: str, name: str, value: Any, names: list[str]) -> Iterator[str]:
    """Yield the lines of reStructuredText that document a public name."""
    own = getattr(value, "__name__", name)
    if isinstance(value, ModuleType):
        yield f"- :doc:`{value.__name__}`"
    elif module == "fastconv" and callable(value) and home(value):
        yield f"- :py:obj:`{home(value)}`"
    elif own != name and own in names:
        yield from (f".. py:data:: {module}.{name}", "", f"   The same as `{own}`.")
    elif inspect.isclass(value):
        yield from (f".. autoclass:: {module}.{name}", "   :members:")
        if name in COMPLETE:
            yield "   :inherited-members:"
    elif isinstance(value, Mapping):
        keys = ", ".join(f"`{key}`" for key in value)
        yield from (f".. py:data:: {module}.{name}", "", f"   A read-only dict with the keys {keys}.")
    elif callable(value):
        yield f".. autofunction:: {module}.{name}"
    else:
        yield f".. autodata:: {module}.{name}"


def page(name: str, names: list[str]) -> str:
    """Return the page of a module, as reStructuredText."""
    module = importlib.import_module(name)
    lines = [name, "=" * len(name), "", f".. py:module:: {name}", "", inspect.getdoc(module) or "", ""]
    for each in names:
        lines += [*entry(name, each, getattr(module, each), names), ""]
    return "\n".join(lines)


def write_if_changed(path: Path, text: str) -> None:
    """Write a page, unless it has this text: Sphinx reads changed files again."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def write_pages(app: Any) -> None:
    """Write all pages of the reference."""
    PAGES.mkdir(exist_ok=True)
    found = modules()
    for name, names in found.items():
        write_if_changed(PAGES / f"{name}.rst", page(name, names))
    write_if_changed(PAGES / "index.md", INDEX.format(pages="\n".join(found)))


# A doctest with its results up to an empty line; code in backticks; a sign that reStructuredText would read as markup.
MARKUP = re.compile(r"(?ms)(^ *>>>.*?(?:^\s*$|\Z)|``.+?``|`[^`]+`)|([*|\\]|(?<=\w)_(?!\w))")

# The names of several arguments that share a description, on two or more lines.
NAMES_ON_LINES = re.compile(r"(?m)^( +\w+,[\w, *]*),\n +(?=[\w, *]+(:|,$))")


def as_text(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Escape signs that are markup of reStructuredText in a docstring, which is plain text."""
    text = "\n".join(lines)
    while (joined := NAMES_ON_LINES.sub(r"\1, ", text)) != text:
        text = joined
    lines[:] = MARKUP.sub(lambda match: match[1] or "\\" + match[2], text).split("\n")


def setup(app: Any) -> dict[str, bool]:
    """Register the extension."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", as_text, priority=100)  # before napoleon, which writes markup
    return {"parallel_read_safe": True, "parallel_write_safe": True}
