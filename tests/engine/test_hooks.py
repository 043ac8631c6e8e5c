"""The registry of functions of higher layers."""

import re
import sys
from pathlib import Path

import pytest

import fastconv
from fastconv.engine import hooks

CODE = "\n".join(path.read_text() for path in Path(fastconv.__file__).parent.rglob("*.py"))


@pytest.fixture
def registry(monkeypatch):
    """The registry, whose new entries are removed after the test."""
    monkeypatch.setattr(hooks, "_places", dict(hooks._places))
    yield hooks
    hooks.find.cache_clear()


def test_a_module_is_imported_at_the_first_call(registry, tmp_path, monkeypatch):
    (tmp_path / "above.py").write_text("def double(x):\n    return 2 * x\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry.register("double", "above:double")
    assert "above" not in sys.modules
    assert registry.find("double")(4) == 8
    assert registry.find("double") is sys.modules.pop("above").double


def test_a_name_can_be_registered_again(registry):
    registry.register("join", "posixpath:join")
    assert registry.find("join")("a", "b") == "a/b"
    registry.register("join", "ntpath:join")
    assert registry.find("join")("a", "b") == "a\\b"


def test_an_unknown_name():
    with pytest.raises(LookupError, match=r"name must be one of .*save_model.*Received: 'sing'"):
        hooks.find("sing")


@pytest.mark.parametrize("name", sorted(hooks._places))
def test_every_name_has_a_function(name):
    assert callable(hooks.find(name))


def test_the_names_that_are_used_are_registered():
    assert set(re.findall(r"hooks\.find\(\"(\w+)\"\)", CODE)) == hooks._places.keys()
