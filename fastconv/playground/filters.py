"""The Filters tab: kernels on pictures."""

from __future__ import annotations

from collections.abc import Mapping

from fastconv.playground.messages import Message
from fastconv.playground.tab import Action, Tab


class Filters(Tab):
    """The Filters tab of one student."""

    name = "filters"

    def actions(self) -> Mapping[str, Action]:
        return {"state": self.state}

    def state(self, message: Message) -> Message:
        """Return the whole state, which the page asks for when it opens the tab."""
        return Message({"type": "state"})
