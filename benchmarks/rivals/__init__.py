"""The sides of every comparison: a rival is a file of this folder with a class like `Side`, listed in `RIVALS`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from benchmarks.rivals.ours import Fastconv
from benchmarks.rivals.pytorch import PyTorch
from benchmarks.support.cases import Case


class Side(Protocol):
    """One library in one configuration."""

    name: str  # of the library: of several configurations the report takes the fastest
    package: str  # as pip calls it
    layout: str

    def available(self) -> bool:
        """Whether it is installed."""

    def takes(self, case: Case) -> bool:
        """Whether it computes `case`, and not as another configuration of the library does."""

    def set_num_threads(self, n: int) -> None:
        """Compute on `n` threads from now on."""

    def prepare(self, case: Case) -> Callable[[], Any]:
        """A call that computes `case` once and returns the result; its arrays are made and laid out beforehand."""

    def as_numpy(self, case: Case, result: Any) -> np.ndarray:
        """What a prepared call returned, channels last."""


OURS: Side = Fastconv()
RIVALS: tuple[Side, ...] = (PyTorch("NCHW"), PyTorch("channels_last"))
SIDES = (OURS, *RIVALS)
