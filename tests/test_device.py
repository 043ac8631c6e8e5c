"""The choice of a device."""

from __future__ import annotations

import builtins
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import fastconv
from fastconv import config, device
from tests import fake_cupy


@pytest.fixture
def no_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)  # importing it fails
    monkeypatch.setattr(device, "_found", {"cpu": "cpu"})


@pytest.mark.parametrize("name", ["cuda", "gpu:", "gpu:x", "GPU", "", 0, None])
def test_other_names_are_errors(name):
    with pytest.raises(ValueError, match='A device is "auto", "cpu", "gpu"'):
        config.set_device(name)


def test_auto_is_the_cpu_without_cupy(no_cupy):
    config.set_device("auto")
    assert config.get_device() == "cpu"
    with pytest.raises(device.MissingGpuError, match="CuPy"), config.device("gpu"):
        pass
    assert config.get_device() == "cpu"


def test_errors_name_the_missing_part(monkeypatch, no_cupy):
    real = builtins.__import__
    monkeypatch.delitem(sys.modules, "cupy")

    def absent(name, *args, **kwargs):
        if name == "cupy":
            raise ModuleNotFoundError("No module named 'cupy'", name="cupy")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(device.importlib, "import_module", absent)
    with pytest.raises(device.MissingGpuError, match=r"pip install fastconv\[cuda12\]"):
        config.set_device("gpu")


def test_a_broken_cupy_breaks_nothing_else(monkeypatch, no_cupy, capsys):
    monkeypatch.delitem(sys.modules, "cupy")

    def broken(name):
        raise ImportError("libcudart.so.12: cannot open shared object file")

    monkeypatch.setattr(device.importlib, "import_module", broken)
    config.set_device("auto")
    assert config.get_device() == "cpu"
    fastconv.show_config()
    assert "does not load: libcudart.so.12" in capsys.readouterr().out.replace("\n", " ")


def test_auto_is_the_first_gpu(fake_gpu):
    config.set_device("auto")
    assert config.get_device() == "gpu:0"
    config.set_device("cpu")
    assert config.get_device() == "cpu"
    config.set_device("gpu:1")
    assert config.get_device() == "gpu:1"
    with config.device("auto"):
        assert config.get_device() == "gpu:0"


def test_a_missing_gpu(fake_gpu):
    with pytest.raises(device.MissingGpuError, match="There are 2 GPUs here"):
        config.set_device("gpu:2")


def test_a_machine_without_a_gpu(fake_gpu):
    fake_cupy.state.devices = 0
    config.set_device("auto")
    assert config.get_device() == "cpu"
    with pytest.raises(device.MissingGpuError, match="no GPU in this machine"):
        config.set_device("gpu")


def test_an_unusable_driver(fake_gpu, monkeypatch):
    def fails():
        raise fake_cupy.cupy.cuda.runtime.CUDARuntimeError("cudaErrorInsufficientDriver: CUDA driver version")

    monkeypatch.setattr(fake_cupy.cupy.cuda.runtime, "getDeviceCount", fails)
    config.set_device("auto")
    assert config.get_device() == "cpu"
    with pytest.raises(device.MissingGpuError, match="cudaErrorInsufficientDriver"):
        config.set_device("gpu")


def test_a_block_chooses_for_its_own_thread(fake_gpu):
    config.set_device("cpu")
    seen = []
    with config.device("gpu:1"):
        thread = threading.Thread(target=lambda: seen.append(config.get_device()))
        thread.start()
        thread.join()
        assert config.get_device() == "gpu:1"
    assert seen == ["cpu"]


@pytest.mark.parametrize(
    ("value", "code", "output"),
    [
        ("cpu", "print(fastconv.config.get_device())", "cpu"),
        ("", "print(fastconv.config.get_device())", "cpu"),
        ("gpu", "print(fastconv.ops.add(1, 2))", "3"),
    ],
)
def test_the_environment_chooses(value, code, output):
    """A missing GPU is an error only when it is used."""
    hide = "import sys; sys.modules['cupy'] = None; import fastconv; "
    found = in_a_process_with(value, hide + code)
    assert (found.returncode, found.stdout.strip()) == (0, output)


def test_a_wrong_name_in_the_environment_is_an_error():
    found = in_a_process_with("cuda", "import fastconv")
    assert found.returncode
    assert "Received: 'cuda'" in found.stderr


def in_a_process_with(value, code):
    """Return the output of a Python process that runs `code` with FASTCONV_DEVICE set to `value`."""
    where = Path(fastconv.__file__).parents[1]
    environment = {**os.environ, "FASTCONV_DEVICE": value}
    return subprocess.run([sys.executable, "-c", code], env=environment, cwd=where, capture_output=True, text=True)


def test_show_config_names_the_device(fake_gpu, capsys):
    config.set_device("gpu")
    fastconv.show_config()
    out = capsys.readouterr().out
    assert "models compute on: gpu:0" in out
    assert "GPUs: 2, through CuPy 14.0.0" in out
    assert "GPU, float32, tuned:" in out
