"""HDF5 files of every form that h5py writes, and a function that reads all their contents."""

import io

import numpy as np
import pytest

from fastconv.saving import hdf5

h5py = pytest.importorskip("h5py")


def file(fill, **how):
    """Return the bytes of a file that `fill(root)` fills."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", **how) as root:
        fill(root)
    return buffer.getvalue()


def mixed(root):
    """Write an object of every kind."""
    layer = root.create_group("layers/dense")
    layer.attrs["name"] = "dense"
    layer.attrs["names"] = np.array(["kernel", "bias"], dtype=h5py.string_dtype())
    layer.attrs["bytes"] = np.array([b"kernel", b"bias"])
    layer["kernel"] = np.arange(6, dtype="f4").reshape(2, 3)
    layer.create_dataset("bias", data=np.arange(9.0), chunks=(4,), compression="gzip", shuffle=True)
    layer["step"] = np.int64(-7)


def types(root):
    for name in ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">f4", ">f8", ">i4"]:
        root[name] = np.arange(5).astype(name)
    root["nothing"] = np.zeros((0, 3), "f4")
    root.attrs.update({"unicode": "\N{SNOWMAN}", "bytes": b"text", "array": np.eye(2), "none": h5py.Empty("f4")})
    root.attrs["long"] = "x" * 100_000
    plain = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plain.set_layout(h5py.h5d.COMPACT)
    made = h5py.h5d.create(root.id, b"compact", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((7,)), plain)
    h5py.Dataset(made)[...] = np.arange(7)


def chunks(root):
    values = np.random.default_rng(0).normal(size=(27, 11, 5))
    for i, how in enumerate([{}, {"compression": "gzip"}, {"shuffle": True}, {"maxshape": (None, 11, 9)}]):
        root.create_dataset(f"chunks{i}", data=values, chunks=(10, 4, 5), **how)
    root.create_dataset("many", data=np.arange(3000), chunks=(3,))


def links(root):
    """Write enough links for trees with levels and heaps with tables of blocks."""
    for i in range(1000):
        root[f"{'name' * (i % 9)}_{i}"] = np.float32(i)


def attributes(root):
    for i in range(700):
        root.attrs[f"{'name' * (i % 9)}_{i}"] = i


def deep(root):
    group = root
    for i in range(40):
        group = group.create_group("inner")
        group["x"] = np.arange(i)
    root["other"] = root["inner/inner/x"]


def everything(node):
    """Return all values below a node by path, with "@" before the names of attributes."""
    values = {f"{node.name}@{name}": node.value(name) for name in node.attributes}
    if isinstance(node, hdf5.Dataset):
        return {**values, node.name: node.array()}
    return {**values, **{path: value for name in node.links for path, value in everything(node[name]).items()}}


def everything_of_h5py(node):
    values = {f"{node.name}@{name}": plain(value) for name, value in node.attrs.items()}
    if isinstance(node, h5py.Dataset):
        return {**values, node.name: node[()]}
    return {**values, **{path: value for name in node for path, value in everything_of_h5py(node[name]).items()}}


def plain(value):
    """Return an attribute, with strings as `str`."""
    if isinstance(value, h5py.Empty):
        return None
    array = np.asarray(value.decode() if isinstance(value, bytes) else value)
    if array.dtype.kind in "SU":
        return np.array([str(text, "utf-8") if isinstance(text, bytes) else str(text) for text in array.flat]).reshape(
            array.shape
        )
    return array
