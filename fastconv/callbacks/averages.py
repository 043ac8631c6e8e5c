"""Callback that evaluates with running means of the weights."""

from __future__ import annotations

from fastconv.callbacks.callback import Callback, Logs


class SwapEMAWeights(Callback):
    """Evaluate and predict with the running means of the weights that an optimizer with ``use_ema=True`` keeps.

    The means replace the weights before evaluation or prediction, and the weights return afterwards.

    Args:
        swap_on_epoch: bool. If True, the means also replace the weights from the end of each epoch to the beginning of
            the next. Callbacks that follow in the list, for example `ModelCheckpoint`, then save the means. Default:
            False.

    Raises:
        ValueError: the optimizer keeps no running means. Raised when the callback is used.

    Example:
        >>> model = Sequential([Input((2,)), layers.Dense(1)])
        >>> model.compile(optimizers.SGD(0.1, use_ema=True), "mse")
        >>> x, y = np.zeros((8, 2)), np.zeros((8, 1))
        >>> history = model.fit(x, y, verbose=0, callbacks=[callbacks.SwapEMAWeights()])
    """

    STATE = ("swapped",)

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch

    @property
    def swapped(self) -> bool:
        """Whether the running means are in use as weights."""
        return self.model.optimizer.averages_shown

    @swapped.setter
    def swapped(self, value: bool) -> None:
        self.model.optimizer.averages_shown = value

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self.model.optimizer.show_averages(False)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.model.optimizer.show_averages(self.swap_on_epoch)

    def on_test_begin(self, logs: Logs = None) -> None:
        self.model.optimizer.show_averages(True)

    def on_test_end(self, logs: Logs = None) -> None:
        self.model.optimizer.show_averages(False)

    def on_exception(self) -> None:
        if self.swapped:
            self.model.optimizer.show_averages(False)

    def on_predict_begin(self, logs: Logs = None) -> None:
        self.model.optimizer.show_averages(True)

    def on_predict_end(self, logs: Logs = None) -> None:
        self.model.optimizer.show_averages(False)
