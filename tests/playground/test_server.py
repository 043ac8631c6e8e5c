"""The server from the network: what it serves, and whom it refuses."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import sys
from contextlib import ExitStack, suppress

import pytest

from fastconv import playground
from fastconv.playground import __main__ as command
from fastconv.playground import notebook
from fastconv.playground import server as module
from fastconv.playground.access import Access
from fastconv.playground.application import STATIC
from fastconv.playground.messages import LARGEST, Message, decode, encode
from fastconv.playground.server import Server

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
client = pytest.importorskip("websockets.sync.client")
exceptions = pytest.importorskip("websockets.exceptions")


def get(server, path, **headers):
    """Return status, headers and body of a request with exactly this path."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.putrequest("GET", path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, response.headers, body


def open_socket(server, query="", origin=None, **options):
    address = f"127.0.0.1:{server.port}"
    origin = f"http://{address}" if origin is None else origin
    return client.connect(f"ws://{address}/socket{query}", origin=origin or None, max_size=None, **options)


def ask(connection, **fields):
    """Send a message; return the answer."""
    connection.send(json.dumps(fields))
    return decode(connection.recv(20))


def key_of(connection):
    return decode(connection.recv(20)).fields["key"]


def test_the_page_and_its_files(server):
    status, headers, body = get(server, "/")
    assert status == 200
    assert b"fastconv" in body
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    for path in sorted(STATIC.iterdir()):
        status, headers, body = get(server, f"/static/{path.name}")
        assert (status, body) == (200, path.read_bytes())


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.*")), ids=lambda path: path.name)
def test_files_load_nothing_from_elsewhere(path):
    text = path.read_text(encoding="utf-8", errors="replace").replace("http://www.w3.org", "")
    assert "http://" not in text
    assert "https://" not in text


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/../../../../../../etc/passwd",
        "/static/%2e%2e/server.py",
        "/static/%2e%2e%2f%2e%2e%2fconfig.py",
        "/static/..%5cserver.py",
        "/static//etc/passwd",
        "/static/",
        "/../server.py",
        "/etc/passwd",
        "/socket",
        "/static/index.html%00.js",
    ],
)
def test_nothing_else_can_be_read(server, path):
    status, _, body = get(server, path)
    assert status in (404, 405)
    assert b"import" not in body
    assert b"root:" not in body


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "", "[", "localhost@evil"]
)
def test_other_hosts_are_refused(server, host):
    assert get(server, "/", Host=host)[0] in (400, 403)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1234", "[::1]:80"])
