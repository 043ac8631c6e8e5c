"""Names of variables, parameters and functions: each of these words has a term of the field in its place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# {word: the term, or an example of a noun that says more}
TERMS = {
    "apart": "stride, separate",
    "doubt": "error",
    "gone": "freed, removed",
    "mine": "ours",
    "one": "item, layer, row",
    "past": "nontemporal, history",
    "room": "output, buffer, capacity",
    "said": "given",
    "told": "events, messages",
    "way": "direction, method",
    "ways": "directions, methods",
    "what": "name, kind, message",
}


def named(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield the names that a module gives, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno


@pytest.mark.parametrize("folder", ["fastconv", "benchmarks", "tests", "examples"])
def test_names_are_terms_of_the_field(folder):
    found = {
        f"{path.relative_to(ROOT)}:{line} {name}: write {TERMS[name.strip('_')]}"
        for path in (ROOT / folder).rglob("*.py")
        for name, line in named(ast.parse(path.read_text(encoding="utf-8")))
        if name.strip("_") in TERMS
    }
    assert found == set()
