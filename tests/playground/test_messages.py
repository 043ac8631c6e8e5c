"""Messages as bytes, and bytes that are no messages."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fastconv.playground import fields
from fastconv.playground.messages import LARGEST, Message, decode, encode


def test_a_message_returns_as_it_was():
    arrays = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.arange(7, dtype=np.uint8),
        "empty": np.zeros((0, 3), np.float32),
        "last": np.full((1, 1, 1, 1), 2, np.float32),
    }
    found = decode(encode(Message({"type": "x", "name": "größe"}, arrays)))
    assert found.fields == {"type": "x", "name": "größe"}
    assert found.kind == "x"
    for name, array in arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].dtype == array.dtype


def test_a_text_is_a_message():
    assert decode('{"type": "play"}').fields == {"type": "play"}


def with_header(header, data=b""):
    return len(header).to_bytes(4, "little") + header + data


def listing(**entry):
    entry = {"name": "a", "dtype": "float32", "shape": [2], **entry}
    return with_header(json.dumps({"arrays": [entry]}).encode(), bytes(8))


@pytest.mark.parametrize(
    "data",
    [
        "",
        "{",
        "[1]",
        "3",
        "[" * 100_000,
        b"",
        b"\1",
        b"\xff\xff\xff\xff{}",
        with_header(b"\xff\xfe"),
        with_header(b'{"arrays": 3}'),
        with_header(b'{"arrays": [3]}'),
        listing(dtype="object"),
        listing(dtype=["f4"]),
        listing(shape=[3]),
        listing(shape=[-2]),
        listing(shape=[2**70]),
        listing(shape=[LARGEST] * 4),
        listing(shape=[]),
        listing(shape=[1] * 5),
        listing(shape=[True]),
        listing(shape=2),
        listing(shape="2"),
        " " * (LARGEST + 1),
    ],
)
def test_what_is_no_message_is_refused(data):
    with pytest.raises(ValueError, match="message: "):
        decode(data)


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (lambda v: fields.integer("n", v, 1, 8), 0),
        (lambda v: fields.integer("n", v, 1, 8), 1.0),
        (lambda v: fields.integer("n", v, 1, 8), True),
        (lambda v: fields.integer("n", v, 1, 8), None),
        (lambda v: fields.number("n", v, 0, 1), float("nan")),
        (lambda v: fields.number("n", v, 0, 1), "0"),
        (lambda v: fields.number("n", v, 0, 1), 10**400),
        (lambda v: fields.choice("n", v, ["a"]), ["a"]),
        (lambda v: fields.choice("n", v, ["a"]), "b" * 10_000),
        (lambda v: fields.boolean("n", v), 1),
        (lambda v: fields.text("n", v, 3), "abcd"),
        (lambda v: fields.text("n", v, 3), 1),
    ],
)
def test_wrong_values_are_refused(check, value):
    with pytest.raises(ValueError, match=r"^n: .* is expected. Received: .{,70}$"):
        check(value)


def test_right_values_are_returned():
    assert fields.integer("n", 8, 1, 8) == 8
    assert fields.number("n", 1, 0, 1) == 1.0
    assert fields.choice("n", "a", ["a"]) == "a"
    assert fields.boolean("n", False) is False
    assert fields.text("n", "", 3) == ""
