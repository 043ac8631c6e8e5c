"""The public names of the package are those of the stored list, so that none comes or goes by accident."""

from __future__ import annotations

import importlib

from tests.public_names import STORED, public_names

RENEW = "If the change is intended, run `python -m tests.public_names`, and tell of it in CHANGELOG.md"


def test_public_names_are_those_of_the_stored_list():
    stored, exported = set(STORED.read_text().split()), set(public_names())
    assert exported == stored, f"{RENEW}. New: {sorted(exported - stored)}; gone: {sorted(stored - exported)}"


def test_public_names_can_be_imported_and_have_no_leading_underscore():
    for name in public_names():
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), name
        assert not attribute.startswith("_"), name
