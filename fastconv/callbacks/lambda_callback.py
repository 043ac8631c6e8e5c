"""Functions as a callback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastconv.callbacks.callback import Callback


class LambdaCallback(Callback):
    """Functions for some of the stages, by the names of `Callback`'s methods, with their arguments.

    Args:
        functions: ``on_epoch_end=lambda epoch, logs: ...`` and the like.

    Raises:
        TypeError: a name that is none of a stage.
    """

    def __init__(self, **functions: Callable[..., Any] | None) -> None:
        super().__init__()
        unknown = [name for name in functions if not (name.startswith("on_") and hasattr(Callback, name))]
        if unknown:
            raise TypeError(f"LambdaCallback: there are no such stages. Received: {', '.join(unknown)}")
        vars(self).update({name: function for name, function in functions.items() if function is not None})
