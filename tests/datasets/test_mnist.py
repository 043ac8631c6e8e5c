"""MNIST from a small file of the same format."""

from __future__ import annotations

import hashlib
import struct

import numpy as np
import pytest

from fastconv.datasets import mnist

ARRAYS = {
    "x_train": np.full((3, 28, 28), 7, np.uint8),
    "y_train": np.array([0, 1, 2], np.uint8),
    "x_test": np.full((2, 28, 28), 9, np.uint8),
    "y_test": np.array([8, 9], np.uint8),
}


def check(data):
    (x_train, y_train), (x_test, y_test) = data
    for found, name in ((x_train, "x_train"), (y_train, "y_train"), (x_test, "x_test"), (y_test, "y_test")):
        assert (found == ARRAYS[name]).all()


def test_by_name_and_by_path(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTCONV_DATA", str(tmp_path))
    monkeypatch.setattr(mnist, "CONTENTS", dict.fromkeys(mnist.CONTENTS))
    np.savez(tmp_path / "mnist.npz", **ARRAYS)
    np.savez(tmp_path / "other.npz", **ARRAYS)
    check(mnist.load_data())
    check(mnist.load_data("other.npz"))
    monkeypatch.setenv("FASTCONV_DATA", str(tmp_path / "elsewhere"))
    check(mnist.load_data(str(tmp_path / "mnist.npz")))


def digest(array):
    """Return the digest of an idx file that holds an array."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return "sha256:" + hashlib.sha256(header + array.tobytes()).hexdigest()


def test_the_content_of_the_file_is_checked(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTCONV_DATA", str(tmp_path))
    np.savez(tmp_path / "mnist.npz", **ARRAYS)
    with pytest.raises(ValueError, match=r"mnist\.npz, x_train: the file is damaged or contains other data"):
        mnist.load_data()
    monkeypatch.setattr(mnist, "CONTENTS", {name: digest(array) for name, array in ARRAYS.items()})
    check(mnist.load_data())
    np.savez_compressed(tmp_path / "mnist.npz", **ARRAYS)
    check(mnist.load_data())


def test_other_formats_are_refused(tmp_path):
    np.savez(tmp_path / "mnist.npz", **{**ARRAYS, "y_test": np.array([8], np.uint8)})
    with pytest.raises(ValueError, match=r"mnist\.npz: images .* are needed"):
        mnist.load_data(str(tmp_path / "mnist.npz"))
