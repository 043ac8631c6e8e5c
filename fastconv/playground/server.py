"""The server of the playground: the page, its files, and a WebSocket for each student."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import socket
import threading
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from fastconv.playground.digits import Digits
from fastconv.playground.filters import Filters
from fastconv.playground.messages import LARGEST, Message, decode, encode
from fastconv.playground.networks import Networks
from fastconv.playground.sessions import Session, Sessions

TABS = (Networks, Digits, Filters)
STATIC = Path(__file__).parent / "static"
PORT = 8765  # if it is free and no port is given
LOCAL = ("127.0.0.1", "::1", "localhost")
WAITING = 64  # messages to a page that may wait; a page that reads slower is disconnected
FULL, FORBIDDEN, SLOW = 4001, 4003, 4008  # codes with which a WebSocket closes
LOG = logging.getLogger(__name__)

# Pages of a notebook may show the playground in a frame; other sites may not.
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; object-src 'none'; "
    "frame-ancestors 'self' http://localhost:* http://127.0.0.1:*"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class Door:
    """Decides which requests may pass.

    A request must name the server as its host, which sites with a rebound domain name cannot, and a WebSocket must be
    opened by a page of this server. If other machines can reach the server, the page and its WebSocket need the
    token.
    """

    def __init__(self, host: str, token: str) -> None:
        self.local = host in LOCAL
        self.token = token

    def accepts_host(self, host: str) -> bool:
        """True if the header "Host" names this server."""
        return not self.local or _split(f"//{host}").hostname in LOCAL

    def accepts_origin(self, origin: str, host: str) -> bool:
        """True if the header "Origin" of a WebSocket names a page of this server."""
        return _split(origin).netloc == host != ""

    def accepts_token(self, token: str) -> bool:
        """True if no token is needed or `token` is right."""
        return not self.token or hmac.compare_digest(token.encode(), self.token.encode())


def _split(url: str) -> SplitResult:
    """Return the parts of a URL, all empty if it is not well formed."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def application(door: Door, sessions: Sessions) -> Any:
    """Return the application of Starlette that serves the playground."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import FileResponse, PlainTextResponse, Response
    from starlette.routing import Mount, Route, WebSocketRoute
    from starlette.staticfiles import StaticFiles

    async def page(request: Request) -> Response:
        if not door.accepts_token(request.query_params.get("token", "")):
            return PlainTextResponse("This playground needs the whole link, with its token.", 403)
        return FileResponse(STATIC / "index.html")

    async def socket_of_page(websocket: Any) -> None:
        await _serve_page(websocket, door, sessions)

    routes = [
        Route("/", page),
        WebSocketRoute("/socket", socket_of_page),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    return _Guard(Starlette(routes=routes), door)


class _Guard:
    """Refuses requests with another host, and adds the headers of security to each response."""

    def __init__(self, app: Any, door: Door) -> None:
        self._app, self._door = app, door

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.responses import PlainTextResponse

        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] == "http" and not self._door.accepts_host(_header(scope, b"host")):
            return await PlainTextResponse("This host is not served here.", 403)(scope, receive, send)

        async def send_with_headers(event: Any) -> None:
            if event["type"] == "http.response.start":
                event["headers"] += [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
            await send(event)

        await self._app(scope, receive, send_with_headers)


def _header(scope: Any, name: bytes) -> str:
    return str(dict(scope["headers"]).get(name, b"").decode("latin-1"))


async def _serve_page(websocket: Any, door: Door, sessions: Sessions) -> None:
    """Serve a page from its connection to its end."""
    host, origin = (_header(websocket.scope, name) for name in (b"host", b"origin"))
    token = websocket.query_params.get("token", "")
    if not (door.accepts_host(host) and door.accepts_origin(origin, host) and door.accepts_token(token)):
        await websocket.close(FORBIDDEN)
        return
    await websocket.accept()
    outbox = Outbox()
    key = websocket.query_params.get("session", "")
    await _left(sessions, key)
    session = sessions.enter(key, outbox.put)
    if session is None:
        await websocket.close(FULL, "All places of this playground are taken: try again later.")
        return
    outbox.put(Message({"type": "session", "key": session.key}))
    try:
        await _first_of(outbox.deliver(websocket), _read(websocket, session))
    finally:
        session.leave()


async def _left(sessions: Sessions, key: str) -> None:
    """Wait a second at most until no page has this session: a page that is loaded again may come before its end."""
    for _ in range(20):
        if not sessions.has_page(key):
            return
        await asyncio.sleep(0.05)


async def _first_of(*works: Any) -> None:
    """Run coroutines until one of them ends, and stop the others."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(websocket: Any, session: Session) -> None:
    """Answer the messages of a page, one after another, outside the server's own thread."""
    while True:
        event = await websocket.receive()
        if event["type"] == "websocket.disconnect":
            return
        data = event.get("text") or event.get("bytes") or ""
        try:
            message = decode(data)
        except ValueError as error:
            session.refuse(str(error))
        else:
            await asyncio.to_thread(session.answer, message)


class Outbox:
    """The messages that wait to be sent to a page."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()

    def put(self, message: Message) -> None:
        """Send a message, from any thread."""
        data = encode(message)
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._queue.put_nowait, data)

    async def deliver(self, websocket: Any) -> None:
        """Send messages until the page reads too slowly or is closed."""
        while self._queue.qsize() <= WAITING:
            await websocket.send_bytes(await self._queue.get())
        await websocket.close(SLOW, "This page reads too slowly.")


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
        app = application(Door(host, self.token), self.sessions)
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
