"""Arrays of other libraries, in the host's memory and on a GPU."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import ops


class ByInterface:
    """A GPU array of PyTorch, JAX or Numba, with the attributes that CuPy reads."""

    def __init__(self, x):
        self.x = x
        self.shape = x.shape

    @property
    def __cuda_array_interface__(self):
        return self.x.__cuda_array_interface__


class ByDlpack:
    """An array of any library that supports DLPack."""

    def __init__(self, x):
        self.x = x
        self.shape = x.shape

    def __dlpack__(self, **how):
        return self.x.__dlpack__(**how)

    def __dlpack_device__(self):
        return self.x.__dlpack_device__()


@pytest.mark.parametrize("foreign", [ByInterface, ByDlpack])
def test_arrays_of_others_on_a_gpu_are_not_copied(gpu, foreign):
    x = gpu.arange(6, dtype="float32").reshape(2, 3)
    taken = ops.convert_to_tensor(foreign(x))
    assert isinstance(taken, gpu.ndarray)
    assert taken.data.ptr == x.data.ptr
    np.testing.assert_array_equal(ops.convert_to_numpy(ops.add(foreign(x), 1.0)), [[1, 2, 3], [4, 5, 6]])


def test_arrays_of_others_in_the_hosts_memory_become_numpys():
    class Other:
        shape = (2,)
        dtype = "of their own"

        def __array__(self, dtype=None, copy=None):
            return np.array([1.0, 2.0], "float32")

    taken = ops.convert_to_tensor(Other())
    np.testing.assert_array_equal(taken, np.array([1, 2], "float32"), strict=True)


def test_values_come_from_the_gpu(gpu):
    x = gpu.ones((2, 2), "float32")
    np.testing.assert_array_equal(
        ops.convert_to_numpy(ops.multiply(x, 3.0)), np.full((2, 2), 3, "float32"), strict=True
    )