def test_names_of_this_machine_are_served(server, host):
    assert get(server, "/", Host=host)[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:1", "null", "", "http://localhost"])
def test_sockets_of_other_sites_are_refused(server, origin):
    with pytest.raises(exceptions.InvalidStatus, match="403"):
        open_socket(server, origin=origin)


def test_a_socket_with_another_host_is_refused(server):
    with (
        socket.create_connection(("127.0.0.1", server.port)) as raw,
        pytest.raises(exceptions.InvalidStatus, match="403"),
    ):
        client.connect("ws://evil.example/socket", sock=raw, origin="http://evil.example")


def test_messages_are_answered(server):
    with open_socket(server) as connection:
        assert key_of(connection)
        assert ask(connection, tab="networks", type="state").arrays["points"].shape == (500, 4)
        connection.send(encode(Message({"tab": "networks", "type": "step"})))
        assert decode(connection.recv(20)).fields["type"] == "playing"
        assert decode(connection.recv(20)).fields["passes"] == 1


@pytest.mark.parametrize("data", ["", "{", b"\xff" * 9, '{"tab": "networks", "type": "run"}', "[" * 10_000])
def test_wrong_messages_are_answered_by_an_error(server, data):
    with open_socket(server) as connection:
        key_of(connection)
        connection.send(data)
        assert decode(connection.recv(20)).kind == "error"
        assert ask(connection, tab="networks", type="state").kind == "state"


def test_a_message_that_is_too_large_ends_the_connection(server):
    with open_socket(server) as connection:
        key_of(connection)
        with suppress(exceptions.ConnectionClosed):  # if the server closes it while the bytes are on their way
            connection.send(b" " * (LARGEST + 1))
        with pytest.raises(exceptions.ConnectionClosed):
            connection.recv(20)


def test_a_page_that_comes_back_finds_its_net(server):
    with open_socket(server) as connection:
        key = key_of(connection)
        ask(connection, tab="networks", type="set", changes={"shape": [5, 5]})
    with open_socket(server, f"?session={key}") as connection:
        assert key_of(connection) == key
        assert ask(connection, tab="networks", type="state").fields["settings"]["shape"] == [5, 5]


def test_students_train_side_by_side(server):
    with ExitStack() as stack:
        connections = [stack.enter_context(open_socket(server)) for _ in range(4)]
        for connection in connections:
            key_of(connection)
            connection.send(json.dumps({"tab": "networks", "type": "play"}))
        for connection in itertools.chain(*[connections] * 8):
            message = decode(connection.recv(20))
            if message.kind == "frame":
                connection.send(json.dumps({"tab": "networks", "type": "drawn"}))
    assert message.fields["passes"] > 3


@pytest.fixture
def classroom():
    """Return a server for other machines, reached at the address of this machine."""
    server = Server("0.0.0.0", 0)
    server.start()
    yield server
    server.stop()


def test_a_classroom_needs_the_token(classroom):
    assert f"?token={classroom.token}" in classroom.url
    assert get(classroom, "/")[0] == 403
    assert get(classroom, "/?token=wrong")[0] == 403
    assert get(classroom, "/?token=%ff")[0] == 403
    assert get(classroom, f"/?token={classroom.token}", Host="classroom.example")[0] == 200
    with pytest.raises(exceptions.InvalidStatus, match="403"):
        open_socket(classroom)
    with pytest.raises(exceptions.InvalidStatus, match="403"):
        open_socket(classroom, f"?token={classroom.token}", origin="http://evil.example")
    with open_socket(classroom, f"?token={classroom.token}") as connection:
        assert key_of(connection)


def test_a_full_classroom_says_so(classroom, monkeypatch):
    monkeypatch.setattr(classroom.sessions, "_most", 1)
    query = f"?token={classroom.token}"
    with open_socket(classroom, query) as first, open_socket(classroom, query) as second:
        assert key_of(first)
        with pytest.raises(exceptions.ConnectionClosed, match="All places"):
            second.recv(20)


def test_only_this_machine_by_default():
    server = Server(port=0)
    assert server._socket.getsockname()[0] == "127.0.0.1"
    assert (server.token, server.url) == ("", f"http://127.0.0.1:{server.port}/")
    server._socket.close()


def test_a_taken_port(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit, match=f"port {port} of 127.0.0.1 cannot be used"):
            command.main(["--no-browser", "--port", str(port)])


def test_another_port_if_the_usual_port_is_taken(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(module, "PORT", taken.getsockname()[1])
        server = Server()
        assert server.port != taken.getsockname()[1]
        server._socket.close()


@pytest.mark.parametrize("port", ["70000", "-1"])
def test_a_wrong_port(port):
    with pytest.raises(SystemExit, match="port"):
        command.main(["--no-browser", "--port", port])


def test_the_command_serves(monkeypatch, capsys):
    monkeypatch.setattr(Server, "run", lambda self: self._socket.close())
    command.main(["--no-browser", "--port", "0"])
    assert "http://127.0.0.1:" in capsys.readouterr().out


def test_a_missing_extra_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(ImportError, match=r"pip install fastconv\[playground\]"):
        Server()


def test_a_notebook_shows_a_frame():
    frame = playground.show("http://127.0.0.1:8765/#dataset=spiral&noise=5")
    html = frame._repr_html_()
    assert html.startswith("<iframe")
    assert "#dataset=spiral&amp;noise=5" in html
    server = notebook._server()
    assert get(server, "/")[0] == 200
    assert playground.show().url == server.url == frame.url.partition("#")[0]
    server.stop()
    notebook._server.cache_clear()


def test_access_compares_whole_tokens():
    access = Access("0.0.0.0", "abc")
    assert [access.accepts_token(token) for token in ("abc", "ab", "", "abcd", "é")] == [
        True,
        False,
        False,
        False,
        False,
    ]
