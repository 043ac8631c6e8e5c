"""Names of layers, models and optimizers that are created without a name."""

from __future__ import annotations

import os
import threading
from collections import Counter

from fastconv.serialization import snake_case

_names: Counter[str] = Counter()
_names_lock = threading.Lock()
if hasattr(os, "register_at_fork"):  # a child process must not wait for a thread that only its parent has
    os.register_at_fork(
        before=_names_lock.acquire, after_in_parent=_names_lock.release, after_in_child=_names_lock.release
    )


def unique_name(class_name: str) -> str:
    """Return conv2d, conv2d_1, conv2d_2, ... for the class name Conv2D."""
    words = snake_case(class_name)
    with _names_lock:
        number = _names[words]
        _names[words] += 1
    return f"{words}_{number}" if number else words


def clear_session(free_memory: bool = True) -> None:
    """Restart the numbers in the names of layers and models.

    Args:
        free_memory: ignored, since there is nothing else to free. Default: True.

    Example:
        >>> clear_session()
        >>> layers.Dense(1).name, layers.Dense(1).name
        ('dense', 'dense_1')
    """
    with _names_lock:
        _names.clear()
