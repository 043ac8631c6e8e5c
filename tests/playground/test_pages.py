"""The WebSocket of a page, without a network."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from fastconv.playground import pages
from fastconv.playground.access import Access
from fastconv.playground.messages import Message
from fastconv.playground.sessions import Sessions
from fastconv.playground.tab import Tab

pytest.importorskip("starlette")


class Echo(Tab):
    """A tab that answers."""

    name = "echo"

    def actions(self):
        return {"say": lambda message: Message({"type": "said"})}


class Page:
    """A WebSocket that sends the same message until it is closed, and reads `reads` messages."""

    def __init__(self, message, reads):
        self.scope = {"headers": [(b"host", b"localhost"), (b"origin", b"http://localhost")]}
        self.query_params = {}
        self.message, self.reads = message, reads
        self.answered, self.code = 0, None

    async def accept(self):
        pass

    async def receive(self):
        await asyncio.sleep(0)
        self.answered += 1
        return {"type": "websocket.receive", "text": self.message}

    async def send_bytes(self, data):
        self.reads -= 1
        while self.reads < 0:
            await asyncio.sleep(0.01)

    async def close(self, code, reason=""):
        self.code = code
        while self.reads < 0:
            await asyncio.sleep(0.01)


def serve(page):
    async def bounded():
        await asyncio.wait_for(pages.serve_page(page, Access("localhost", ""), Sessions((Echo,))), 20)

    with ThreadPoolExecutor() as pool:  # since the browser of other tests has a running loop in this thread
        pool.submit(asyncio.run, bounded()).result()


def test_a_page_that_reads_nothing_is_closed(monkeypatch):
    monkeypatch.setattr(pages, "SECONDS_TO_CLOSE", 0.1)
    page = Page('{"tab": "echo", "type": "say"}', reads=2)
    serve(page)
    assert page.code == pages.SLOW
    assert pages.WAITING <= page.answered < pages.WAITING + 100


def test_faults_are_not_hidden():
    class Broken(Page):
        async def receive(self):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        serve(Broken("", reads=1000))
