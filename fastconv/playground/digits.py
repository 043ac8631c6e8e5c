"""The CNN tab: LeNet on digits."""

from __future__ import annotations

from collections.abc import Mapping

from fastconv.playground.messages import Message
from fastconv.playground.tab import Action, TrainingTab


class Digits(TrainingTab):
    """The CNN tab of one student."""

    name = "digits"

    def actions(self) -> Mapping[str, Action]:
        return {**super().actions(), "state": self.state}

    def state(self, message: Message) -> Message:
        """Return the whole state, which the page asks for when it opens the tab."""
        return Message({"type": "state", "playing": self.playing})

    def advance(self) -> None:
        """Train on a few batches."""

    def frame(self) -> Message:
        return Message({"type": "frame"})
