"""The playground inside a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from html import escape

from fastconv.playground.server import Server


@dataclass(frozen=True)
class Frame:
    """A page that a notebook shows in a frame.

    Args:
        url: the address of the page.
        height: the height of the frame, in pixels.
    """

    url: str
    height: int = 860

    def _repr_html_(self) -> str:
        style = f"width: 100%; height: {self.height}px; border: 0"
        return f'<iframe src="{escape(self.url)}" style="{style}" allow="camera; clipboard-write"></iframe>'


@cache
def _server() -> Server:
    server = Server()
    server.start()
    return server


def show(link: str = "", height: int = 860) -> Frame:
    """Return the playground as the result of a notebook's cell.

    The first call starts a server, which runs until the notebook's kernel ends. It serves this machine only, so the
    notebook must run on the machine of the browser.

    Args:
        link: a link to the playground, as "Copy link" gives it, or its part after #. "" opens a new net.
        height: the height of the frame, in pixels.

    Returns:
        A frame that notebooks display.

    Raises:
        ImportError: if the extra `playground` is not installed.

    Example:
        >>> from fastconv import playground
        >>> frame = playground.show("#dataset=spiral&networkShape=8,8")  # doctest: +SKIP
    """
    _, _, settings = link.rpartition("#")
    return Frame(_server().url + (f"#{settings}" if settings else ""), height)
