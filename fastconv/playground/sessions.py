"""Sessions: one for each student who has the page open, in a bounded number."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable

from fastconv.playground.fields import choice
from fastconv.playground.messages import Message
from fastconv.playground.tab import Push, Tab

LOG = logging.getLogger(__name__)
Tabs = tuple[type[Tab], ...]


class Session:
    """The tabs of one student. They outlive a lost connection, so that a page that is loaded again finds them."""

    def __init__(self, tabs: Tabs, clock: Callable[[], float]) -> None:
        self.key = secrets.token_urlsafe(16)
        self.send: Push | None = None  # None while no page is connected
        self._clock = clock
        self.left = clock()
        self.tabs = {tab.name: tab(self._push) for tab in tabs}

    def _push(self, message: Message) -> None:
        send = self.send
        if send is not None:
            send(message)

    def answer(self, message: Message) -> None:
        """Let the tab that a message names answer it; errors of the message are answers too."""
        name: str | None = None
        try:
            name = choice("tab", message.fields.get("tab"), self.tabs)
            self.tabs[name].answer(message)
        except (ValueError, RecursionError) as error:  # a list of lists of lists ... is too deep to be quoted
            self.refuse(str(error), name)
        except Exception as error:
            LOG.exception("playground: a message of type %r to the tab %s failed", message.kind[:60], name)
            self.refuse(f"The playground has made an error: {error}", name)

    def refuse(self, error: str, tab: str | None = None) -> None:
        """Send an error to the page."""
        self._push(Message({"type": "error", "tab": tab, "message": error[:500]}))

    def leave(self) -> None:
        """Note that the page is no longer connected."""
        self.send, self.left = None, self._clock()

    def close(self) -> None:
        """Stop the work of all tabs."""
        self.send = None
        for tab in self.tabs.values():
            tab.close()


class Sessions:
    """All sessions of a server.

    Args:
        tabs: the classes of the tabs.
        most: the largest number of sessions. If a further student comes, the session that has been without a page for
            the longest time ends.
        seconds: a session without a page ends after this time.
        clock: returns the time in seconds.
    """

    def __init__(
        self, tabs: Tabs, most: int = 64, seconds: float = 1800, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tabs, self._most, self._seconds, self._clock = tabs, most, seconds, clock
        self._sessions: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def has_page(self, key: str) -> bool:
        """Return True if a page is connected to the session with this key."""
        session = self._sessions.get(key)
        return session is not None and session.send is not None

    def enter(self, key: str, send: Push) -> Session | None:
        """Connect a page to the session that it had, or to a new session; return None if all places are taken.

        A session with a page keeps it: a second page with the same key gets a session of its own.
        """
        self._end_old()
        session = self._sessions.get(key)
        if session is None or session.send is not None:
            session = self._new()
        if session is not None:
            session.send = send
        return session

    def _new(self) -> Session | None:
        if len(self._sessions) >= self._most:
            waiting = [session for session in self._sessions.values() if session.send is None]
            if not waiting:
                return None
            self._end(min(waiting, key=lambda session: session.left))
        session = Session(self._tabs, self._clock)
        self._sessions[session.key] = session
        return session

    def _end_old(self) -> None:
        for session in list(self._sessions.values()):
            if session.send is None and self._clock() - session.left > self._seconds:
                self._end(session)

    def _end(self, session: Session) -> None:
        del self._sessions[session.key]
        session.close()

    def close(self) -> None:
        """End all sessions."""
        for session in list(self._sessions.values()):
            self._end(session)
