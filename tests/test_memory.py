"""Results that exceed the memory are refused at once, even if the address space has no limit."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, layers, memory, ops, random, utils

LINE = np.ones((1, 4, 2), np.float32)
IMAGE = np.ones((1, 4, 4, 2), np.float32)
VOLUME = np.ones((1, 4, 4, 4, 2), np.float32)
ROWS = np.ones((2, 3), np.float32)

CALLS = {
    "AdaptiveAveragePooling1D": lambda n: layers.AdaptiveAveragePooling1D(n)(LINE),
    "AdaptiveAveragePooling2D": lambda n: layers.AdaptiveAveragePooling2D((n, 1))(IMAGE),
    "AdaptiveMaxPooling2D": lambda n: layers.AdaptiveMaxPooling2D((3, n))(IMAGE),
    "AdaptiveMaxPooling3D": lambda n: layers.AdaptiveMaxPooling3D(n)(VOLUME),
    "symbolic AdaptiveMaxPooling2D": lambda n: layers.AdaptiveMaxPooling2D(n)(Input((4, 4, 2))),
    "resize": lambda n: ops.image.resize(IMAGE, (n, n)),
    "resize nearest": lambda n: ops.image.resize(IMAGE, (n, 2), "nearest"),
    "Resizing": lambda n: layers.Resizing(n, n)(IMAGE),
    "UpSampling1D": lambda n: layers.UpSampling1D(n)(LINE),
    "UpSampling2D": lambda n: layers.UpSampling2D(n)(IMAGE),
    "UpSampling2D bilinear": lambda n: layers.UpSampling2D(n, interpolation="bilinear")(IMAGE),
    "ZeroPadding1D": lambda n: layers.ZeroPadding1D(n)(LINE),
    "ZeroPadding2D": lambda n: layers.ZeroPadding2D(n)(IMAGE),
    "RepeatVector": lambda n: layers.RepeatVector(n)(ROWS),
    "pad": lambda n: ops.pad(ROWS, n),
    "broadcast_to": lambda n: ops.broadcast_to(ROWS[:1], (n, 3)),
    "one_hot": lambda n: ops.one_hot([0, 1], n),
    "to_categorical": lambda n: utils.to_categorical([0, 1], n),
    "ones": lambda n: ops.ones((n, 2)),
    "zeros": lambda n: ops.zeros((n, 2**10)),
    "random": lambda n: random.normal((n, 2)),
    "categorical": lambda n: random.categorical(ROWS, n),
    "Dense": lambda n: layers.Dense(n)(ROWS),
    "DepthwiseConv2D": lambda n: layers.DepthwiseConv2D(1, depth_multiplier=n)(IMAGE),
    "pad_sequences": lambda n: utils.pad_sequences([[1], [2]], n),
}


@pytest.mark.parametrize("n", [2**36, 2**40, 2**62, 2**63, 10**30])
@pytest.mark.parametrize("name", CALLS)
def test_absurd_sizes_are_refused_at_once(name, n):
    with pytest.raises((MemoryError, ValueError)):
        CALLS[name](n)


@pytest.mark.parametrize(
    "name", ["AdaptiveAveragePooling1D", "AdaptiveMaxPooling3D", "resize", "one_hot", "ones", "pad"]
)
def test_the_memory_limit_of_a_container(name, monkeypatch):
    monkeypatch.setattr(memory, "usable_memory", lambda: 10**5)
    with pytest.raises(MemoryError, match=r"the result must fit in memory\. Received: shape="):
        CALLS[name](10**5)


def test_limits_of_control_groups(tmp_path, monkeypatch):
    own = memory.usable_memory()
    assert own > 2**20
    (tmp_path / "limit").write_text("1048576\n")
    (tmp_path / "none").write_text("max\n")
    for name, expected in (("limit", 2**20), ("none", own), ("missing", own)):
        monkeypatch.setattr(memory, "LIMITS", (*memory.LIMITS, str(tmp_path / name)))
        memory.usable_memory.cache_clear()
        assert memory.usable_memory() == expected
        monkeypatch.undo()
    memory.usable_memory.cache_clear()


@pytest.mark.parametrize("size", [(7, 4, 3), (3, 7, 5), (12, 12, 12), (1, 6, 200)])
def test_adaptive_windows_match_their_definition(size):
    x = np.random.default_rng(0).standard_normal((2, 12, 7, 5, 3)).astype(np.float32)
    x[0, 3, 2, 1] = np.inf
    for layer, reduce in ((layers.AdaptiveMaxPooling3D, np.max), (layers.AdaptiveAveragePooling3D, np.mean)):
        expected = x
        for axis, wanted in enumerate(size, 1):
            n = expected.shape[axis]
            windows = [range(i * n // wanted, -(-(i + 1) * n // wanted)) for i in range(wanted)]
            expected = np.stack([reduce(expected.take(window, axis), axis) for window in windows], axis)
        np.testing.assert_allclose(layer(size)(x), expected, rtol=1e-5, atol=1e-6)
