"""Which requests may pass, and the headers that keep the page to itself."""

from __future__ import annotations

import hmac
from typing import Any
from urllib.parse import SplitResult, urlsplit

LOCAL = ("127.0.0.1", "::1", "localhost")

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


class Access:
    """Decides which requests may pass.

    A request must name the server as its host, which sites with a rebound domain name cannot, and a WebSocket must be
    opened by a page of this server. If other machines can reach the server, the page and its WebSocket need the
    token.
    """

    def __init__(self, host: str, token: str) -> None:
        self.local = host in LOCAL
        self.token = token

    def accepts_host(self, host: str) -> bool:
        """Return True if the header "Host" names this server."""
        return not self.local or _split(f"//{host}").hostname in LOCAL

    def accepts_origin(self, origin: str, host: str) -> bool:
        """Return True if the header "Origin" of a WebSocket names a page of this server."""
        return _split(origin).netloc == host != ""

    def accepts_token(self, token: str) -> bool:
        """Return True if no token is needed or `token` is right."""
        return not self.token or hmac.compare_digest(token.encode(), self.token.encode())


def _split(url: str) -> SplitResult:
    """Return the parts of a URL, all empty if it is not well formed."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def header(scope: Any, name: bytes) -> str:
    """Return a header of a request, "" if it is missing."""
    return str(dict(scope["headers"]).get(name, b"").decode("latin-1"))


class Guard:
    """Refuses requests with another host, and adds the headers of security to each response."""

    def __init__(self, app: Any, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.responses import PlainTextResponse

        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] == "http" and not self._access.accepts_host(header(scope, b"host")):
            return await PlainTextResponse("This host is not served here.", 403)(scope, receive, send)

        async def send_with_headers(event: Any) -> None:
            if event["type"] == "http.response.start":
                event["headers"] += [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
            await send(event)

        await self._app(scope, receive, send_with_headers)
