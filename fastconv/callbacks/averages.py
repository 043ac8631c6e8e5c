"""Running means of weights in the place of weights."""

from __future__ import annotations

from fastconv.callbacks.callback import Callback, Logs


class SwapEMAWeights(Callback):
    """Lets evaluation and prediction see the running means that an optimizer with ``use_ema=True`` keeps.

    Args:
        swap_on_epoch: whether the means take the weights' place at the end of each epoch, too, until the next one
            begins: callbacks behind this one, such as `ModelCheckpoint`, then see them.

    Raises:
        ValueError: when it is used, an optimizer that keeps no means.
    """

    STATE = ("swapped",)

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch

    @property
    def swapped(self) -> bool:
        """Whether the means are in the weights' place."""
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
