"""Files of events for TensorBoard."""

from __future__ import annotations

import os
from typing import Any

from fastconv.utils.files import naming_file


class EventsFile:
    """A file of events, each written by the thread that has it, so that an error, as of a full disk, is raised there.

    It takes the place of the writer of tensorboardX, whose thread ends at an error; then the training would wait for it
    without end.

    Args:
        folder: where the file is made; named in errors.
    """

    def __init__(self, folder: str) -> None:
        from tensorboardX.event_file_writer import EventsWriter

        self.folder = folder
        with naming_file(folder):
            self._events: Any = EventsWriter(os.path.join(folder, "events"))

    def add_event(self, event: Any) -> None:
        """Write an event. Raises OSError with the folder's name."""
        with naming_file(self.folder):
            self._events.write_event(event)

    def flush(self) -> None:
        """Let all that was written be on the disk."""
        if self._events is not None:
            with naming_file(self.folder):
                self._events.flush()

    def close(self) -> None:
        """End the file; at the second time, do nothing."""
        events, self._events = self._events, None
        if events is not None:
            with naming_file(self.folder):
                events.close()


def summary_writer(folder: str) -> Any:
    """Return a writer of tensorboardX that writes to an `EventsFile` in `folder`, which is made."""
    import tensorboardX

    with naming_file(folder):
        writer = tensorboardX.SummaryWriter(folder)
    writer.file_writer.event_writer.close()
    writer.file_writer.event_writer = EventsFile(folder)
    return writer
