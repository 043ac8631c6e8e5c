"""Names for what is not given one."""

from __future__ import annotations

import os
import threading
from collections import Counter

from fastconv.serialization import snake_case

_names: Counter[str] = Counter()
_names_lock = threading.Lock()
if hasattr(os, "register_at_fork"):  # a child must not wait for a thread that only the parent has
    os.register_at_fork(
        before=_names_lock.acquire, after_in_parent=_names_lock.release, after_in_child=_names_lock.release
    )


def unique_name(class_name: str) -> str:
    """conv2d, conv2d_1, conv2d_2, ... for Conv2D."""
    words = snake_case(class_name)
    with _names_lock:
        number = _names[words]
        _names[words] += 1
    return f"{words}_{number}" if number else words


def clear_session(free_memory: bool = True) -> None:
    """Begin the numbers in layers' names again; `free_memory` is accepted as Keras does, nothing else is kept."""
    with _names_lock:
        _names.clear()
