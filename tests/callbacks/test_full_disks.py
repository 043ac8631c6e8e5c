"""Callbacks that write on a full disk: the error names the file, which holds whole lines, and the model stays."""

import errno

import numpy as np
import pytest

from fastconv import Input, Sequential, callbacks, layers

resource = pytest.importorskip("resource")

X, Y = np.ones((4, 3), "float32"), np.ones((4, 1), "float32")


def test_lines_of_a_table_are_whole(tmp_path):
    path = tmp_path / "log.csv"
    model = Sequential([Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    class Fill(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 5, hard))

    try:
        with pytest.raises(OSError, match=r"File too large: .*log.csv") as error:
            model.fit(X, Y, epochs=5, verbose=0, callbacks=[Fill(), callbacks.CSVLogger(path)])
    finally:  # before pytest writes to a file of its own
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert error.value.errno == errno.EFBIG
    assert [line.split(",")[0] for line in path.read_text().splitlines()] == ["epoch", "0", "1"]
    assert np.isfinite(model.get_weights()[0]).all()
