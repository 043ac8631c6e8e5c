"""The examples in the docstrings of the package run, and print the results that they show."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import fastconv
from fastconv import config

OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
MODULES = sorted(
    name
    for name in ("fastconv", *(info.name for info in pkgutil.walk_packages(fastconv.__path__, "fastconv.")))
    if not name.rpartition(".")[2].startswith("_")
)


def names_of_an_example(module: ModuleType) -> dict[str, Any]:
    """Return the names that need no import in an example: np, the names of fastconv, and those of the module."""
    own = {name: value for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__}
    return {**own, "np": np, "fastconv": fastconv, **{name: getattr(fastconv, name) for name in fastconv.__all__}}


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings(name, tmp_path, monkeypatch):
    if name.startswith("fastconv.visualize"):
        pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)  # examples may write files
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    settings = dict(config._settings)
    for test in doctest.DocTestFinder().find(module, globs=names_of_an_example(module)):
        runner.run(test)
        config._settings.update(settings)  # an example may change settings
    assert runner.failures == 0, f"{runner.failures} of {runner.tries} examples fail: see the output above"
