"""Downloads from a local server."""

from __future__ import annotations

import functools
import hashlib
import http.server
import threading
from pathlib import Path

import pytest

from fastconv.utils import get_file
from tests.utils.test_archives import tar, zipped

pytest.importorskip("pooch")


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Return (a folder, its address, the requested paths); downloads go to another folder."""
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path)

    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setenv("FASTCONV_DATA", str(tmp_path / "cache"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}/", asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("algorithm", ["md5", "sha256", None])
def test_a_file_is_downloaded_once(served, tmp_path, algorithm):
    folder, address, asked = served
    (folder / "data.bin").write_bytes(b"content")
    digest = algorithm and hashlib.new(algorithm, b"content").hexdigest()
    paths = {get_file(origin=address + "data.bin?raw=true", file_hash=digest) for _ in range(2)}
    assert paths == {str(tmp_path / "cache" / "datasets" / "data.bin")}
    assert Path(paths.pop()).read_bytes() == b"content"
    assert len(asked) == 1
    get_file("data.bin", address + "data.bin", file_hash=digest, force_download=True)
    assert len(asked) == 2


def test_changed_content_is_downloaded_again_and_a_wrong_hash_refused(served, tmp_path):
    folder, address, _ = served
    (folder / "data").write_bytes(b"new")
    kept = tmp_path / "elsewhere" / "sub" / "mine"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"old")
    options = {"cache_dir": tmp_path / "elsewhere", "cache_subdir": "sub"}
    digest = hashlib.md5(b"new").hexdigest()
    assert get_file("mine", address + "data", md5_hash=digest, **options) == str(kept)
    assert kept.read_bytes() == b"new"
    with pytest.raises(ValueError, match="hash"):
        get_file("other", address + "data", file_hash="0" * 64, **options)
    assert [path.name for path in kept.parent.iterdir()] == ["mine"]


@pytest.mark.parametrize("options", [{"extract": True}, {"untar": True}, {"extract": True, "archive_format": "tar"}])
def test_an_archive_is_extracted_next_to_itself(served, tmp_path, options):
    folder, address, _ = served
    tar(folder / "set.tar.gz", [("set/one", b"1")])
    found = Path(get_file("set.tar.gz", address + "set.tar.gz", **options))
    assert found == tmp_path / "cache" / "datasets" / "set_extracted"
    (found / "set" / "mine").write_text("stays")
    get_file("set.tar.gz", address + "set.tar.gz", **options)
    assert sorted(path.name for path in (found / "set").iterdir()) == ["mine", "one"]
    zipped(folder / "set.tar.gz", [("two", b"2")])
    get_file("set.tar.gz", address + "set.tar.gz", extract=True, force_download=True)
    assert [path.name for path in found.iterdir()] == ["two"]


def test_archives_of_other_names_have_other_folders(served):
    folder, address, _ = served
    for version in "12":
        zipped(folder / f"set.v{version}.zip", [("version", version.encode())])
    found = [Path(get_file(origin=f"{address}set.v{version}.zip", extract=True)) for version in "121"]
    assert [(path / "version").read_text() for path in found] == ["1", "2", "1"]


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"origin": "https://nowhere/"},
        {"origin": "https://nowhere/x", "fname": "../x"},
        {"origin": "https://nowhere/x", "fname": "a/x"},
        {"origin": "https://nowhere/x", "file_hash": "12"},
        {"origin": "https://nowhere/x", "file_hash": "0" * 32, "hash_algorithm": "sha256"},
    ],
)
def test_wrong_arguments(arguments):
    with pytest.raises(ValueError, match=r"^get_file: .* Received: "):
        get_file(**arguments)


def test_a_failed_download_is_an_os_error(served):
    with pytest.raises(OSError, match="404"):
        get_file(origin=served[1] + "missing")
