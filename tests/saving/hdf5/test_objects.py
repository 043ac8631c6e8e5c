"""The reader returns the same values as h5py."""

import io
from functools import partial

import numpy as np
import pytest

from fastconv.saving import hdf5

from .files import attributes, chunks, deep, everything, everything_of_h5py, file, h5py, links, mixed, types


@pytest.mark.parametrize("libver", ["earliest", "v108", "latest"])
@pytest.mark.parametrize("track_order", [False, True])
@pytest.mark.parametrize("fill", [mixed, types, chunks, links, attributes, deep], ids=lambda f: f.__name__)
def test_values_equal_those_of_h5py(fill, libver, track_order):
    content = file(fill, libver=libver, track_order=track_order)
    if libver == "latest" and fill in (mixed, chunks):
        with pytest.raises(ValueError, match=r"chunks as HDF5 1.8 has them. Received: .*, layout 2 of version"):
            everything(hdf5.opened(content))
        return
    found = everything(hdf5.opened(content))
    with h5py.File(io.BytesIO(content)) as root:
        expected = everything_of_h5py(root)
    assert found.keys() == expected.keys()
    for path, value in expected.items():
        np.testing.assert_array_equal(found[path], value)
        assert value is None or found[path].shape == value.shape
        assert path.find("@") >= 0 or found[path].dtype == value.dtype


def put(value, **how):
    return lambda root: root.create_dataset("x", data=value, **how)


@pytest.mark.parametrize(
    ("fill", "rule"),
    [
        (put(np.ones(3, complex)), "numbers and text"),
        (put(np.ones(30), chunks=(5,), compression="lzf"), "gzip and shuffling"),
        (put(np.ones(30), chunks=(5,), fletcher32=True), "gzip and shuffling"),
        (lambda root: root.create_dataset("x", (3,), "f4", external=[("raw", 0, 12)]), "in the file itself"),
        (lambda root: root.create_dataset("x", (3,), "f4"), "have values"),
        (lambda root: root.create_dataset("x", (30,), "f4", chunks=(5,)), "have values"),
        (lambda root: root.create_dataset("x", (30,), "f4", chunks=(1 << 21,), maxshape=(None,)), "much larger"),
        (lambda root: root.create_dataset("x", (1 << 60,), "f4", chunks=(5,)), "have values"),
        (lambda root: root.create_dataset("x", data=h5py.Empty("f4")), "have values"),
        (partial(h5py.Group.__setitem__, name="x", obj=h5py.SoftLink("/y")), "soft or external links"),
        (partial(h5py.Group.__setitem__, name="x", obj=h5py.ExternalLink("y.h5", "/")), "soft or external links"),
        (partial(h5py.Group.__setitem__, name="x", obj=np.dtype("f4")), "groups and arrays"),
    ],
)
def test_objects_that_model_files_do_not_contain(fill, rule):
    content = file(fill)
    with pytest.raises(ValueError, match=rf"{rule}.*Received"):
        everything(hdf5.opened(content))
