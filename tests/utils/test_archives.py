"""Intact, dangerous and damaged archives."""

from __future__ import annotations

import io
import random
import tarfile
import zipfile

import pytest

from fastconv.utils.archives import extract_archive

FILES = {"top.txt": b"1", "folder/inner/file.bin": b"22", "folder/empty": b""}


def tar(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for member, content in members:
            if isinstance(member, str):
                member = tarfile.TarInfo(member)
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def zipped(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def special(kind, name, target=""):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


@pytest.mark.parametrize("archive_format", ["auto", None, "other", "zip", "tar"])
@pytest.mark.parametrize("make", [tar, zipped])
def test_files_are_extracted(tmp_path, make, archive_format):
    path, folder = make(tmp_path / "archive", FILES.items()), tmp_path / "folder"
    if archive_format not in ("auto", "tar" if make is tar else "zip"):
        with pytest.raises(ValueError, match="Received: "):
            extract_archive(path, folder, archive_format)
        assert [p.name for p in tmp_path.iterdir()] == ["archive"]
        return
    extract_archive(path, folder, archive_format)
    assert {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()} == FILES
    assert sorted(p.name for p in tmp_path.iterdir()) == ["archive", "folder"]


@pytest.mark.parametrize("name", ["../out", "folder/../../out", "/tmp/out", "..\\out", "C:/out"])
@pytest.mark.parametrize("make", [tar, zipped])
def test_paths_outside_of_the_folder_are_refused(tmp_path, make, name):
    path = make(tmp_path / "archive", [("good", b"1"), (name, b"2")])
    with pytest.raises(ValueError, match=r"paths must stay in the archive's folder\. Received: "):
        extract_archive(path, tmp_path / "folder")
    assert [p.name for p in tmp_path.iterdir()] == ["archive"]


@pytest.mark.parametrize(
    "members",
    [
        [special(tarfile.SYMTYPE, "link", ".."), ("link/out", b"1")],
        [special(tarfile.LNKTYPE, "link", "/etc/passwd")],
        [special(tarfile.FIFOTYPE, "pipe")],
    ],
)
def test_links_and_devices_are_refused(tmp_path, members):
    path = tar(tmp_path / "archive", members)
    with pytest.raises(ValueError, match=r"only files and folders\. Received: "):
        extract_archive(path, tmp_path / "folder")
    assert [p.name for p in tmp_path.iterdir()] == ["archive"]


@pytest.mark.parametrize("make", [tar, zipped])
def test_a_damaged_archive_is_named(tmp_path, make):
    path = make(tmp_path / "archive", [("file", bytes(range(256)) * 200)])
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(ValueError, match=r"archive: an archive \(tar or zip\) is needed"):
        extract_archive(path, tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def changed(path, *places):
    content = bytearray(path.read_bytes())
    for place, bits in places:
        content[place] ^= bits
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("at", [0.5, 0.999])
def test_a_changed_byte_is_detected(tmp_path, mode, at):
    path = tar(tmp_path / "archive", [("file", random.Random(1).randbytes(200_000))], mode)
    changed(path, (int(at * path.stat().st_size), 1))
    with pytest.raises(ValueError, match=r"archive: an archive \(tar or zip\) is needed"):
        extract_archive(path, tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


ENCRYPTED = [(6, 0, 1), (8, 1, 1)]  # offset, header (local or central), and bits to set
UNKNOWN_METHOD = [(8, 0, 99), (10, 1, 99)]


@pytest.mark.parametrize("changes", [ENCRYPTED, UNKNOWN_METHOD])
def test_a_zip_archive_that_cannot_be_read_is_named(tmp_path, changes):
    path = zipped(tmp_path / "archive", [("file", b"1")])
    heads = [path.read_bytes().index(mark) for mark in (b"PK\x03\x04", b"PK\x01\x02")]
    changed(path, *((heads[head] + at, bits) for at, head, bits in changes))
    with pytest.raises(ValueError, match=r"archive: an archive \(tar or zip\) is needed"):
        extract_archive(path, tmp_path / "folder")
