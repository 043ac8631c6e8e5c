"""The text that a call prints, by C code too."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from typing import Any


def printed_by(call: Callable[[], Any]) -> str:
    """Return the text that `call` writes to the standard output of this process."""
    sys.stdout.flush()
    former = os.dup(1)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)
        try:
            call()
            sys.stdout.flush()
        finally:
            os.dup2(former, 1)
            os.close(former)
        file.seek(0)
        return file.read().decode(errors="replace")
