"""Callback made of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastconv.callbacks.callback import Callback


class LambdaCallback(Callback):
    """A callback made of functions, each named by the method of `Callback` that it replaces.

    Args:
        on_epoch_begin, on_epoch_end: functions of the epoch and logs. Default: None.
        on_train_begin, on_train_end: functions of logs. Default: None.
        on_train_batch_begin, on_train_batch_end: functions of the batch and logs. Default: None.
        others: functions for other stages.

    Raises:
        TypeError: a name is not the name of a stage.

    Example:
        >>> model = Sequential([Input((2,)), layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> tell = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, *logs))
        >>> history = model.fit(np.zeros((8, 2)), np.zeros((8, 1)), epochs=2, verbose=0, callbacks=[tell])
        0 loss
        1 loss
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
            raise TypeError(f"LambdaCallback: names must be stages of a Callback. Received: {', '.join(unknown)}")
        vars(self).update({name: function for name, function in functions.items() if function is not None})
