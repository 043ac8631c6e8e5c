"""threadpoolctl limits the threads of fastconv like those of other OpenMP libraries."""

import numpy as np
import pytest

from fastconv import _core, config, ops

threadpoolctl = pytest.importorskip("threadpoolctl")


@pytest.mark.skipif(not _core.has_openmp(), reason="a serial build has no threads to limit")
def test_limits_are_seen_and_lifted():
    _core.set_num_threads(0)  # no number was set: the machine's default applies
    before = config.get_num_threads()
    with threadpoolctl.threadpool_limits(1):
        assert config.get_num_threads() == 1
        assert ops.relu(np.ones(10**6, "float32")).sum() == 10**6
    assert config.get_num_threads() == before
