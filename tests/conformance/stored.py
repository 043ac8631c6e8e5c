"""Results of live Keras on JAX if it is installed, else results that were stored."""

from __future__ import annotations

import gzip
import importlib
import json
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

try:
    import keras

    IS_LIVE = keras.backend.backend() == "jax"
except ImportError:
    IS_LIVE = False

FOLDER = Path(__file__).parent / "reference"
answers: dict[str, dict[str, Any]] = defaultdict(dict)  # {file: {question: result}}


def answer(file, question, compute):
    """Return the result of `compute()`, which calls Keras, as plain data with floats of six digits."""
    if not IS_LIVE:
        assert question in recorded(file), "no stored result of Keras: python -m pytest tests/conformance --record"
        return recorded(file)[question]
    answers[file][question] = json.loads(json.dumps(compute(), default=as_lists), parse_float=rounded)
    return answers[file][question]


def as_lists(array):
    return np.asarray(array).tolist()


def rounded(text):
    return float(f"{float(text):.6g}")


@cache
def recorded(file):
    path = FOLDER / f"{file}.json.gz"
    return json.loads(gzip.decompress(path.read_bytes())) if path.exists() else {}


def store():
    """Write the results of this run beside those of earlier runs."""
    FOLDER.mkdir(exist_ok=True)
    for file, found in answers.items():
        text = json.dumps({**recorded(file), **found}, separators=(",", ":"))
        (FOLDER / f"{file}.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


@cache
def classes_of_keras(module):
    """Return the names of the classes in a module of Keras, whether fastconv has them or not."""

    def names():
        found = vars(importlib.import_module(module))
        return sorted(name for name, thing in found.items() if isinstance(thing, type))

    return frozenset(answer("classes", module, names))
