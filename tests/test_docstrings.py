"""Public names have an example in their docstring: the number of names without an example only falls."""

from __future__ import annotations

import importlib
import inspect

import pytest

# The most public names of each module that may lack an example. Lower a number when you add examples; never raise it.
WITHOUT_EXAMPLE = {
    "fastconv": 0,
    "fastconv.activations": 0,
    "fastconv.applications": 0,
    "fastconv.backend": 0,
    "fastconv.callbacks": 0,
    "fastconv.config": 0,
    "fastconv.constraints": 0,
    "fastconv.initializers": 0,
    "fastconv.layers": 0,
    "fastconv.losses": 0,
    "fastconv.metrics": 0,
    "fastconv.models": 0,
    "fastconv.ops": 0,
    "fastconv.ops.image": 0,
    "fastconv.optimizers": 0,
    "fastconv.optimizers.schedules": 0,
    "fastconv.playground": 0,
    "fastconv.preprocessing": 0,
    "fastconv.preprocessing.image": 0,
    "fastconv.preprocessing.sequence": 0,
    "fastconv.random": 0,
    "fastconv.regularizers": 0,
    "fastconv.saving": 0,
    "fastconv.utils": 0,
    "fastconv.visualize": 0,
}


def without_example(module: str) -> list[str]:
    """Return the public functions and classes of a module whose docstrings have no example."""
    return sorted(name for name in public_names(module) if ">>>" not in docstring(module, name))


def public_names(module: str) -> list[str]:
    """Return the names in `__all__`, or all names without underscore that the module defines."""
    loaded = importlib.import_module(module)
    defined = getattr(loaded, "__all__", None) or [
        name for name, value in vars(loaded).items() if getattr(value, "__module__", None) == module
    ]
    values = {name: getattr(loaded, name) for name in defined if not name.startswith("_")}
    return [name for name, value in values.items() if inspect.isclass(value) or inspect.isroutine(value)]


def docstring(module: str, name: str) -> str:
    return inspect.getdoc(getattr(importlib.import_module(module), name)) or ""


@pytest.mark.parametrize("module", sorted(WITHOUT_EXAMPLE))
def test_no_more_names_lack_an_example(module):
    lacking = without_example(module)
    most = WITHOUT_EXAMPLE[module]
    assert len(lacking) <= most, f"{module}: at most {most} names may lack an example. Received: {lacking}"


def test_a_name_without_an_example_is_found(tmp_path, monkeypatch):
    (tmp_path / "documented.py").write_text('def f():\n    """>>> f()"""\n\ndef g():\n    """Return None."""\n')
    monkeypatch.syspath_prepend(tmp_path)
    assert public_names("documented") == ["f", "g"]
    assert without_example("documented") == ["g"]
