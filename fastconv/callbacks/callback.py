"""What is told of the progress of training, and several of these as one."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from fastconv.callbacks.late import LateLogs

Logs = Mapping[str, Any] | None


class Callback:
    """Methods that fit, evaluate and predict call at each stage; override those of interest.

    Attributes:
        model: the model that is trained.
        params: "verbose", "epochs" and "steps" of this call; None where they are not known.
        companions: all callbacks of this call.
    """

    looks_at_once = False  # whether it looks at a batch's `logs` before the next step, if ever; or else it gets a dict
    STATE: tuple[str, ...] = ()  # attributes, of plain data and arrays, that `BackupAndRestore` is to keep
    comes_last = False  # whether it is told of each stage after all those of which this is not true

    def __init__(self) -> None:
        self.model: Any = None
        self.params: dict[str, Any] = {}
        self.companions: list[Callback] = []

    def set_model(self, model: Any) -> None:
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def on_train_begin(self, logs: Logs = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs = None) -> None:
        """After the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Before an epoch; the first one is 0."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """After an epoch and its validation; `logs` holds its loss and metrics, with "val_" before validation's."""

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Before a step of training; the first one of an epoch is 0."""

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After a step of training; `logs` holds the loss and metrics of the epoch so far."""

    def on_test_begin(self, logs: Logs = None) -> None:
        """Before evaluation or validation."""

    def on_test_end(self, logs: Logs = None) -> None:
        """After evaluation or validation."""

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Before a batch of evaluation or validation."""

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After a batch of evaluation or validation."""

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Before prediction."""

    def on_predict_end(self, logs: Logs = None) -> None:
        """After prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Before a batch of prediction."""

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After a batch of prediction."""

    def on_exception(self) -> None:
        """When an exception ends fit, evaluate or predict, in place of the methods that would have followed."""


def is_count(value: Any) -> bool:
    """Whether `value` is an int of at least 1; True is none."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


class CallbackList(Callback):
    """Several callbacks as one; each is told in turn, also of an exception inside `with`.

    Args:
        callbacks: the callbacks.
        model: their model.
        params: their parameters.
    """

    def __init__(
        self, callbacks: Iterable[Callback] = (), model: Any = None, params: dict[str, Any] | None = None
    ) -> None:
        super().__init__()
        self.callbacks = sorted(callbacks, key=lambda callback: callback.comes_last)
        for callback in self.callbacks:
            callback.companions = self.callbacks
        self.set_model(model)
        self.set_params(params or {})

    def __enter__(self) -> CallbackList:
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        if kind is not None:
            self.on_exception()


def _tell_all(name: str) -> Any:
    own = getattr(Callback, name)
    takes = len(inspect.signature(own).parameters) - 1  # without self
    nothing = own if name.startswith("on_") else None

    def tell(self: CallbackList, *args: Any) -> None:
        args = args if len(args) == takes else (*args, {})  # no logs
        for callback in self.callbacks:
            method = getattr(callback, name)
            if getattr(method, "__func__", None) is not nothing:
                method(*(args if callback.looks_at_once else map(_found, args)))

    return tell


def _found(arg: Any) -> Any:
    """What is told of a stage, with logs that are found late as they are now."""
    return arg.data if isinstance(arg, LateLogs) else arg


for _name in [name for name in vars(Callback) if name.startswith(("on_", "set_"))]:
    setattr(CallbackList, _name, _tell_all(_name))
