"""A file is complete, or unchanged."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import pytest

import fastconv
from fastconv.utils.files import write_whole


def test_a_file_is_written_and_replaced(tmp_path):
    path = tmp_path / "file"
    write_whole(path, lambda file: file.write(b"one"))
    assert path.read_bytes() == b"one"
    write_whole(str(path), lambda file: file.write(b"two"))
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("exception", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_the_previous_file(tmp_path, exception):
    path = tmp_path / "file"
    path.write_bytes(b"former")

    def fail(file):
        file.write(b"half")
        raise exception

    with pytest.raises(exception):
        write_whole(path, fail)
    assert path.read_bytes() == b"former"
    assert os.listdir(tmp_path) == ["file"]


def test_a_file_is_replaced_only_when_complete(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"former")

    def look(file):
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"former"

    write_whole(path, look)
    assert path.read_bytes() == b"new"


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real").write_bytes(b"former")
    (tmp_path / "link").symlink_to("real")
    write_whole(tmp_path / "link", lambda file: file.write(b"new"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_permissions_are_those_of_any_new_file(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    write_whole(tmp_path / "whole", lambda file: None)
    assert stat.S_IMODE((tmp_path / "whole").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "missing" / "file", lambda file: None)


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o640])
def test_a_file_keeps_its_permissions(tmp_path, mode):
    path = tmp_path / "file"
    path.write_bytes(b"former")
    path.chmod(mode)
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        write_whole(tmp_path / name, lambda file: file.write(b"new"))
        assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_keeps_its_owner(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"former")
    os.chown(path, 1234, 1234)
    write_whole(path, lambda file: file.write(b"new"))
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1234)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_protected_file_is_not_changed(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"former")
    path.chmod(0o444)
    with pytest.raises(PermissionError, match="file"):
        write_whole(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"former"


def stale(path):
    """Create a partial file that a killed process left."""
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    part.write_bytes(b"half")
    return part


def test_partial_files_of_killed_processes_are_removed(tmp_path):
    path = tmp_path / "m[1].npz"
    left, others = stale(path), [stale(tmp_path / "other.npz"), tmp_path / "m[1].npz.old.part"]
    others[1].write_bytes(b"")
    write_whole(path, lambda file: file.write(b"new"))
    assert not left.exists()
    assert all(other.exists() for other in others)


def test_files_that_are_being_written_stay(tmp_path):
    """Written in this thread, in another thread and in another process."""
    path = tmp_path / "file"

    def write_meanwhile(file):
        write_whole(path, lambda inner: inner.write(b"inner"))
        thread = threading.Thread(target=write_whole, args=(path, lambda inner: inner.write(b"thread")))
        thread.start()
        thread.join()
        code = f"from fastconv.utils.files import write_whole; write_whole({str(path)!r}, lambda f: f.write(b'other'))"
        subprocess.run([sys.executable, "-c", code], cwd=Path(fastconv.__file__).parents[1], check=True)
        assert path.read_bytes() == b"other"
        file.write(b"outer")

    write_whole(path, write_meanwhile)
    assert path.read_bytes() == b"outer"
    assert os.listdir(tmp_path) == ["file"]


def test_many_writers_at_once(tmp_path):
    path = tmp_path / "file"
    errors = []

    def write(letter):
        try:
            for _ in range(50):
                write_whole(path, lambda file: file.write(letter * 1000))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c", b"d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(set(path.read_bytes())) == 1
    assert os.listdir(tmp_path) == ["file"]


def test_long_names(tmp_path):
    path = tmp_path / ("é" * 120 + ".npz")
    stale(tmp_path / ("é" * 108))  # as long as the file system allows
    write_whole(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_devices_are_written_in_place(tmp_path):
    (tmp_path / "m.npz").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"No space left .*m\.npz"):
        write_whole(tmp_path / "m.npz", lambda file: file.write(b"new"))
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


FULL_DISK = """
import resource, sys
import fastconv
from fastconv import Input, Sequential, layers
model = Sequential([Input((100,)), layers.Dense(100)])
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    model.save(sys.argv[1])
except OSError as error:
    print(error)
"""


def test_the_error_of_a_full_disk_names_the_file(tmp_path):
    path = tmp_path / "m.npz"
    where = Path(fastconv.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, path], cwd=where, check=True, capture_output=True, text=True
    )
    assert "File too large" in done.stdout
    assert repr(str(path)) in done.stdout
    assert not list(tmp_path.iterdir())
