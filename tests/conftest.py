"""Fixtures that several test files share."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from fastconv import _core, backends, config, device
from tests import standin


@pytest.fixture(params=_core.usable_isas())
def isa(request):
    """Runs a test once with the tiles of every instruction set of this processor."""
    before = _core.get_isa()
    _core.set_isa(request.param)
    yield request.param
    _core.set_isa(before)


@pytest.fixture
def threads():
    """`_core.set_num_threads`, undone after the test."""
    yield _core.set_num_threads
    _core.set_num_threads(0)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def settings_restored():
    """What a test sets in `fastconv.config` ends with it."""
    before = dict(config._settings)
    yield
    config._settings.update(before)


@pytest.fixture
def gpu(monkeypatch):
    """CuPy's stand-in in the place of CuPy, with two GPUs. Devices are found anew, now and afterwards."""
    if not standin.AVAILABLE:
        pytest.skip("the stand-in for CuPy compiles kernels by g++, on Linux")
    monkeypatch.setitem(sys.modules, "cupy", standin.cupy)
    monkeypatch.setattr(device, "_found", {"cpu": "cpu"})
    monkeypatch.setattr(device, "_chosen", device._chosen)
    backends.gpu.cache_clear()
    standin.state.reset()
    yield standin.cupy
    backends.gpu.cache_clear()
