"""Archives that were not written by saving a model."""

import json
import stat
import warnings
import zipfile

import pytest

from fastconv import models
from fastconv.saving import zipped

from .samples import nested

pytest.importorskip("h5py")


def saved(tmp_path, suffix):
    path = tmp_path / f"m{suffix}"
    nested().save(path)
    return path


def link(name, target):
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry, target


@pytest.mark.parametrize("suffix", [".keras", ".npz"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("../outside", b"x"),
        ("/outside", b"x"),
        ("a/../../outside", b"x"),
        ("C:/outside", b"x"),
        ("..\\outside", b"x"),
        ("config.json", b"{}"),
        link("assets", "/etc/passwd"),
        ("bomb", bytes(zipped.LARGE + 1)),
    ],
    ids=str,
)
def test_an_unexpected_entry(tmp_path, suffix, name, content):
    path = saved(tmp_path, suffix)
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # two entries with the same name
        archive.writestr(name, content)
    with pytest.raises(ValueError, match=r"an archive must have .*Received"):
        models.load_model(path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_entries_that_are_large_together(tmp_path):
    path = saved(tmp_path, ".npz")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        for i in range(5):
            archive.writestr(f"{i}.npy", bytes(zipped.LARGE // 4))
    with pytest.raises(ValueError, match=r"an archive must have entries that expand .*Received: \d+ entries"):
        models.load_model(path)


def test_a_wrong_size_of_the_content(tmp_path):
    path = saved(tmp_path, ".keras")
    content = path.read_bytes()
    at = content.rindex(b"PK\x01\x02")
    for size in (0, 0xFFFFFFF0):
        path.write_bytes(content[: at + 24] + size.to_bytes(4, "little") + content[at + 28 :])
        with pytest.raises(ValueError, match=r"m\.keras: "):
            models.load_model(path)


def test_entries_that_share_their_bytes(tmp_path):
    path = saved(tmp_path, ".npz")
    content = path.read_bytes()
    first, end = content.index(b"PK\x01\x02"), content.rindex(b"PK\x05\x06")
    entry = content[first : content.index(b"PK\x01\x02", first + 1)]
    n = 3000
    directory = b"".join(entry.replace(b"config.json", f"confi{i:06d}".encode()) for i in range(n)) + content[first:end]
    count = (n + int.from_bytes(content[end + 8 : end + 10], "little")).to_bytes(2, "little")
    tail = content[end : end + 8] + count * 2 + len(directory).to_bytes(4, "little") + content[end + 16 :]
    path.write_bytes(content[:first] + directory + tail)
    with pytest.raises(ValueError, match="entries that overlap"):
        models.load_model(path)


@pytest.mark.parametrize("left_out", ["config.json", "model.weights.h5"])
def test_an_entry_that_is_missing(tmp_path, left_out):
    path = saved(tmp_path, ".keras")
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist() if name != left_out}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match=left_out):
        models.load_model(path)


def test_an_array_whose_header_exceeds_its_bytes(tmp_path):
    path = saved(tmp_path, ".npz")
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    for name, content in contents.items():
        contents[name] = content.replace(b"'shape': (4, 4)", b"'shape': (4, 4444444444444)")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match=r"m\.npz"):
        models.load_model(path)


def test_entries_of_an_archive(tmp_path):
    with zipfile.ZipFile(saved(tmp_path, ".keras")) as archive:
        assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
        assert json.loads(archive.read("metadata.json"))["keras_version"].startswith("3.")
