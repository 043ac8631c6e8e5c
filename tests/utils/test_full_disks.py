"""Files on a full disk: the error names the file, and no partial file replaces it."""

import errno
import os
import pathlib

import numpy as np
import pytest

from fastconv import Input, Sequential, layers, utils
from fastconv.utils import download


@pytest.fixture
def full(monkeypatch):
    """Simulate a disk on which no file is completed."""

    def fail(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("ending", [".png", ".jpg", ".bmp", ".gif", ".tiff"])
def test_images(tmp_path, ending):
    pytest.importorskip("PIL")
    path = tmp_path / f"image{ending}"
    path.write_bytes(b"former")
    with pytest.raises(OSError, match=rf"No space left on device: .*image{ending}"):
        utils.save_img(path, np.ones((4, 4, 3)))
    assert path.read_bytes() == b"former"
    assert os.listdir(tmp_path) == [path.name]


def test_images_are_written_into_open_files(tmp_path):
    pytest.importorskip("PIL")
    with open(tmp_path / "image", "wb") as file:
        utils.save_img(file, np.ones((4, 4, 3)), file_format="png")
    assert (tmp_path / "image").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="unknown file extension"):
        utils.save_img(tmp_path / "image.what", np.ones((4, 4, 3)))


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("ending", [".png", ".svg", ".dot"])
def test_drawings_of_models(tmp_path, ending):
    pytest.importorskip("pydot" if ending == ".dot" else "matplotlib")
    model = Sequential([Input((3,)), layers.Dense(2)])
    with pytest.raises(OSError, match=rf"No space left on device: .*model{ending}"):
        utils.plot_model(model, tmp_path / f"model{ending}")
    assert not os.listdir(tmp_path)


def test_downloads(tmp_path, monkeypatch):
    pooch = pytest.importorskip("pooch")

    def fail(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pooch, "retrieve", fail)
    with pytest.raises(OSError, match=r"No space left on device: .*set.bin"):
        utils.get_file("set.bin", "https://nowhere/set.bin", cache_dir=tmp_path)
    with pytest.raises(OSError, match=r"No space left on device: .*set.bin"):
        download.fetch("https://nowhere/set.bin", None, pathlib.Path(tmp_path, "set.bin"))
