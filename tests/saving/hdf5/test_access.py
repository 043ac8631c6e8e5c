"""HDF5 files that contain more than groups and plain arrays."""

import numpy as np
import pytest

from fastconv import Input, Sequential, layers, models
from fastconv.saving import hdf5
from fastconv.saving.hdf5 import access

h5py = pytest.importorskip("h5py")

KERNELS = {".weights.h5": "layers/dense/vars/0", ".h5": "model_weights/dense/dense/dense/kernel"}
LAYERS = {".weights.h5": "layers/dense", ".h5": "model_weights/dense"}


def model():
    return Sequential([Input((3,)), layers.Dense(2, name="dense")], name="m")


def put(make):
    """Return a change that replaces the kernel by the result of `make(file)`."""

    def change(file, suffix, folder):
        del file[KERNELS[suffix]]
        made = make(file, folder)
        if made is not None:
            file[KERNELS[suffix]] = made

    return change


def elsewhere(folder):
    with h5py.File(folder / "other.h5", "w") as other:
        other["kernel"] = np.ones((3, 2), "float32")
    return folder / "other.h5"


def virtual(file, folder):
    layout = h5py.VirtualLayout((3, 2), "float32")
    layout[:] = h5py.VirtualSource(elsewhere(folder), "kernel", (3, 2))
    return layout


def external(file, suffix, folder):
    (folder / "raw").write_bytes(np.ones((3, 2), "float32").tobytes())
    del file[KERNELS[suffix]]
    file.create_dataset(KERNELS[suffix], (3, 2), "float32", external=[(str(folder / "raw"), 0, 24)])


def virtual_in_place(file, suffix, folder):
    del file[KERNELS[suffix]]
    file.create_virtual_dataset(KERNELS[suffix], virtual(file, folder))


def huge(file, suffix, folder):
    del file[KERNELS[suffix]]
    file.create_dataset(KERNELS[suffix], (1 << 20, 1 << 20), "float32", chunks=(1024, 1024), compression="gzip")


def huge_chunks(file, suffix, folder):
    del file[KERNELS[suffix]]
    file.create_dataset(
        KERNELS[suffix], (3, 2), "float32", maxshape=(None, None), chunks=(1 << 12, 1 << 12), compression="gzip"
    )


def linked_layer(file, suffix, folder):
    file.move(LAYERS[suffix], "elsewhere")
    file[LAYERS[suffix]] = h5py.SoftLink("/elsewhere")


def linked_outside(file, suffix, folder):
    del file[LAYERS[suffix]]
    file[LAYERS[suffix]] = h5py.ExternalLink(str(elsewhere(folder)), "/")


CHANGES = [
    put(lambda file, folder: h5py.SoftLink("/layers/dense/vars/1")),
    put(lambda file, folder: h5py.ExternalLink(str(elsewhere(folder)), "/kernel")),
    put(lambda file, folder: None),
    put(lambda file, folder: np.ones((2, 3), "float32")),
    put(lambda file, folder: np.ones((3, 2), "int32")),
    put(lambda file, folder: np.ones((3, 2), "complex64")),
    put(lambda file, folder: np.full((3, 2), b"text")),
    put(lambda file, folder: np.array([["text"] * 2] * 3, dtype=h5py.string_dtype())),
    put(lambda file, folder: np.zeros((3, 2), [("real", "f4"), ("other", "i8")])),
    put(lambda file, folder: h5py.Empty("f4")),
    external,
    virtual_in_place,
    huge,
    huge_chunks,
    linked_layer,
    linked_outside,
]


@pytest.mark.parametrize("suffix", [".weights.h5", ".h5"])
@pytest.mark.parametrize("change", CHANGES)
def test_objects_that_are_not_plain_arrays_change_nothing(tmp_path, suffix, change):
    path = tmp_path / f"m{suffix}"
    first = model()
    (first.save_weights if suffix == ".weights.h5" else first.save)(path)
    with h5py.File(path, "a") as file:
        change(file, suffix, tmp_path)
    before = first.get_weights()
    with pytest.raises(ValueError, match=rf"m\{suffix}: .*Received"):
        first.load_weights(path)
    if suffix == ".h5":
        with pytest.raises(ValueError, match=r"m\.h5: .*Received"):
            models.load_model(path)
    for a, b in zip(before, first.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model_config", 3.0),
        ("model_config", "[1]"),
        ("model_config", '{"class_name": "Dense", "config": {"units": 2}}'),
        ("model_config", "[" * 100_000),
        ("model_config", None),
        ("training_config", "{}"),
    ],
)
def test_attributes_that_contradict_the_file(tmp_path, name, value):
    path = tmp_path / "m.h5"
    model().save(path)
    with h5py.File(path, "a") as file:
        if value is None:
            del file.attrs[name]
        else:
            file.attrs[name] = value
    with pytest.raises(ValueError, match=r"m\.h5: .*Received"):
        models.load_model(path)


def test_invalid_names(tmp_path):
    path = tmp_path / "m.h5"
    model().save(path)
    for names in (np.arange(3), np.array(["dense", "other"], dtype=h5py.string_dtype())):
        with h5py.File(path, "a") as file:
            del file["model_weights"].attrs["layer_names"]
            file["model_weights"].attrs["layer_names"] = names
        with pytest.raises(ValueError, match=r"m\.h5: .*Received"):
            models.load_model(path)


def test_a_long_list_of_names(tmp_path):
    """An attribute holds at most 64 KiB."""
    names = [f"layer_{i}" for i in range(9000)]
    content = access.written(lambda root: access.set_names(root, "layer_names", names))
    root = hdf5.opened(content)
    assert access.names(root, "layer_names") == names
    assert access.names(root, "absent") == []
