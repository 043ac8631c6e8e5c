"""The folders in which files are searched, and the refusal of damaged files."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import pathlib
import struct
import sys
import zipfile

import numpy as np
import pytest

from fastconv.datasets import files

IMAGES = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28)


def idx(array, code=8):
    return bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Create an empty home; FASTCONV_DATA is not set."""
    monkeypatch.delenv("FASTCONV_DATA", raising=False)
    monkeypatch.setattr(pathlib.Path, "home", lambda: tmp_path / "home")
    return tmp_path / "home"


def test_idx(tmp_path):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(idx(IMAGES)))
    found = files.read_idx(path, 3)
    assert found.dtype == np.uint8
    assert (found == IMAGES).all()
    assert found.flags.writeable


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not gzip",
        gzip.compress(b""),
        gzip.compress(idx(IMAGES)[:-1]),
        gzip.compress(idx(IMAGES) + b"x"),
        gzip.compress(idx(IMAGES))[:-20],
        gzip.compress(idx(IMAGES, code=13)),
        gzip.compress(idx(IMAGES[0])),
        gzip.compress(idx(IMAGES)[:7]),
        gzip.compress(bytes([0, 0, 8, 3]) + b"\xff" * 12),
    ],
)
def test_a_damaged_idx_file_is_named(tmp_path, content):
    path = tmp_path / "images.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"images\.gz: "):
        files.read_idx(path, 3)


def test_npz_files_survive_any_changed_byte(tmp_path):
    path, whole = tmp_path / "data.npz", npz(npy(IMAGES[:1, :3, :3]))
    for at in range(len(whole)):
        for byte in (0, 40, 255):
            path.write_bytes(whole[:at] + bytes([byte]) + whole[at + 1 :])
            with contextlib.suppress(ValueError):
                files.read_npz(path, ("a",))
        path.write_bytes(whole[:at])
        with pytest.raises(ValueError, match=r"data\.npz: "):
            files.read_npz(path, ("a",))


def test_a_missing_npz_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing"):
        files.read_npz(tmp_path / "nothing.npz", ("a",))


def test_npz(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, b=IMAGES, a=IMAGES[0])
    a, b = files.read_npz(path, ("a", "b"))
    assert (a == IMAGES[0]).all()
    assert (b == IMAGES).all()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(member):
    """The bytes of an npz file whose array "a" is made of these bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", member)
    return file.getvalue()


def zip_member(path, member):
    path.write_bytes(npz(member))


def truncate(path):
    np.savez(path, a=IMAGES)
    path.write_bytes(path.read_bytes()[:-50])


def corrupt(path):
    np.savez_compressed(path, a=IMAGES)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize(
    "write",
    [
        truncate,
        corrupt,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"something else"),
        lambda path: np.savez(path, b=IMAGES),
        lambda path: np.savez(path, a=IMAGES.astype("float32")),
        lambda path: np.savez(path, a=np.array([{}], dtype=object)),
        lambda path: path.write_bytes(npy(IMAGES)),
        lambda path: zip_member(path, b"no array"),
        lambda path: zip_member(path, npy(IMAGES).replace(b", 'shape'", b", (shape'")),
        lambda path: zip_member(path, npy(IMAGES).replace(b"}", b"(")),
        lambda path: zip_member(path, npy(IMAGES).replace(b"|u1", b"|V9")),
        lambda path: path.write_bytes(npz(npy(IMAGES))[:100] + npz(npy(IMAGES))[140:]),
    ],
    ids=[
        "truncated",
        "corrupt",
        "empty",
        "text",
        "name missing",
        "floats",
        "pickled",
        "a single array",
        "a member of text",
        "broken header",
        "header without end",
        "unknown elements",
        "bytes missing",
    ],
)
def test_a_damaged_npz_file_is_named(tmp_path, write):
    path = tmp_path / "data.npz"
    write(path)
    with pytest.raises(ValueError, match=r"data\.npz: "):
        files.read_npz(path, ("a",))


@pytest.mark.parametrize(
    ("x", "y"),
    [((2, 28, 28), (3,)), ((2, 28, 27), (2,)), ((2, 784), (2,)), ((2, 28, 28), (2, 1))],
)
def test_images_and_labels_must_fit(tmp_path, x, y):
    good = np.zeros((2, 28, 28), np.uint8), np.zeros(2, np.uint8)
    with pytest.raises(ValueError, match="somewhere: images"):
        files.checked("somewhere", *good, np.zeros(x, np.uint8), np.zeros(y, np.uint8))
    with pytest.raises(ValueError, match="labels up to 10"):
        files.checked("somewhere", *good, good[0], np.array([0, 10], np.uint8))
    (x_train, y_train), (x_test, y_test) = files.checked("somewhere", *good, *good)
    assert x_train is x_test is good[0]
    assert y_train is y_test is good[1]


def test_the_first_folder_that_has_the_file(home, tmp_path, monkeypatch):
    cache, given, system = home / ".cache" / "fastconv", tmp_path / "given", tmp_path / "system"
    for folder in (system, cache, given):
        (folder / "set").mkdir(parents=True)
        (folder / "set" / "file").write_text(folder.name)
    monkeypatch.setenv("FASTCONV_DATA", str(given))
    assert files.locate("set/file", "", None, [system]) == given / "set" / "file"
    (given / "set" / "file").unlink()
    assert files.locate("set/file", "", None, [system]) == cache / "set" / "file"
    (cache / "set" / "file").unlink()
    assert files.locate("set/file", "", None, [system]) == system / "set" / "file"


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Download without a network: the requested URLs are files."""
    pooch = pytest.importorskip("pooch")

    class FromFile:
        def __call__(self, url, output_file, pooch):
            pathlib.Path(output_file).write_bytes(pathlib.Path(url.removeprefix("https://")).read_bytes())

    monkeypatch.setattr(pooch.core, "choose_downloader", lambda url, **_: FromFile())
    source = tmp_path / "source"
    source.write_bytes(b"content")
    return f"https://{source}"


