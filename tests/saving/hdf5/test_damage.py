"""Truncated or changed files are read, or raise an error that names the damage; neither takes long."""

import numpy as np
import pytest

from fastconv.saving import hdf5
from fastconv.saving.hdf5 import storage

from .files import everything, file, h5py, mixed

each_form = pytest.mark.parametrize("content", [file(mixed), file(mixed, libver="v108")], ids=["old", "1.8"])


def is_read(content):
    """Return whether all of a file can be read; an error must be a ValueError."""
    try:
        everything(hdf5.opened(content))
    except ValueError as error:
        assert str(error)  # noqa: PT017
        return False
    return True


@each_form
def test_truncated_files(content):
    assert is_read(content)
    assert not any(is_read(content[:size]) for size in range(0, len(content), 7))
    assert not is_read(content[:-1])


@each_form
def test_changed_bytes(content):
    """Each byte is changed, except in long rows of zeros, which are unused."""
    used = [at for at in range(len(content)) if any(content[max(at - 16, 0) : at + 16])]
    read = [is_read(content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :]) for at in used]
    assert 0.4 < np.mean(read) < 0.8


def replaced(content, *changes):
    for old, new in changes:
        assert len(old) == len(new)
        assert content.count(old) == 1
        content = content.replace(old, new)
    return content


def test_repeated_references_to_a_long_string():
    """A list of names that all refer to one long string would be larger than the file."""

    def fill(root):
        root.attrs["names"] = np.array(["x" * 50_000] + ["y"] * 2000, dtype=h5py.string_dtype())

    content = file(fill)
    start = content.index((50_000).to_bytes(4, "little") + (b"\0" * 0))
    first = content[start : start + 16]
    assert is_read(content)
    with pytest.raises(ValueError, match="without circular references"):
        everything(hdf5.opened(content[:start] + first * 2001 + content[start + 16 * 2001 :]))
    everything(hdf5.opened(content[:start] + first * 2 + content[start + 32 :]))


def test_a_header_that_continues_with_itself():
    content = bytearray(file(lambda root: root.attrs.update({f"attribute_{i}": i for i in range(40)})))
    root = int.from_bytes(content[64:72], "little")
    size = int.from_bytes(content[root + 8 : root + 12], "little")
    messages = range(root + 16, root + 16 + size)
    at = next(at for at in messages[::8] if content[at : at + 4] == b"\x10\0\x10\0")  # address of the continuation
    content[at + 8 : at + 24] = (root + 16).to_bytes(8, "little") + size.to_bytes(8, "little")
    with pytest.raises(ValueError, match="without circular references"):
        hdf5.opened(bytes(content))


def test_a_tree_that_is_its_own_branch():
    content = bytearray(file(lambda root: [root.create_group(f"group_{i}") for i in range(400)]))
    node = next(at for at in range(len(content)) if content[at : at + 6] == b"TREE\0\1")
    content[node + 32 : node + 40] = node.to_bytes(8, "little")
    with pytest.raises(ValueError, match="a node at each level"):
        everything(hdf5.opened(bytes(content)))


def test_chunks_that_expand():
    """A chunk returns at most the bytes that fit into it, regardless of the size of its data."""
    whole = file(lambda root: root.create_dataset("x", data=np.zeros(1 << 22, "i1"), chunks=(1 << 22,), compression=9))
    small = file(lambda root: root.create_dataset("x", data=np.zeros(1 << 12, "i1"), chunks=(1 << 12,), compression=9))
    assert is_read(whole)
    begin, end = (content.index(b"x\xda") for content in (whole, small))
    assert len(whole) - begin > len(small) - end
    assert is_read(small[:end] + whole[begin : begin + len(small) - end])


def test_an_endless_number_of_parts(monkeypatch):
    content = file(mixed)
    monkeypatch.setattr(storage, "MOST_READS", 100)
    with pytest.raises(ValueError, match="at most 100 parts"):
        everything(hdf5.opened(content))


@pytest.mark.parametrize("size", [1 << 40, 1 << 60, (1 << 64) - 1])
def test_a_shape_that_is_too_large(size):
    content = file(lambda root: root.create_dataset("x", data=np.ones(12345, "f4")))
    with pytest.raises(ValueError, match="whole"):
        everything(hdf5.opened(content.replace((12345).to_bytes(8, "little"), size.to_bytes(8, "little"))))
