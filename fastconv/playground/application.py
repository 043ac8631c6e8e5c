"""The application of Starlette: the page, its files, and a WebSocket for each page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastconv.playground.access import Access, Guard
from fastconv.playground.pages import serve_page
from fastconv.playground.sessions import Sessions

STATIC = Path(__file__).parent / "static"


def application(access: Access, sessions: Sessions) -> Any:
    """Return the application of Starlette that serves the playground."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import FileResponse, PlainTextResponse, Response
    from starlette.routing import Mount, Route, WebSocketRoute
    from starlette.staticfiles import StaticFiles

    async def page(request: Request) -> Response:
        if not access.accepts_token(request.query_params.get("token", "")):
            return PlainTextResponse("This playground needs the whole link, with its token.", 403)
        return FileResponse(STATIC / "index.html")

    async def socket_of_page(websocket: Any) -> None:
        await serve_page(websocket, access, sessions)

    routes = [
        Route("/", page),
        WebSocketRoute("/socket", socket_of_page),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    return Guard(Starlette(routes=routes), access)
