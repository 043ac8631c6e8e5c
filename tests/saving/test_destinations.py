"""Destinations of models: endings, folders and permissions are checked before anything is computed or written."""

import os
import sys

import numpy as np
import pytest

from fastconv import Input, Sequential, layers, models

from .samples import assert_same_outputs, nested, sequence

pytest.importorskip("h5py")
pytest.importorskip("safetensors")

SUFFIXES = [".npz", ".safetensors", ".keras", ".h5", ".hdf5"]
WEIGHTS = [".npz", ".safetensors", ".weights.h5", ".h5", ".hdf5"]


def small():
    return Sequential([Input((3,)), layers.Dense(2)])


# ---- endings ---------------------------------------------------------------------------------------------------------

REFUSED = {
    "best.model": "best.keras",
    "m": "m.keras",
    "m.pickle": "m.keras",
    "m.weights.h5": "m.keras",
    "folder.of/m": "folder.of/m.keras",
    "m-{epoch:02d}-{val_loss:.2f}": "m-{epoch:02d}-{val_loss:.2f}.keras",
    "m.tf": "m.keras",
    "m/": "m.keras",
}


@pytest.mark.parametrize(("name", "better"), REFUSED.items())
def test_another_ending_is_refused_with_a_better_name(name, better):
    with pytest.raises(ValueError, match=r"A model is saved as .npz, .safetensors, .keras, .h5, .hdf5; ") as error:
        small().save(name)
    assert f"write {better!r}. Received: filepath={name!r}" in str(error.value)
    with pytest.raises(ValueError, match="A model is saved as"):
        small().check_save(name)


@pytest.mark.parametrize("name", ["w.ckpt", "w", "w.keras", "w.pickle", "w.tf"])
def test_another_ending_of_weights_is_refused_with_a_better_name(name):
    with pytest.raises(ValueError, match=r"Weights are saved as .*, .weights.h5; write 'w.weights.h5'. Received"):
        small().save_weights(name)
    with pytest.raises(ValueError, match=r"write 'w.weights.h5'"):
        small().check_save(name, save_weights_only=True)


@pytest.mark.parametrize("suffix", [".h5", ".hdf5", ".H5"])
def test_weights_as_keras_2_writes_them(tmp_path, suffix):
    h5py = pytest.importorskip("h5py")
    model, other = sequence(), sequence()
    model.save_weights(tmp_path / f"w{suffix}")
    with h5py.File(tmp_path / f"w{suffix}") as root:
        assert list(root.attrs["layer_names"]) == [layer.name for layer in model.layers]
        assert "model_config" not in root.attrs
    other.load_weights(tmp_path / f"w{suffix}")
    assert_same_outputs(model, other)
    with pytest.raises(ValueError, match=r"w\.\w+: .*(JSON|configuration)"):
        models.load_model(tmp_path / f"w{suffix}")


@pytest.mark.parametrize("suffix", [".NPZ", ".Keras", ".H5", ".SafeTensors"])
def test_uppercase_endings(tmp_path, suffix):
    model = nested()
    model.save(tmp_path / f"M{suffix}")
    assert_same_outputs(model, models.load_model(tmp_path / f"M{suffix}"))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_paths_of_bytes(tmp_path, suffix):
    model = small()
    path = os.fsencode(tmp_path / f"m{suffix}")
    model.check_save(path)
    model.save(path)
    assert_same_outputs(model, models.load_model(path))
    model.load_weights(path)


@pytest.mark.parametrize("name", ["best.model", "w.ckpt", "without", "m.keras"])
def test_hdf5_is_read_under_any_name(tmp_path, name):
    """Keras 2 wrote HDF5 files with any ending."""
    model, other = sequence(), sequence()
    model.save(tmp_path / "m.h5")
    os.rename(tmp_path / "m.h5", tmp_path / name)
    assert_same_outputs(model, models.load_model(tmp_path / name))
    other.load_weights(tmp_path / name)
    assert_same_outputs(model, other)


def test_files_that_hold_no_model(tmp_path):
    model = small()
    model.save_weights(tmp_path / "w.weights.h5")
    with pytest.raises(
        ValueError, match=r"this is a file that holds weights only: .* call load_weights. Received: .*w.weights.h5'"
    ):
        models.load_model(tmp_path / "w.weights.h5")
    (tmp_path / "m.txt").write_text("text")
    with pytest.raises(ValueError, match=r"A model is read from .npz.* Received: .*m.txt"):
        models.load_model(tmp_path / "m.txt")
    with pytest.raises(FileNotFoundError, match=r"There is no file .*m.model"):
        models.load_model(tmp_path / "m.model")


def test_folders(tmp_path):
    (tmp_path / "m.keras").mkdir()
    with pytest.raises(IsADirectoryError, match=r"a folder has this name. Received: .*m.keras"):
        small().save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match=r"this is a folder. Received: .*m.keras'$"):
        models.load_model(tmp_path / "m.keras")
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"")
    for read in (models.load_model, small().load_weights):
        with pytest.raises(ValueError, match=r"SavedModel.* Convert it .*save\('model.h5'\)"):
            read(tmp_path / "saved")


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.npz", "m.safetensors", "m.weights.h5"])
def test_only_files_are_read(tmp_path, name):
    os.mkfifo(tmp_path / name)
    (tmp_path / f"zero-{name}").symlink_to("/dev/zero")
    for place in (name, f"zero-{name}"):
        for read in (models.load_model, small().load_weights):
            with pytest.raises(ValueError, match=rf"Received: .*{place}'.*a device or a pipe"):
                read(tmp_path / place)


# ---- checks before a model exists ------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_check_writes_nothing(tmp_path, suffix):
    model = sequence()
    model.compile("adam", "mse")
    model.check_save(tmp_path / "new" / f"m-{{epoch}}{suffix}")
    assert not list(tmp_path.iterdir())


def test_paths_that_are_not_folders_are_found(tmp_path):
    (tmp_path / "file").write_text("")
    for name in ("m.npz", "{epoch}.npz", "inner/{epoch}/m.npz"):
        with pytest.raises(NotADirectoryError, match="must be in a folder"):
            small().check_save(tmp_path / "file" / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_protected_paths_are_found(tmp_path):
    (tmp_path / "m.npz").write_text("")
    (tmp_path / "m.npz").chmod(0o444)
    (tmp_path / "folder").mkdir(mode=0o555)
    for name in ("m.npz", "folder/m.npz", "folder/{epoch}/m.npz"):
        with pytest.raises(PermissionError, match="may be written"):
            small().check_save(tmp_path / name)


@pytest.mark.parametrize(("module", "name"), [("h5py", "m.keras"), ("h5py", "m.h5"), ("safetensors", "m.safetensors")])
def test_a_missing_extra_is_found(tmp_path, monkeypatch, module, name):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match="pip install fastconv"):
        small().check_save(tmp_path / name)


class Unsaveable(layers.Layer):
    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def call(self, x):
        return self.size(x)


class WithAnArray(Unsaveable):
    def get_config(self):
        return {**layers.Layer.get_config(self), "size": np.ones(2)}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("make", [Unsaveable, WithAnArray])
def test_a_model_that_no_file_can_hold_is_found(tmp_path, suffix, make):
    model = Sequential([Input((3,)), make(layers.ReLU())])
    for save in (model.check_save, model.save):
        with pytest.raises(ValueError, match=r"get_config .* Received"):
            save(tmp_path / f"m{suffix}")
    assert not list(tmp_path.iterdir())
    model.check_save(tmp_path / f"m.{'weights.h5' if suffix == '.keras' else suffix[1:]}", save_weights_only=True)
