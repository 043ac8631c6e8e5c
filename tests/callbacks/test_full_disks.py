"""Callbacks that write on a full disk: the error names the file, which holds whole lines, and the model stays."""

import errno
import resource

import numpy as np
import pytest

from fastconv import Input, Sequential, callbacks, layers

X, Y = np.ones((4, 3), "float32"), np.ones((4, 1), "float32")


@pytest.fixture
def limit():
    """`limit(n)`: no file may grow beyond n bytes until the test ends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda n: resource.setrlimit(resource.RLIMIT_FSIZE, (n, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_lines_of_a_table_are_whole(tmp_path, limit):
    path = tmp_path / "log.csv"
    model = Sequential([Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")

    class Fill(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                limit(path.stat().st_size + 5)

    with pytest.raises(OSError, match=r"File too large: .*log.csv") as error:
        model.fit(X, Y, epochs=5, verbose=0, callbacks=[Fill(), callbacks.CSVLogger(path)])
    assert error.value.errno == errno.EFBIG
    assert [line.split(",")[0] for line in path.read_text().splitlines()] == ["epoch", "0", "1"]
    assert np.isfinite(model.get_weights()[0]).all()
