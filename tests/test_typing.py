"""Annotations: they can be evaluated at run time, as editors and documentation tools do."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator
from importlib import import_module

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
