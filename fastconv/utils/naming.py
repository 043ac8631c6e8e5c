"""Names for what is not given one."""

from __future__ import annotations

import threading
from collections import Counter

from fastconv.serialization import snake_case

_names: Counter[str] = Counter()
_names_lock = threading.Lock()


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
