"""The WebSocket of a page: its messages go to its session, and those of the session go to the page."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from fastconv.playground.access import Access, header
from fastconv.playground.messages import Message, decode, encode
from fastconv.playground.sessions import Session, Sessions

WAITING = 64  # messages to a page that may wait; a page that reads slower is disconnected
SECONDS_TO_CLOSE = 1  # for a page that reads nothing
FULL, FORBIDDEN, SLOW = 4001, 4003, 4008  # codes with which a WebSocket closes


async def serve_page(websocket: Any, access: Access, sessions: Sessions) -> None:
    """Serve a page from its connection to its end."""
    host, origin = (header(websocket.scope, name) for name in (b"host", b"origin"))
    token = websocket.query_params.get("token", "")
    if not (access.accepts_host(host) and access.accepts_origin(origin, host) and access.accepts_token(token)):
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
        await _first_of(outbox.deliver(websocket), _read(websocket, session), outbox.overflow.wait())
        if outbox.overflow.is_set():
            await _close_slow(websocket)
    finally:
        session.leave()


async def _close_slow(websocket: Any) -> None:
    """Close a page that reads too slowly, and do not wait for long until it reads this."""
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(websocket.close(SLOW, "This page reads too slowly."), SECONDS_TO_CLOSE)


async def _left(sessions: Sessions, key: str) -> None:
    """Wait a second at most until no page has this session: a page that is loaded again may come before its end."""
    for _ in range(20):
        if not sessions.has_page(key):
            return
        await asyncio.sleep(0.05)


async def _first_of(*works: Any) -> None:
    """Run coroutines until one of them ends, and stop the others. Raise its error, unless the page has gone."""
    from starlette.websockets import WebSocketDisconnect

    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        with suppress(WebSocketDisconnect):
            for task in done:
                task.result()
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
    """The messages that wait to be sent to a page; `overflow` is set if there are too many."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(WAITING)
        self.overflow = asyncio.Event()

    def put(self, message: Message) -> None:
        """Send a message, from any thread."""
        data = encode(message)
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._add, data)

    def _add(self, data: bytes) -> None:
        if self._queue.full():
            self.overflow.set()
        else:
            self._queue.put_nowait(data)

    async def deliver(self, websocket: Any) -> None:
        """Send messages until the page is closed."""
        while True:
            await websocket.send_bytes(await self._queue.get())
