"""Base classes of tabs: a tab answers messages, and may train on a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import ClassVar

from fastconv.playground.messages import Message

Push = Callable[[Message], None]
Action = Callable[[Message], "Message | None"]

SECONDS_OF_A_FRAME = 1 / 60
AHEAD = 2  # frames that the page may receive before it has drawn the first of them


class Tab:
    """The server's half of a tab in one student's session.

    Args:
        push: sends a message to the page, from any thread.
    """

    name: ClassVar[str]

    def __init__(self, push: Push) -> None:
        self._push = push
        self.lock = threading.RLock()

    def actions(self) -> Mapping[str, Action]:
        """Return the function that answers each type of message."""
        return {}

    def handle(self, message: Message) -> Message | None:
        """Return the answer to a message, or None if it needs none. Raises ValueError if the message is not valid."""
        action = self.actions().get(message.kind)
        if action is None:
            raise ValueError(f"type: one of {', '.join(self.actions())} is expected. Received: {message.kind[:60]!r}")
        return action(message)

    def answer(self, message: Message) -> None:
        """Push the answer to a message, before any later frame."""
        with self.lock:
            reply = self.handle(message)
            if reply is not None:
                self.push(reply)

    def push(self, message: Message) -> None:
        """Send a message to this tab of the page."""
        self._push(Message({**message.fields, "tab": self.name}, message.arrays))

    def close(self) -> None:
        """Stop all work: the session ends."""


class TrainingTab(Tab):
    """A tab that trains: after "play", a thread alternates `advance` and `frame`.

    The page answers each frame with "drawn". The thread computes at most `AHEAD` frames that are not drawn yet. So
    training waits for a slow or hidden page, and no frame is late.
    """

    def __init__(self, push: Push) -> None:
        super().__init__(push)
        self._credits = threading.BoundedSemaphore(AHEAD)
        self._run: object | None = None  # identifies the thread that may train; None while paused

    def advance(self) -> None:
        """Train between two frames."""
        raise NotImplementedError

    def frame(self) -> Message:
        """Return the message that shows the state of training."""
        raise NotImplementedError

    @property
    def playing(self) -> bool:
        """Return True while the thread trains."""
        return self._run is not None

    def actions(self) -> Mapping[str, Action]:
        return {"play": self.play, "pause": self.pause, "step": self.step, "drawn": self.drawn}

    def play(self, message: Message | None = None) -> Message:
        """Begin to train."""
        if not self.playing:
            self._run = run = object()
            self._credits = threading.BoundedSemaphore(AHEAD)
            threading.Thread(target=self._train, args=(run,), daemon=True, name=f"playground-{self.name}").start()
        return Message({"type": "playing", "playing": True})

    def pause(self, message: Message | None = None) -> Message:
        """Stop to train."""
        self._run = None
        return Message({"type": "playing", "playing": False})

    def step(self, message: Message | None = None) -> Message:
        """Pause, and train until the next frame only."""
        self.push(self.pause())
        self.advance()
        return self.frame()

    def drawn(self, message: Message | None = None) -> None:
        """Note that the page has drawn a frame."""
        with suppress(ValueError):  # a page that answers more frames than it has got
            self._credits.release()

    def close(self) -> None:
        self.pause()

    def _train(self, run: object) -> None:
        credits = self._credits
        while self._run is run:
            started = time.monotonic()
            if credits.acquire(timeout=1):
                self._show_next(run)
            # At least a millisecond, in which `answer` can take the lock.
            time.sleep(max(0.001, SECONDS_OF_A_FRAME - (time.monotonic() - started)))

    def _show_next(self, run: object) -> None:
        with self.lock:
            if self._run is run:
                try:
                    self.advance()
                    self.push(self.frame())
                except Exception as error:
                    self.push(self.pause())
                    self.push(Message({"type": "error", "message": f"Training has stopped: {error}"}))
                    raise
