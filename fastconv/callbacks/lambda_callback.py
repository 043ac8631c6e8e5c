"""Functions as a callback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastconv.callbacks.callback import Callback


class LambdaCallback(Callback):
    """Functions for some of the stages, by the names of `Callback`'s methods, with their arguments.

    Args:
        on_epoch_begin, on_epoch_end: functions of the number of the epoch and of logs.
        on_train_begin, on_train_end: functions of logs.
        on_train_batch_begin, on_train_batch_end: functions of the number of the batch and of logs.
        others: functions for other stages.

    Raises:
        TypeError: a name that is none of a stage.
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **others: Callable[..., Any] | None,
    ) -> None:
        super().__init__()
        functions = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **others,
        }
        unknown = [name for name in functions if not (name.startswith("on_") and hasattr(Callback, name))]
        if unknown:
            raise TypeError(f"LambdaCallback: there are no such stages. Received: {', '.join(unknown)}")
        vars(self).update({name: function for name, function in functions.items() if function is not None})
