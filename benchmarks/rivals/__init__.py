"""The sides of every comparison: a rival is a file of this folder with a class like `Side`, listed in `RIVALS`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from benchmarks.rivals.filters import OpenCV, SciPy
from benchmarks.rivals.ours import Fastconv
from benchmarks.rivals.pytorch import PyTorch
from benchmarks.support.cases import Case


class Side(Protocol):
    """A library in one of its configurations."""

    name: str  # of the library: the report takes the fastest of its configurations
    package: str  # its name for pip
    layout: str

    def available(self) -> bool:
        """Return whether the library is installed."""

    def takes(self, case: Case) -> bool:
        """Return whether it computes `case` differently from the library's other configurations."""

    def set_num_threads(self, n: int) -> None:
        """Compute on `n` threads from now on."""

    def prepare(self, case: Case) -> Callable[[], Any]:
        """Return a call that computes `case` once and returns the result; its arrays are created beforehand."""

    def as_numpy(self, case: Case, result: Any) -> np.ndarray:
        """Return the result of a prepared call, channels last."""


OURS: Side = Fastconv()
RIVALS: tuple[Side, ...] = (PyTorch("NCHW"), PyTorch("channels_last"))
# The sides of the suites. SciPy and OpenCV only filter images.
SIDES: tuple[Side, ...] = (OURS, *RIVALS, SciPy(), OpenCV())
