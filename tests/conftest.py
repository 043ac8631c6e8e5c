"""Fixtures that several test files share."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from fastconv import _core, backends, config, device
from fastconv.backends.cpu.backend import Cpu
from tests import fake_cupy, recorded


@pytest.fixture(params=_core.usable_isas())
def isa(request):
    """Run a test once with the tiles of each instruction set of this processor."""
    before = _core.get_isa()
    _core.set_isa(request.param)
    yield request.param
    _core.set_isa(before)


@pytest.fixture
def threads():
    """Return `_core.set_num_threads`, undone after the test."""
    yield _core.set_num_threads
    _core.set_num_threads(0)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def settings_restored():
    """Restore `fastconv.config` after each test."""
    before = dict(config._settings)
    yield
    config._settings.update(before)


def pytest_addoption(parser):
    where = 'device of models in all tests: "cpu", "gpu", or "fake-gpu" for the GPU of tests/fake_cupy'
    parser.addoption("--device", default="cpu", choices=("cpu", "gpu", "fake-gpu"), help=where)
    parser.addoption("--recorded", action="store_true", help="run each compiled kernel as in a plan; tests/recorded.py")


@pytest.fixture(autouse=True)
def recorded_kernels(request, monkeypatch):
    """Kernels run from recordings if `--recorded` is given."""
    if request.config.getoption("--recorded") and not request.node.get_closest_marker("not_recorded"):
        monkeypatch.setattr(Cpu, "prepare", recorded.prepare)


@pytest.fixture(autouse=True)
def chosen_device(request, monkeypatch):
    """Models compute on the CPU unless `--device` or the test says otherwise."""
    where = request.config.getoption("--device")
    if where == "fake-gpu":
        request.getfixturevalue("fake_gpu")
    monkeypatch.setattr(device, "_chosen", "cpu" if where == "cpu" else "gpu")


def real_gpu():
    """Return CuPy. Skip the test, with the reason, if CuPy finds no GPU."""
    try:
        device.gpu_count()
    except device.MissingGpuError as error:
        pytest.skip(str(error))
    return device.cupy()


@pytest.fixture(params=["fake-gpu", pytest.param("real", marks=pytest.mark.gpu)])
def gpu(request):
    """Return the fake CuPy, and the real CuPy if it finds a GPU."""
    return request.getfixturevalue("fake_gpu") if request.param == "fake-gpu" else real_gpu()


@pytest.fixture
def fake_gpu(monkeypatch):
    """Replace CuPy by the fake CuPy, with two GPUs. Devices are found again, now and after the test."""
    if not fake_cupy.AVAILABLE:
        pytest.skip("the fake CuPy compiles kernels by g++, on Linux")
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy.cupy)
    monkeypatch.setattr(device, "_found", {"cpu": "cpu"})
    backends.gpu_backend.cache_clear()
    fake_cupy.state.reset()
    yield fake_cupy.cupy
    fake_cupy.state.reset()
    backends.gpu_backend.cache_clear()
