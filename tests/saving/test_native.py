"""Any change of a file leads to an error that names the change."""

import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import fastconv
from fastconv import Input, Model, Sequential, layers, models, ops


def rewritten(path, change):
    """Return the file at `path` with `change(configuration)` applied; if it returns text, the text replaces the
    configuration.
    """
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(contents["config.json"])
    contents["config.json"] = change(config) or json.dumps(config)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def put(value, *keys):
    """Return a change that sets the value at `keys`."""

    def change(config):
        for key in keys[:-1]:
            config = config[key]
        config[keys[-1]] = value

    return change


LAYERS = ("model", "config", "layers")


@pytest.mark.parametrize(
    "change",
    [
        put("os.system", *LAYERS, 1, "class_name"),
        put(7, *LAYERS, 1, "class_name"),
        put("3", *LAYERS, 1, "config", "units"),
        put(1, *LAYERS, 1, "config", "unknown"),
        put({"class_name": "Dense", "config": {"units": 2}}, *LAYERS, 1, "config", "activation"),
        put(3, *LAYERS),
        put([1], "model"),
        put(2, "format"),
        put(7, "compile"),
        put("nothing", "compile", "optimizer"),
        put(1, "compile", "unknown"),
        lambda config: "[1]",
        lambda config: "[" * 100_000 + "]" * 100_000,
        lambda config: "not json",
    ],
)
def test_changed_configuration_is_an_error(tmp_path, change):
    model = Sequential([Input((4,)), layers.Dense(3, activation="relu")])
    model.compile("adam", "mse")
    model.save(tmp_path / "m.npz")
    models.load_model(rewritten(tmp_path / "m.npz", lambda config: None))
    with pytest.raises(ValueError, match=r"Received|damaged"):
        models.load_model(rewritten(tmp_path / "m.npz", change))


@pytest.mark.parametrize(
    "change",
    [
        put({"operation": "__class__"}, "model", "config", "nodes", 1, 0),
        put({"layer": "unknown"}, "model", "config", "nodes", 0, 0),
        put({"tensor": [99, 0]}, "model", "config", "nodes", 0, 1),
        put({"pickle": ""}, "model", "config", "nodes", 0, 1),
        put({"tensor": [-1, 0], "list": []}, "model", "config", "nodes", 0, 1),
    ],
)
def test_changed_graph_is_an_error(tmp_path, change):
    a = Input((4,))
    Model(a, ops.relu(layers.Dense(2)(a))).save(tmp_path / "m.npz")
    with pytest.raises(ValueError, match="Received"):
        models.load_model(rewritten(tmp_path / "m.npz", change))


KILLED = """
import sys
import numpy as np
from fastconv import Input, Sequential, layers
model = Sequential([Input((1000,)), layers.Dense(1000)])
model.set_weights([np.full((1000, 1000), 2.0), np.zeros(1000)])
print("saving", flush=True)
while True:
    model.save(sys.argv[1])
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_file_survives_a_killed_save(tmp_path):
    path = tmp_path / "m.npz"
    model = Sequential([Input((1000,)), layers.Dense(1000)])
    model.save(path)
    where = Path(fastconv.__file__).parents[1]
    for delay in (0.005, 0.02):
        with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], cwd=where, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(delay)
            process.send_signal(signal.SIGKILL)
        kernel = models.load_model(path).get_weights()[0]
        assert (kernel == 2).all() or np.array_equal(kernel, model.get_weights()[0])


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_the_folder_must_exist(tmp_path, suffix):
    if suffix == ".safetensors":
        pytest.importorskip("safetensors")
    model = Sequential([Input((2,)), layers.Dense(1)])
    for save in (model.save, model.save_weights):
        with pytest.raises(FileNotFoundError, match=r"folder of a model's file must exist. Received: .*nowhere"):
            save(tmp_path / "nowhere" / f"model{suffix}")
    assert not (tmp_path / "nowhere").exists()
