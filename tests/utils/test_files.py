"""A file is there whole, or as it was."""

from __future__ import annotations

import os
import stat

import pytest

from fastconv.utils.files import write_whole


def test_a_file_is_written_and_replaced(tmp_path):
    path = tmp_path / "file"
    write_whole(path, lambda file: file.write(b"one"))
    assert path.read_bytes() == b"one"
    write_whole(str(path), lambda file: file.write(b"two"))
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("exception", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_the_former_file(tmp_path, exception):
    path = tmp_path / "file"
    path.write_bytes(b"former")

    def fail(file):
        file.write(b"half")
        raise exception

    with pytest.raises(exception):
        write_whole(path, fail)
    assert path.read_bytes() == b"former"
    assert os.listdir(tmp_path) == ["file"]


def test_nothing_takes_the_place_before_it_is_complete(tmp_path):
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


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "missing" / "file", lambda file: None)
