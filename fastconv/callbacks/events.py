"""Event files for TensorBoard."""

from __future__ import annotations

import os
from typing import Any

from fastconv.utils.files import naming_file


class EventsFile:
    """An event file that the calling thread writes, so that errors (for example a full disk) are raised there.

    It replaces the writer of tensorboardX, whose own thread dies at an error, after which training would hang.

    Args:
        folder: the folder of the file; named in errors.
    """

    def __init__(self, folder: str) -> None:
        from tensorboardX.event_file_writer import EventsWriter

        self.folder = folder
        with naming_file(folder):
            self._events: Any = EventsWriter(os.path.join(folder, "events"))

    def add_event(self, event: Any) -> None:
        """Write an event. An OSError names the folder."""
        with naming_file(self.folder):
            self._events.write_event(event)

    def flush(self) -> None:
        """Flush all written events to the disk."""
        if self._events is not None:
            with naming_file(self.folder):
                self._events.flush()

    def close(self) -> None:
        """Close the file; if it is closed, do nothing."""
        events, self._events = self._events, None
        if events is not None:
            with naming_file(self.folder):
                events.close()


def summary_writer(folder: str) -> Any:
    """Create `folder`, and return a tensorboardX writer whose events go to an `EventsFile` in it."""
    import tensorboardX

    with naming_file(folder):
        writer = tensorboardX.SummaryWriter(folder)
    writer.file_writer.event_writer.close()
    writer.file_writer.event_writer = EventsFile(folder)
    return writer
