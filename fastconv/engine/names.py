"""Names of layers for the calls that they record, so that a profile can tell which layer a step belongs to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Names(threading.local):
    """The name that a trace gives to the calls recorded now, in this Python thread.

    Attributes:
        path: the names of the layers that are being called, the outermost first, joined by slashes; empty outside of
            layers; None if nothing is named, as in eager calls.
    """

    path: str | None = None

    @contextmanager
    def given(self, path: str | None) -> Iterator[None]:
        """Name the calls of a block `path`."""
        outer, self.path = self.path, path
        try:
            yield
        finally:
            self.path = outer

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Add `name` to the path of the calls of a block, if calls are named."""
        with self.given(None if self.path is None else f"{self.path}/{name}".lstrip("/")):
            yield


NAMES = Names()
