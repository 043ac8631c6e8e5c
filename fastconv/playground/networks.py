"""The Networks tab: small dense nets on points of the plane."""

from __future__ import annotations

from collections.abc import Mapping

from fastconv.playground.messages import Message
from fastconv.playground.tab import Action, TrainingTab


class Networks(TrainingTab):
    """The Networks tab of one student."""

    name = "networks"

    def actions(self) -> Mapping[str, Action]:
        return {**super().actions(), "state": self.state}

    def state(self, message: Message) -> Message:
        """Return the whole state, which the page asks for when it opens the tab."""
        return Message({"type": "state", "playing": self.playing})

    def advance(self) -> None:
        """Train for one pass over the training points."""

    def frame(self) -> Message:
        return Message({"type": "frame"})
