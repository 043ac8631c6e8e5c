"""CIFAR-10 and CIFAR-100 from small archives in the format of the published archives."""

from __future__ import annotations

import io
import tarfile

import numpy as np
import pytest

from fastconv import config
from fastconv.datasets import cifar10, cifar100

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 3, 32, 32), "uint8")


def records(labels):
    return b"".join(bytes(label) + image.tobytes() for label, image in zip(labels, PIXELS))


def archive(path, files):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in {"batches.meta.txt": b"airplane\n", **files}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def ten(folder, **changed):
    files = {f"data_batch_{i}.bin": records([[i], [i + 1]]) for i in range(1, 6)}
    files.update({"test_batch.bin": records([[9], [0], [3]]), "readme.html": b"x", **changed})
    archive(folder / "cifar-10-binary.tar.gz", {f"cifar-10-batches-bin/{k}": v for k, v in files.items()})


def hundred(folder):
    files = {"train.bin": records([[19, 99], [0, 1]]), "test.bin": records([[2, 50]]), "fine_label_names.txt": b""}
    archive(folder / "cifar-100-binary.tar.gz", {f"cifar-100-binary/{k}": v for k, v in files.items()})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTCONV_DATA", str(tmp_path))
    for module in (cifar10, cifar100):
        monkeypatch.setattr(module, "CONTENTS", dict.fromkeys(module.CONTENTS))
    return tmp_path


def test_ten_classes(folder):
    ten(folder)
    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    assert [a.dtype.name for a in (x_train, y_train, x_test, y_test)] == ["uint8"] * 4
    assert y_train.tolist() == [[1], [2], [2], [3], [3], [4], [4], [5], [5], [6]]
    assert y_test.tolist() == [[9], [0], [3]]
    np.testing.assert_array_equal(x_train, np.tile(PIXELS[:2], (5, 1, 1, 1)).transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(x_test, PIXELS[:3].transpose(0, 2, 3, 1))
    assert x_train.flags.writeable
    assert y_train.flags.writeable
    config.set_image_data_format("channels_first")
    np.testing.assert_array_equal(cifar10.load_data()[1][0], PIXELS[:3])


@pytest.mark.parametrize(("mode", "labels"), [("fine", [[99], [1]]), ("coarse", [[19], [0]])])
def test_a_hundred_classes(folder, mode, labels):
    hundred(folder)
    (x_train, y_train), (x_test, y_test) = cifar100.load_data(mode)
    assert y_train.tolist() == labels
    assert (y_train.dtype, x_train.dtype, y_test.shape) == (np.int64, np.uint8, (1, 1))
    np.testing.assert_array_equal(x_test, PIXELS[:1].transpose(0, 2, 3, 1))


def test_the_content_of_the_archive_is_checked(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTCONV_DATA", str(tmp_path))
    ten(tmp_path)
    hundred(tmp_path)
    with pytest.raises(
        ValueError, match=r"cifar-10-binary\.tar\.gz, .*data_batch_1\.bin: the file is damaged or contains"
    ):
        cifar10.load_data()
    with pytest.raises(ValueError, match=r"cifar-100-binary\.tar\.gz, .*train\.bin: the file is damaged or contains"):
        cifar100.load_data()


def test_damaged_archives_are_named(folder):
    path = folder / "cifar-10-binary.tar.gz"
    ten(folder)
    whole = path.read_bytes()
    for content in (b"", b"no archive", whole[:-2000]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"cifar-10-binary\.tar\.gz: a tar archive of "):
            cifar10.load_data()
    for changed in ({"test_batch.bin": b""}, {"test_batch.bin": records([[1]])[:-1]}):
        ten(folder, **changed)
        with pytest.raises(ValueError, match="must hold records of 3073 bytes"):
            cifar10.load_data()
    ten(folder, **{"test_batch.bin": records([[10]])})
    with pytest.raises(ValueError, match=r"Labels must be less than 10\. Received: labels up to 10"):
        cifar10.load_data()
    with pytest.raises(ValueError, match="label_mode must be 'fine' or 'coarse'"):
        cifar100.load_data("medium")
