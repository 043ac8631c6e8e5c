"""The scripts of examples/keras run without a network: they learn digits if MNIST or CIFAR-10 is missing."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

import fastconv

FOLDER = Path(__file__).parents[2] / "examples" / "keras"
SCRIPTS = sorted(path for path in FOLDER.glob("*.py") if "offline import load_data" in path.read_text())
NAMES = ("mnist", "cifar10")


@pytest.fixture
def offline(monkeypatch):
    """Return the namespace of offline.py. Downloads fail, there are 60 digits, and `fit` takes an epoch."""
    original, digits = fastconv.Model.fit, fastconv.datasets.digits.load_data()
    few = tuple((x[:60], y[:60]) for x, y in digits)
    monkeypatch.setattr(fastconv.datasets.digits, "load_data", lambda: few)
    monkeypatch.setattr(fastconv.Model, "fit", lambda *args, **rest: original(*args, **{**rest, "epochs": 1}))
    for name in NAMES:
        monkeypatch.setattr(getattr(fastconv.datasets, name), "load_data", refuse)
    monkeypatch.setattr(sys, "argv", ["script.py"])
    monkeypatch.syspath_prepend(FOLDER)
    return runpy.run_path(str(FOLDER / "offline.py"))


def refuse():
    raise OSError("no network")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_runs_without_a_network(script, offline, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(script), "--data", "digits"])
    runpy.run_path(str(script), run_name="__main__")
    assert "cannot be downloaded" not in capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_a_failed_download_is_a_sentence_and_digits(name, offline, capsys):
    (x, y), (x_test, y_test) = offline["load_data"](getattr(fastconv.datasets, name))
    assert f"{name} cannot be downloaded, so the script learns the digits" in capsys.readouterr().out
    shape = offline["IMAGES"][name]
    assert (x.shape, x.dtype, x.max()) == ((60, *shape), np.dtype("uint8"), 255)
    assert y.shape == y_test.shape == ((60,) if name == "mnist" else (60, 1))
    assert x_test.shape == (60, *shape)


def test_digits_keep_their_form_when_they_are_enlarged(offline):
    (small, _), _ = fastconv.datasets.digits.load_data()
    for shape, block in (((28, 28), slice(2, 26, 3)), ((32, 32, 3), slice(0, 32, 4))):
        large = offline["enlarge"](small, shape).reshape(60, *shape[:2], -1)
        np.testing.assert_array_equal(large[:, block, block, 0], (small * (255 / 16)).astype("uint8"))


def test_data_that_is_there_is_used(offline, monkeypatch):
    data = (np.zeros((1, 28, 28)), np.zeros(1)), (np.zeros((1, 28, 28)), np.zeros(1))
    monkeypatch.setattr(fastconv.datasets.mnist, "load_data", lambda: data)
    assert offline["load_data"](fastconv.datasets.mnist) is data


def test_another_word_for_the_data_is_refused(offline, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["script.py", "--data", "faces"])
    with pytest.raises(SystemExit):
        offline["load_data"](fastconv.datasets.mnist)
    assert "digits" in capsys.readouterr().err
