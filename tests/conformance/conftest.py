"""The fixture `reference`: results of live Keras on JAX if it is installed, else stored results.

`python -m pytest tests/conformance --record`, with Keras, stores the results in reference/ for machines without Keras.
"""

from __future__ import annotations

import itertools

import pytest

from .stored import IS_LIVE, answer, store


def pytest_addoption(parser):
    parser.addoption("--record", action="store_true", help="store the results of Keras in tests/conformance/reference")


@pytest.fixture
def reference(request):
    """Return `reference(compute)`: the result of `compute()`, which calls Keras, as plain data with floats of six
    digits.
    """
    questions = itertools.count()
    return lambda compute: answer(request.path.stem, f"{request.node.name} {next(questions)}", compute)


def pytest_sessionfinish(session, exitstatus):
    if IS_LIVE and exitstatus == 0 and session.config.getoption("record", False):
        store()
