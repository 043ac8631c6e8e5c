"""Declarations of compiled code that exist twice: tiles in Cython, functions in stubs."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "fastconv"
MODULES = [
    "_arrays",
    "_conv",
    "_conv_depthwise",
    "_conv_gradient",
    "_conv_spread",
    "_core",
    "_elementwise",
    "_fourier",
    "_geometry",
    "_grouped",
    "_image",
    "_matmul",
    "_normalization",
    "_pad",
    "_planes",
    "_pool",
    "_reduce",
    "_rows",
    "_tree",
    "_winograd",
    "_winograd_gradient",
]


def types_of(parameters):
    """Return the types of C parameters, without names, and without the const of pointers to pointers, which Cython
    lacks.
    """
    found = []
    for parameter in parameters.split(","):
        words = re.sub(r"(\*const\b|\*)", r" * ", parameter.replace("*const", "*")).split()
        found.append(" ".join(words[:-1]))
    return found


def tiles_of_c():
    """Return {name: (result, types of parameters)} of the list in kernels.h."""
    text = (SOURCES / "csrc" / "kernels.h").read_text().replace("\\\n", " ")
    entries = re.findall(r"TILE\((\w+), (f32_\w+), \(([^()]*)\)\)", text)
    return {name: (result, types_of(parameters)) for result, name, parameters in entries}


def tiles_of_cython():
    """Return {name: (result, types of parameters)} of the struct in _core.pxd."""
    text = (SOURCES / "_core.pxd").read_text()
    entries = re.findall(r"(\w+) \(\*(f32_\w+)\)\(([^()]*)\) noexcept nogil", text)
    return {name: (result, types_of(parameters)) for result, name, parameters in entries}


def test_the_tiles_of_cython_match_c():
    tiles = tiles_of_c()
    assert len(tiles) > 40
    assert tiles_of_cython() == tiles


def name_of(member):
    """Return the name of a method or attribute in a stub."""
    return member.name if isinstance(member, ast.FunctionDef) else member.target.id


def stubs_of(module):
    """Return {name: names of parameters} of a stub; names of members for classes, None for other objects."""
    found = {}
    for node in ast.parse((SOURCES / f"{module}.pyi").read_text()).body:
        if isinstance(node, ast.FunctionDef):
            arguments = node.args
            rest = [arguments.vararg] if arguments.vararg else []
            found[node.name] = [a.arg for a in (*arguments.args, *rest)]
        elif isinstance(node, ast.ClassDef):
            found[node.name] = sorted(name_of(member) for member in node.body if name_of(member)[0] != "_")
        elif isinstance(node, ast.AnnAssign):
            found[node.target.id] = None
    return found


@pytest.mark.parametrize("name", MODULES)
def test_stubs_have_the_functions_of_the_module(name):
    module = importlib.import_module(f"fastconv.{name}")
    functions = {
        key: sorted(m for m in vars(value) if m[0] != "_")
        if inspect.isclass(value)
        else list(inspect.signature(value).parameters)
        for key, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", None) == module.__name__ and not key.startswith("_")
    }
    dictionaries = {key: None for key, value in vars(module).items() if isinstance(value, dict) and key[0] != "_"}
    assert stubs_of(name) == {**functions, **dictionaries}


def test_only_tasks_h_has_parallel_regions():
    pattern = re.compile(r"#\s*pragma omp|\bprange\b|\bparallel\(|cython\.parallel")
    sources = [path for kind in ("*.pyx", "*.pxd", "csrc/*.h", "csrc/*.c") for path in SOURCES.glob(kind)]
    found = {path.name for path in sources if pattern.search(path.read_text())}
    assert found == {"tasks.h"}
