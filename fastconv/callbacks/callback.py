"""Base class of callbacks."""

from __future__ import annotations

from typing import Any, TypeAlias

from fastconv.arguments import LARGEST, is_integer, number_of
from fastconv.typing import AnyModel

Logs: TypeAlias = Any  # a mapping from names to numbers, or None; subclasses may take a dict


class Callback:
    """Base class of callbacks: fit, evaluate and predict call its methods at each stage.

    Override the methods of the stages that matter. `logs` maps names of metrics to their values.

    Attributes:
        model: the model that is trained.
        params: dict with "verbose", "epochs" and "steps" of the current call; an unknown number is None. The dict is
            None before the first call.
        companions: list of all callbacks of the current call.

    Example:
        >>> class CountBatches(callbacks.Callback):
        ...     batches = 0
        ...     def on_train_batch_end(self, batch, logs=None):
        ...         self.batches += 1
        >>> model = Sequential([Input((2,)), layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> counter = CountBatches()
        >>> history = model.fit(np.zeros((8, 2)), np.zeros((8, 1)), batch_size=2, verbose=0, callbacks=[counter])
        >>> counter.batches
        4
    """

    looks_at_once = False  # if True, it gets `LazyLogs`, to be read before the next step; if False, a dict
    STATE: tuple[str, ...] = ()  # attributes, of plain data and arrays, that `BackupAndRestore` saves
    comes_last = False  # whether callbacks without this flag are called first at each stage

    _model: Any = None
    params: dict[str, Any] | None = None
    companions: list[Callback] = []  # noqa: RUF012 - replaced when a call begins, never changed

    def __init__(self) -> None:
        """Do nothing; subclasses need not call this method."""

    @property
    def model(self) -> AnyModel:
        """The model that is trained."""
        return self._model

    @model.setter
    def model(self, model: AnyModel) -> None:
        self._model = model

    def set_model(self, model: AnyModel) -> None:
        """Set the model. Called before the first stage."""
        self._model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Set the parameters of the call. Called before the first stage."""
        self.params = params

    def on_train_begin(self, logs: Logs = None) -> None:
        """Called before the first epoch."""

    def on_train_end(self, logs: Logs = None) -> None:
        """Called after the last epoch; `logs` are the logs of its `on_epoch_end`."""

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Called before an epoch; epochs count from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Called after an epoch and its validation; `logs` holds the loss and metrics, with "val_" for validation."""

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called by `on_train_batch_begin`; its name in Keras 2."""

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called by `on_train_batch_end`; its name in Keras 2."""

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before a training step; the batches of an epoch count from 0."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after a training step; `logs` holds the loss and metrics of the epoch so far."""
        self.on_batch_end(batch, logs=logs)

    def on_test_begin(self, logs: Logs = None) -> None:
        """Called before evaluation or validation."""

    def on_test_end(self, logs: Logs = None) -> None:
        """Called after evaluation or validation; `logs` holds the loss and metrics."""

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before a batch of evaluation or validation."""

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after a batch of evaluation or validation; `logs` holds the loss and metrics so far."""

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Called before prediction."""

    def on_predict_end(self, logs: Logs = None) -> None:
        """Called after prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before a batch of prediction."""

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after a batch of prediction; `logs["outputs"]` holds its outputs."""

    def on_exception(self) -> None:
        """Called when an exception ends fit, evaluate or predict, instead of the remaining stages."""


def as_frequency(callback: object, name: str, value: object, *words: str) -> str | int:
    """Return `value`, a member of `words` or a number of batches, as a string or an int.

    Raises:
        ValueError: `value` is neither.
    """
    if isinstance(value, str) and value in words:
        return value
    number = number_of(value)
    if not is_integer(number) or not 1 <= number <= LARGEST:
        rule = f"{', '.join(map(repr, words))} or an int of at least 1"
        raise ValueError(f"{type(callback).__name__}: {name} must be {rule}. Received: {name}={value!r}")
    return int(number)
