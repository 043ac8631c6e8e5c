"""SciPy and OpenCV: forward convolutions of a single channel, as in image processing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.support.cases import Case, Conv
from benchmarks.support.goals import kind

try:
    import scipy.fft
    from scipy.signal import fftconvolve
except ImportError:
    fftconvolve = None
try:
    import cv2
except ImportError:
    cv2 = None


class Filter:
    """A library that filters an image (H, W) with a kernel; zeros surround the image."""

    layout = ""

    def takes(self, case: Case) -> bool:
        return isinstance(case, Conv) and kind(case) == "image filter" and case.direction == "forward"

    def as_numpy(self, case: Case, result: Any) -> np.ndarray:
        return result[None, :, :, None]


class SciPy(Filter):
    """`fftconvolve`, with one worker of the transforms for each thread."""

    name = "SciPy"
    package = "scipy"
    workers = 1

    def available(self) -> bool:
        return fftconvolve is not None

    def set_num_threads(self, n: int) -> None:
        self.workers = n

    def prepare(self, case: Case) -> Callable[[], Any]:
        x, w, _ = case.arrays().values()
        return lambda: convolve(x[0, :, :, 0], w[::-1, ::-1, 0, 0], "same", self.workers)


def convolve(a: np.ndarray, b: np.ndarray, mode: str, workers: int) -> np.ndarray:
    with scipy.fft.set_workers(workers):
        return fftconvolve(a, b, mode)


class OpenCV(Filter):
    """`filter2D`."""

    name = "OpenCV"
    package = "opencv-python-headless"

    def available(self) -> bool:
        return cv2 is not None

    def set_num_threads(self, n: int) -> None:
        cv2.setNumThreads(n)

    def prepare(self, case: Case) -> Callable[[], Any]:
        x, w, _ = case.arrays().values()
        return partial(cv2.filter2D, x[0, :, :, 0], -1, w[:, :, 0, 0], borderType=cv2.BORDER_CONSTANT)
