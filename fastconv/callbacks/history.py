"""Callbacks that record and print the progress of training."""

from __future__ import annotations

from typing import Any

import fastconv.engine.hooks as hooks
from fastconv.callbacks.callback import Callback, Logs
from fastconv.utils.progbar import Progbar


class History(Callback):
    """Record the logs of all epochs; `fit` returns this callback.

    Values are Python numbers, or lists of numbers for metrics with several values, so that JSON can store them.

    Attributes:
        epoch: list of the epochs' numbers.
        history: dict from the name of each quantity to the list of its values.

    Example:
        >>> model = Sequential([Input((2,)), layers.Dense(1, kernel_initializer="zeros")])
        >>> model.compile("sgd", "mse")
        >>> history = model.fit(np.zeros((8, 2)), np.zeros((8, 1)), epochs=2, verbose=0)
        >>> history.epoch, history.history
        ([0, 1], {'loss': [0.0, 0.0]})
    """

    STATE = ("epoch", "history")

    def __init__(self) -> None:
        super().__init__()
        self.epoch: list[int] = []
        self.history: dict[str, list[Any]] = {}

    def on_train_begin(self, logs: Logs = None) -> None:
        self.epoch = []
        self.history = {}

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value.tolist() if hasattr(value, "tolist") else value)

    def _repr_html_(self) -> str:
        """Return the learning curves for notebooks, or a table of the epochs if Matplotlib is not installed."""
        html: str = hooks.find("history_html")(self)
        return html


class ProgbarLogger(Callback):
    """Print a progress bar for each epoch of training, or for a separate evaluation or prediction.

    `fit`, `evaluate` and `predict` add this callback unless verbose is 0.

    Example:
        >>> bar = callbacks.ProgbarLogger()
        >>> bar.set_params({"epochs": 3, "steps": 2, "verbose": 2})
        >>> bar.on_epoch_begin(0)
        Epoch 1/3
    """

    looks_at_once = True

    def __init__(self) -> None:
        super().__init__()
        self._in_fit = False
        self._seen = 0
        self._bar: Progbar | None = None

    def on_train_begin(self, logs: Logs = None) -> None:
        self._in_fit = True

    def on_train_end(self, logs: Logs = None) -> None:
        self._in_fit = False

    def on_exception(self) -> None:
        self._in_fit = False

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        epochs = self._param("epochs") or 1
        if self._verbose and epochs > 1:
            print(f"Epoch {epoch + 1}/{epochs}")
        self._start()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._show(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._finish(logs)

    def on_test_begin(self, logs: Logs = None) -> None:
        if not self._in_fit:
            self._start()

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        if not self._in_fit:
            self._show(batch, logs)

    def on_test_end(self, logs: Logs = None) -> None:
        if not self._in_fit:
            self._finish(logs)

    def on_predict_begin(self, logs: Logs = None) -> None:
        self._start()

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._show(batch, None)

    def on_predict_end(self, logs: Logs = None) -> None:
        self._finish(None)

    @property
    def _verbose(self) -> int:
        level = self._param("verbose", 1)
        return 1 if level == "auto" else int(level)

    def _param(self, name: str, default: Any = None) -> Any:
        return (self.params or {}).get(name, default)

    def _start(self) -> Progbar:
        self._seen = 0
        self._bar = Progbar(self._param("steps"), verbose=self._verbose, stateless_metrics=())
        return self._bar

    def _show(self, batch: int, logs: Logs) -> None:
        bar = self._bar or self._start()
        self._seen = batch + 1
        bar.update(self._seen, () if logs is None else logs.items(), finalize=False)

    def _finish(self, logs: Logs) -> None:
        bar = self._bar or self._start()
        bar.target = self._seen
        bar.update(self._seen, (logs or {}).items(), finalize=True)