def test_a_missing_file_is_downloaded_once(home, served):
    checksum = "md5:" + hashlib.md5(b"content").hexdigest()
    path = files.locate("set/file", served, checksum)
    assert path == home / ".cache" / "fastconv" / "set" / "file"
    assert path.read_bytes() == b"content"
    assert files.locate("set/file", "https://nowhere", checksum) == path


def test_downloads_go_into_the_given_folder(home, served, tmp_path, monkeypatch):
    monkeypatch.setenv("FASTCONV_DATA", str(tmp_path / "given"))
    checksum = "sha256:" + hashlib.sha256(b"content").hexdigest()
    assert files.locate("file", served, checksum) == tmp_path / "given" / "file"


def test_a_download_with_another_checksum_is_refused(home, served):
    with pytest.raises(ValueError, match="hash"):
        files.locate("file", served, "md5:" + "0" * 32)
    assert not (home / ".cache" / "fastconv" / "file").exists()


def test_an_existing_file_may_be_compressed_differently(home, tmp_path, monkeypatch):
    monkeypatch.setenv("FASTCONV_DATA", str(tmp_path))
    (tmp_path / "file").write_bytes(b"content")
    assert files.locate("file", "", "md5:" + "0" * 32) == tmp_path / "file"


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_content_is_checked_by_its_digest(algorithm):
    digest = hashlib.new(algorithm, b"content").hexdigest()
    files.check_content("x", b"content", f"{algorithm}:{digest}")
    files.check_content("x", b"content", None)
    with pytest.raises(ValueError, match=rf"x: .*remove it.* The {algorithm} of .* must be 00\. Received: {digest}$"):
        files.check_content("x", b"content", f"{algorithm}:00")


def test_an_array_as_an_idx_file():
    assert files.as_idx(IMAGES) == idx(IMAGES)


def test_without_pooch_the_command_is_named(home, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r"pip install fastconv\[data\]"):
        files.locate("file", "https://nowhere", "")


def test_a_failed_download_names_the_path_of_the_file(home, served):
    with pytest.raises(OSError, match=r"set/file: .*Place it at .*fastconv/set/file, or set FASTCONV_DATA"):
        files.locate("set/file", "https://nowhere", None)
