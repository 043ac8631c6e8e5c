"""A callback, which is told of the progress of training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastconv.arguments import LARGEST, is_integer, number_of

Logs = Mapping[str, Any] | None


class Callback:
    """Methods that fit, evaluate and predict call at each stage; override those of interest.

    Attributes:
        model: the model that is trained.
        params: "verbose", "epochs" and "steps" of this call, None for unknown numbers; None before there was a call.
        companions: all callbacks of this call.
    """

    looks_at_once = False  # whether it looks at a batch's `logs` before the next step, if ever; or else it gets a dict
    STATE: tuple[str, ...] = ()  # attributes, of plain data and arrays, that `BackupAndRestore` is to keep
    comes_last = False  # whether it is told of each stage after all those of which this is not true

    _model: Any = None
    params: dict[str, Any] | None = None
    companions: list[Callback] = []  # noqa: RUF012 - replaced when a call begins, never changed

    def __init__(self) -> None:
        """A subclass need not call it."""

    @property
    def model(self) -> Any:
        """The model that is trained."""
        return self._model

    @model.setter
    def model(self, model: Any) -> None:
        self._model = model

    def set_model(self, model: Any) -> None:
        """Take note of the model, before the first stage."""
        self._model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Take note of the parameters of the call, before the first stage."""
        self.params = params

    def on_train_begin(self, logs: Logs = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs = None) -> None:
        """After the last epoch; `logs` are those of its `on_epoch_end`."""

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Before an epoch; the first one is 0."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """After an epoch and its validation; `logs` holds its loss and metrics, with "val_" before validation's."""

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """The former name of `on_train_batch_begin`, which calls it."""

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """The former name of `on_train_batch_end`, which calls it."""

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Before a step of training; the first one of an epoch is 0."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After a step of training; `logs` holds the loss and metrics of the epoch so far."""
        self.on_batch_end(batch, logs=logs)

    def on_test_begin(self, logs: Logs = None) -> None:
        """Before evaluation or validation."""

    def on_test_end(self, logs: Logs = None) -> None:
        """After evaluation or validation; `logs` holds its loss and metrics."""

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Before a batch of evaluation or validation."""

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After a batch of evaluation or validation; `logs` holds the loss and metrics so far."""

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Before prediction."""

    def on_predict_end(self, logs: Logs = None) -> None:
        """After prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Before a batch of prediction."""

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After a batch of prediction; `logs["outputs"]` holds its outputs."""

    def on_exception(self) -> None:
        """When an exception ends fit, evaluate or predict, in place of the methods that would have followed."""


def as_frequency(callback: Any, name: str, value: Any, *words: str) -> str | int:
    """`value`, one of `words` or a number of batches, as a string or an int.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(value, str) and value in words:
        return value
    number = number_of(value)
    if not is_integer(number) or not 1 <= number <= LARGEST:
        rule = f"{', '.join(map(repr, words))} or an int of at least 1"
        raise ValueError(f"{type(callback).__name__}: {name} must be {rule}. Received: {name}={value!r}")
    return int(number)
