"""Compare image filters, of a single channel and a large kernel, with SciPy and OpenCV.

``python -m benchmarks.filters [--threads 1 2] [--images 512x512] [--taps 11 31]`` prints milliseconds and ratios. Needs
scipy or opencv-python-headless; a rival that is not installed is skipped.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.rivals.filters import convolve, cv2, fftconvolve
from benchmarks.support.measure import alternate
from fastconv import config, ops

IMAGES = ("512x512", "1920x1080")
TAPS = (11, 15, 21, 31, 45, 63)
EFFORT = (5, 0.004, 1.0)  # rounds, seconds per block, seconds after which three rounds are enough

Calls = dict[str, Callable[[], np.ndarray]]


def gaussian(taps: int) -> np.ndarray:
    """Return the factor of a separable kernel: standard deviation taps/6, sum 1."""
    values = np.exp(-0.5 * np.linspace(-3, 3, taps) ** 2)
    return (values / values.sum()).astype(np.float32)


def channel(image: np.ndarray) -> np.ndarray:
    """Return (H, W) as (1, H, W, 1): a view."""
    return image[None, :, :, None]


def scipy_convolve(a: np.ndarray, b: np.ndarray, mode: str) -> np.ndarray:
    return convolve(a, b, mode, config.get_num_threads())


def filters(x: np.ndarray, w: np.ndarray, padding: str) -> Calls:
    """Compute y = x * w, a correlation."""
    h, k = x.shape, w.shape
    inside = tuple(slice(n // 2, n // 2 + m - n + 1) for n, m in zip(k, h))
    calls: Calls = {"fastconv": lambda: ops.conv(channel(x), w[:, :, None, None], padding=padding)[0, :, :, 0]}
    if fftconvolve:
        calls["fftconvolve"] = lambda: scipy_convolve(x, w[::-1, ::-1], padding)
    if cv2:
        full = partial(cv2.filter2D, x, -1, w, borderType=cv2.BORDER_CONSTANT)
        calls["filter2D"] = full if padding == "same" else lambda: full()[inside]
    return calls


def gaussians(x: np.ndarray, taps: int) -> Calls:
    """Compute y for a separable kernel; OpenCV has a function that takes its factors."""
    factor = gaussian(taps)
    calls = filters(x, np.outer(factor, factor), "same")
    if cv2:
        calls["sepFilter2D"] = lambda: cv2.sepFilter2D(x, -1, factor, factor, borderType=cv2.BORDER_CONSTANT)
    return calls


def input_gradients(x: np.ndarray, w: np.ndarray) -> Calls:
    """Compute dx for dy = x, as wide as the image."""
    dy, kernel, shape = channel(x), w[:, :, None, None], (1, *x.shape, 1)
    calls: Calls = {"fastconv": lambda: ops.conv_backward_input(dy, kernel, shape, padding="same")[0, :, :, 0]}
    if fftconvolve:
        calls["fftconvolve"] = lambda: scipy_convolve(x, w, "same")
    if cv2:
        calls["filter2D"] = lambda: cv2.filter2D(x, -1, w[::-1, ::-1], borderType=cv2.BORDER_CONSTANT)
    return calls


def kernel_gradients(x: np.ndarray, w: np.ndarray) -> Calls:
    """Compute dw for dy = a part of x as large as the outputs; filter2D has no counterpart."""
    dy = np.ascontiguousarray(x[w.shape[0] - 1 :, w.shape[1] - 1 :])
    shape = (*w.shape, 1, 1)
    calls: Calls = {"fastconv": lambda: ops.conv_backward_kernel(channel(x), channel(dy), shape)[:, :, 0, 0]}
    if fftconvolve:
        calls["fftconvolve"] = lambda: scipy_convolve(x, dy[::-1, ::-1], "valid")
    return calls


def rows(x: np.ndarray, taps: int, rng: np.random.Generator) -> dict[str, Calls]:
    w = rng.standard_normal((taps, taps)).astype(np.float32)
    return {
        "filter, same": filters(x, w, "same"),
        "filter, valid": filters(x, w, "valid"),
        "Gaussian, same": gaussians(x, taps),
        "input gradient": input_gradients(x, w),
        "kernel gradient": kernel_gradients(x, w),
    }


def check_agreement(calls: Calls) -> None:
    """Check that the results agree; otherwise a comparison of speed is meaningless."""
    ours, *others = (call() for call in calls.values())
    for other in others:
        np.testing.assert_allclose(other, ours, rtol=0, atol=1e-4 * np.abs(ours).max())


def measure(calls: Calls) -> str:
    """Return our milliseconds, and the rivals' with their multiple of ours."""
    check_agreement(calls)
    ours, *others = alternate(list(calls.values()), *EFFORT)
    times = [f"{name} {t * 1e3:.2f} ({t / ours:.2f}x)" for name, t in zip(list(calls)[1:], others)]
    return f"{ours * 1e3:.2f} ms; " + ", ".join(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--images", nargs="+", default=IMAGES, metavar="WIDTHxHEIGHT")
    parser.add_argument("--taps", type=int, nargs="+", default=TAPS, help="odd: even kernels have no agreed centre")
    arguments = parser.parse_args()
    if not all(taps % 2 for taps in arguments.taps):
        parser.error(f"taps must be odd. Received: {arguments.taps}")
    rng = np.random.default_rng(0)
    for threads in arguments.threads:
        config.set_num_threads(threads)
        if cv2:
            cv2.setNumThreads(threads)
        for size in arguments.images:
            width, height = map(int, size.split("x"))
            x = rng.standard_normal((height, width)).astype(np.float32)
            for taps in arguments.taps:
                for name, calls in rows(x, taps, rng).items():
                    print(f"{threads} thread(s), {size}, {taps}x{taps}, {name}: {measure(calls)}", flush=True)


if __name__ == "__main__":
    main()
