"""Annotations can be evaluated at run time, and a typed script runs. mypy checks the script; see pyproject.toml."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator
from importlib import import_module

import numpy as np
import pytest

from fastconv import Sequential
from tests import typed_script
from tests.public_names import public_names


def public_functions() -> Iterator[Callable]:
    """Return the public functions, and the methods that public classes define."""
    for full_name in public_names():
        module, _, name = full_name.rpartition(".")
        value = getattr(import_module(module), name)
        members = vars(value).values() if inspect.isclass(value) else [value]
        yield from filter(inspect.isfunction, members)


def test_annotations_of_public_functions_can_be_evaluated():
    functions = set(public_functions())
    assert len(functions) > 500
    for function in functions:
        typing.get_type_hints(function)


def test_a_typed_script_runs(tmp_path):
    typed_script.functional()
    typed_script.train(str(tmp_path))
    typed_script.of_ops(np.ones((4, 28, 28, 1), "float32"))
    model = typed_script.Autoencoder(8)
    model.compile("adam", "mse")
    x = np.ones((64, 28, 28), "float32")
    model.fit(x, x, verbose=0)
    assert typed_script.own_loop(model, x, x) > 0
    y = Sequential([typed_script.Linear(3, "relu"), typed_script.Linear(2)])(x[:2, 0])
    assert y.shape == (2, 2)
    assert typed_script.Sampling()(x, x).shape == x.shape
    assert typed_script.Attention()([x, x])[0].shape == x.shape
    assert float(typed_script.Weighted()(x, 0.5 * x)) == 1.0
    assert float(typed_script.F1()(x, x)) == pytest.approx(1.0, abs=1e-4)
