"""Scratch memory of convolutions stays within the limits of docs/convolution.md."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import _core, config
from fastconv.backends.cpu.backend import Cpu
from tests.windows import Windows, algorithm

pytestmark = pytest.mark.not_recorded

cpu = Windows(Cpu())
MIB = 1 << 20


@pytest.fixture(autouse=True)
def defaults():
    yield
    config.set_conv_precision("fast")
    config.set_max_workspace(256 * MIB)


SHAPES = [
    ((1, 28, 28, 64), (3, 3, 64, 64), 1),
    ((1, 112, 112, 3), (7, 7, 3, 64), 2),
    ((1, 14, 14, 512), (3, 3, 512, 200), 1),
    ((1, 7, 7, 1024), (1, 1, 1024, 512), 1),
    ((1, 200, 200, 1), (31, 31, 1, 1), 1),
    ((2, 28, 28, 256), (3, 3, 8, 256), 1),
    ((1, 14, 14, 2048), (3, 3, 2048, 16), 1),
]


def scratch(x_shape, w_shape, stride):
    """Return the bytes that each direction borrows, and the bytes of the larger of input and output."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(x_shape, np.float32), rng.standard_normal(w_shape, np.float32)
    window = {"strides": (stride,) * 2, "padding": tuple((k // 2,) * 2 for k in w_shape[:2]), "dilation": (1, 1)}
    y = cpu.conv(x, w, **window)
    calls = {
        "forward": lambda: cpu.conv(x, w, **window),
        "backward_input": lambda: cpu.conv_backward_input(y, w, input_shape=x_shape, **window),
        "backward_kernel": lambda: cpu.conv_backward_kernel(x, y, kernel_shape=w_shape, **window),
    }
    used = {}
    for direction, call in calls.items():
        _core.measure_scratch()
        call()
        used[algorithm(direction, x_shape, w_shape, **window), direction] = _core.measure_scratch()
    return used, max(x.nbytes, y.nbytes)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_exact_algorithms_need_a_block_a_thread(isa, threads, shape):
    threads(3)
    config.set_conv_precision("exact")
    used, _ = scratch(*shape)
    for (_, direction), size in used.items():
        assert size <= 3 * MIB + (4 * MIB if direction == "backward_kernel" else 0)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_fast_algorithms_keep_to_the_cap(threads, shape):
    threads(2)
    for cap in (256 * MIB, 4 * MIB, 0):
        config.set_max_workspace(cap)
        used, _ = scratch(*shape)
        for size in used.values():
            assert size <= cap + 4 * MIB + 2 * (8 * MIB)


def test_direct_convolution_of_large_images_needs_less_memory_than_the_images(threads):
    threads(2)
    config.set_conv_precision("exact")
    used, larger = scratch((8, 56, 56, 64), (3, 3, 64, 64), 1)
    assert max(used.values()) < larger
