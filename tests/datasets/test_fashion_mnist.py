"""Fashion-MNIST if it is installed, and from small files of the same format."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from fastconv.datasets import fashion_mnist, files

SIZES = {"train": 3, "t10k": 2}


def write(folder):
    folder.mkdir()
    for part, n in SIZES.items():
        images = bytes([0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, 28, 0, 0, 0, 28]) + bytes([n]) * n * 784
        labels = bytes([0, 0, 8, 1, 0, 0, 0, n]) + bytes(range(n))
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))


def test_files_of_the_same_format(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTCONV_DATA", str(tmp_path))
    monkeypatch.setattr(fashion_mnist, "CONTENTS", dict.fromkeys(fashion_mnist.CONTENTS))
    write(tmp_path / "fashion-mnist")
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()
    assert x_train.shape == (3, 28, 28)
    assert (x_train == 3).all()
    assert (x_test == 2).all()
    assert y_train.tolist() == [0, 1, 2]
    assert y_test.tolist() == [0, 1]


def test_other_data_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTCONV_DATA", str(tmp_path))
    write(tmp_path / "fashion-mnist")
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte\.gz: the file is damaged or contains other data"):
        fashion_mnist.load_data()


@pytest.mark.skipif(
    not (files.DEBIAN / "fashion-mnist").is_dir(), reason="Debian's package dataset-fashion-mnist is not installed"
)
def test_the_data_set_itself(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTCONV_DATA", str(tmp_path))
    monkeypatch.setattr(files, "folders", lambda: [tmp_path])
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()
    assert (x_train.shape, x_test.shape) == ((60000, 28, 28), (10000, 28, 28))
    assert np.bincount(y_train).tolist() == [6000] * 10
    assert np.bincount(y_test).tolist() == [1000] * 10
    assert x_train.max() == 255


@pytest.mark.skipif(
    not (files.DEBIAN / "fashion-mnist").is_dir(), reason="Debian's package dataset-fashion-mnist is not installed"
)
@pytest.mark.parametrize("level", [1, 6])
def test_the_data_set_compressed_anew(tmp_path, monkeypatch, level):
    monkeypatch.setenv("FASTCONV_DATA", str(tmp_path))
    (tmp_path / "fashion-mnist").mkdir()
    for name in fashion_mnist.CHECKSUMS:
        content = gzip.decompress((files.DEBIAN / "fashion-mnist" / name).read_bytes())
        (tmp_path / "fashion-mnist" / name).write_bytes(gzip.compress(content, level))
    (x_train, _), _ = fashion_mnist.load_data()
    assert len(x_train) == 60000
    path = tmp_path / "fashion-mnist" / "t10k-images-idx3-ubyte.gz"
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[5000] ^= 1
    path.write_bytes(gzip.compress(content, level))
    with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte\.gz: the file is damaged"):
        fashion_mnist.load_data()
