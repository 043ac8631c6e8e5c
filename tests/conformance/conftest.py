"""The fixture `reference`: results of live Keras on JAX if it is installed, else stored results.

`python -m pytest tests/conformance --record`, with Keras, stores the results in reference/ for machines without Keras.
"""

from __future__ import annotations

import gzip
import itertools
import json
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

try:
    import keras

    IS_LIVE = keras.backend.backend() == "jax"
except ImportError:
    IS_LIVE = False

FOLDER = Path(__file__).parent / "reference"
answers: dict[str, dict[str, Any]] = defaultdict(dict)  # {test file: {"test number-of-the-question": result}}


def pytest_addoption(parser):
    parser.addoption("--record", action="store_true", help="store the results of Keras in tests/conformance/reference")


@pytest.fixture
def reference(request):
    """Return `reference(compute)`: the result of `compute()`, which calls Keras, as plain data with floats of six
    digits.
    """
    file, questions = request.path.stem, itertools.count()

    def ask(compute):
        name = f"{request.node.name} {next(questions)}"
        if not IS_LIVE:
            assert name in recorded(file), "no stored result of Keras: python -m pytest tests/conformance --record"
            return recorded(file)[name]
        answers[file][name] = json.loads(json.dumps(compute(), default=as_lists), parse_float=rounded)
        return answers[file][name]

    return ask


def as_lists(array):
    return np.asarray(array).tolist()


def rounded(text):
    return float(f"{float(text):.6g}")


@cache
def recorded(file):
    path = FOLDER / f"{file}.json.gz"
    return json.loads(gzip.decompress(path.read_bytes())) if path.exists() else {}


def pytest_sessionfinish(session, exitstatus):
    if IS_LIVE and exitstatus == 0 and session.config.getoption("record", False):
        FOLDER.mkdir(exist_ok=True)
        for file, found in answers.items():
            text = json.dumps({**recorded(file), **found}, separators=(",", ":"))
            (FOLDER / f"{file}.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
