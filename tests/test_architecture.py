"""The levels of the package: imports point downward, only NumPy is required, and the CPU follows the reference."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fastconv
from fastconv.backends.cpu.backend import Cpu
from fastconv.backends.gpu.backend import Gpu
from fastconv.backends.launch import Kernel
from fastconv.backends.reference import Reference

PACKAGE = Path(fastconv.__file__).parent

# From the top to the bottom. A module imports from its own level and from lower levels.
LEVELS = (
    {"playground"},
    {"visualize"},
    {"applications", "keras2_modules"},
    {"saving"},
    {"models"},
    {"backend", "callbacks", "datasets", "distribution", "losses", "metrics", "optimizers", "preprocessing"},
    {"layers"},
    {"activations", "constraints", "initializers", "random", "regularizers"},
    {"serialization", "utils"},
    {"ops"},
    {"engine"},
    {"backends"},
    {"geometry"},
    {"window"},
    {"config"},
    {"arguments", "caches", "memory"},
    {"device"},
    {"typing"},
    {
        "_arrays",
        "_conv",
        "_conv_depthwise",
        "_conv_gradient",
        "_conv_spread",
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
    },
    {"_core"},
)

LEVEL_OF = {unit: number for number, level in enumerate(LEVELS) for unit in level}

MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def unit_of(path: Path) -> str:
    """Return the part of fastconv to which a file belongs: "ops" for fastconv/ops/conv.py, "config" for
    fastconv/config.py.
    """
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def imports(node: ast.AST) -> Iterator[str]:
    """Return the dotted names that an import statement may load: "fastconv.ops" for `from fastconv import ops`."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports name their module in full"
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def units_imported(source: str) -> set[str]:
    """Return the parts of fastconv that `source` imports anywhere, including in functions."""
    names = (name.split(".") for node in ast.walk(ast.parse(source)) for name in imports(node))
    return {name[1] for name in names if name[0] == "fastconv" and len(name) > 1}


def loaded_at_import(node: ast.AST) -> Iterator[str]:
    """Return the top-level packages that are imported before any function is called."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield from (name.split(".")[0] for name in imports(child))
            yield from loaded_at_import(child)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_downward(path):
    unit = unit_of(path)
    imported = units_imported(path.read_text())
    homeless = {unit, *imported} - LEVEL_OF.keys()
    assert not homeless, f"every part of fastconv needs a level in LEVELS: {sorted(homeless)} have none"
    upward = {other for other in imported if LEVEL_OF[other] < LEVEL_OF[unit]}
    assert not upward, f"{name_of(path)} imports from higher levels: {sorted(upward)}"


def is_from_root(node: ast.AST) -> bool:
    """Return True for `from fastconv import ...`, which loads a module through the root of the package."""
    return isinstance(node, ast.ImportFrom) and node.module == "fastconv"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_are_imported_by_their_own_names(path):
    lines = [node.lineno for node in ast.walk(ast.parse(path.read_text())) if is_from_root(node)]
    assert not lines, f"{name_of(path)} says `from fastconv import x` for `import fastconv.x as x` in lines {lines}"


def module_of(path: Path) -> str:
    """Return the name of a module below fastconv: "ops.conv" for fastconv/ops/conv.py, "ops" for ops/__init__.py."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").removesuffix(".")


def modules_imported(source: str, modules: set[str]) -> set[str]:
    """Return the modules below fastconv that `source` imports anywhere, also in functions and for types only."""
    names = [name for node in ast.walk(ast.parse(source)) for name in imports(node)]
    below = [name.removeprefix("fastconv").removeprefix(".") for name in names if name.split(".")[0] == "fastconv"]
    return {name if name in modules else name.rpartition(".")[0] for name in below}


def circles(imported: dict[str, set[str]]) -> set[frozenset[str]]:
    """Return the sets of modules that import each other, directly or through others."""

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        todo = [start]
        while todo:
            todo += (new := imported[todo.pop()] - found)
            found |= new
        return found

    reach = {module: reached(module) for module in imported}
    loops = (module for module in reach if module in reach[module])
    return {frozenset(other for other in reach[module] if module in reach[other]) for module in loops}


def test_no_import_circles():
    sources = {module_of(path): path.read_text() for path in PACKAGE.rglob("*.py")}
    compiled = {unit for unit in LEVEL_OF if unit.startswith("_")}
    imported = {module: modules_imported(source, sources.keys() | compiled) for module, source in sources.items()}
    assert circles({module: names - {module} - compiled for module, names in imported.items()}) == set()


def test_a_circle_is_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == {frozenset("bc")}
    source = "from fastconv import config\ndef f():\n    from fastconv.saving.keras import tree, Named"
    assert modules_imported(source, {"config", "saving.keras", "saving.keras.tree"}) == {
        *("config", "saving.keras", "saving.keras.tree")
    }


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=name_of)
def test_importing_needs_only_numpy(path):
    others = set(loaded_at_import(ast.parse(path.read_text()))) - sys.stdlib_module_names - {"numpy", "fastconv"}
    assert not others, f"{name_of(path)} imports {sorted(others)} before it is used"


def test_an_upward_import_is_found():
    source = "from fastconv import config\ndef f():\n    import fastconv.saving.keras"
    assert units_imported(source) == {"config", "saving"}


def test_a_dependency_is_found_unless_a_function_defers_it():
    source = "import numpy\ntry:\n    import torch.nn\nexcept ImportError:\n    pass\ndef f():\n    import sklearn"
    assert set(loaded_at_import(ast.parse(source))) == {"numpy", "torch"}


def public_methods(backend: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(method)
        for name, method in inspect.getmembers(
            backend, lambda member: inspect.isfunction(member) or isinstance(member, Kernel)
        )
        if not name.startswith("_")
    }


def parameters(signature: inspect.Signature) -> list[tuple]:
    return [(p.name, p.kind, p.default) for p in signature.parameters.values()]


def test_the_cpu_adds_no_method_to_the_reference():
    assert public_methods(Cpu).keys() == public_methods(Reference).keys()


@pytest.mark.parametrize("backend", [Cpu, Gpu])
@pytest.mark.parametrize("name", sorted(public_methods(Reference)))
def test_backends_take_the_arguments_of_the_reference(backend, name):
    assert parameters(public_methods(backend)[name]) == parameters(public_methods(Reference)[name])
