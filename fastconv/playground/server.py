"""The server of the playground, in the foreground or on a thread."""

from __future__ import annotations

import secrets
import socket
import threading
import webbrowser
from contextlib import suppress
from typing import Any

from fastconv.playground.access import LOCAL, Access
from fastconv.playground.application import application
from fastconv.playground.digits import Digits
from fastconv.playground.filters import Filters
from fastconv.playground.messages import LARGEST
from fastconv.playground.networks import Networks
from fastconv.playground.sessions import Sessions

TABS = (Networks, Digits, Filters)
PORT = 8765  # if it is free and no port is given


class Server:
    """A playground that is served from a thread of its own.

    Args:
        host: the address to serve on.
        port: the port, or None for 8765 if it is free and any other free port if not.

    Raises:
        ImportError: if the extra `playground` is not installed.
        OSError: if the port is taken.
        ValueError: if the port is no integer from 0 to 65535.
    """

    def __init__(self, host: str = "127.0.0.1", port: int | None = None) -> None:
        uvicorn = _uvicorn()
        self._socket = _listen(host, port)
        self.host, self.port = host, int(self._socket.getsockname()[1])
        self.token = "" if host in LOCAL else secrets.token_urlsafe(9)
        self.sessions = Sessions(TABS)
        app = application(Access(host, self.token), self.sessions)
        settings = uvicorn.Config(
            app,
            log_level="warning",
            ws="websockets-sansio",
            ws_max_size=LARGEST,
            ws_per_message_deflate=host not in LOCAL,  # the network is slower than zlib, this machine is not
            lifespan="off",
            server_header=False,
        )
        self._server = uvicorn.Server(settings)

    @property
    def url(self) -> str:
        """The address of the page, with the token if it needs one."""
        host = _own_address() if self.host in ("0.0.0.0", "::") else self.host
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.port}/" + (f"?token={self.token}" if self.token else "")

    def run(self) -> None:
        """Serve until Ctrl-C."""
        try:
            with suppress(KeyboardInterrupt):
                self._server.run(sockets=[self._socket])
        finally:
            self.sessions.close()

    def start(self) -> None:
        """Serve from a thread, and return when the page can be loaded."""
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True, name="playground")
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            self._thread.join(0.01)

    def stop(self) -> None:
        """End all sessions and stop the thread."""
        self.sessions.close()
        self._server.should_exit = True
        self._thread.join(10)


def _uvicorn() -> Any:
    try:
        import starlette  # noqa: F401 - missing extras raise errors before the port opens
        import uvicorn
        import websockets  # noqa: F401
    except ImportError as error:
        raise ImportError("The playground needs Starlette and uvicorn: pip install fastconv[playground]") from error
    return uvicorn


def _listen(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens on a port, or on any port if `port` is None and 8765 is taken."""
    if port is not None and not 0 <= port < 65536:
        raise ValueError(f"playground: a port is an integer from 0 to 65535. Received: {port}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, PORT if port is None else port), family=family)
    except OSError as error:
        if port is None:
            return socket.create_server((host, 0), family=family)
        raise OSError(f"playground: port {port} of {host} cannot be used ({error.strerror}); try --port 0") from error


def _own_address() -> str:
    """Return the address under which other machines of the network reach this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for examples: this chooses a route and sends nothing
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()


def serve(host: str = "127.0.0.1", port: int | None = None, browser: bool = True) -> None:
    """Serve the playground until Ctrl-C, as `python -m fastconv.playground` does.

    Args:
        host: the address to serve on. Other machines reach the playground only if it is an address of the network,
            such as "0.0.0.0"; the link then has a token.
        port: the port, or None for 8765 if it is free and any other free port if not.
        browser: True to open the page in a browser.

    Raises:
        ImportError: if the extra `playground` is not installed.
        OSError: if the port is taken.
        ValueError: if the port is no integer from 0 to 65535.

    Example:
        >>> from fastconv import playground
        >>> playground.serve()  # doctest: +SKIP
    """
    server = Server(host, port)
    print(f"The playground of fastconv is at {server.url} (Ctrl-C ends it)", flush=True)
    if browser:
        threading.Timer(0.5, webbrowser.open, [server.url]).start()
    server.run()
