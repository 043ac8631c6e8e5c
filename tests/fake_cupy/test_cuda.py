"""CUDA C on the CPU: kernels compute, and accesses that are invalid on a GPU are errors."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fake_cupy import cuda, memory

pytestmark = pytest.mark.skipif(not cuda.AVAILABLE, reason="kernels are compiled by g++, on Linux")

SUMS = r"""
template <int WARPS> __device__ float sum_of_block(float v) {
    __shared__ float parts[WARPS];
    for (int by = 16; by; by /= 2) v += __shfl_down_sync(0xffffffff, v, by);
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = v;
    __syncthreads();
    float total = 0;
    for (int i = 0; i < WARPS; i++) total += parts[i];
    return total;
}

extern "C" __global__ void __launch_bounds__(64) sums(const float* __restrict__ x, float* y, int n, float factor) {
    extern __shared__ float own[];
    own[threadIdx.x] = 0;
    #pragma unroll
    for (int i = threadIdx.x; i < n; i += blockDim.x) own[threadIdx.x] += x[(long long)blockIdx.x * n + i];
    float total = sum_of_block<2>(own[threadIdx.x]);
    if (threadIdx.x == 0) y[blockIdx.x] = factor * total;
}
"""


class Array:
    """An array as a kernel sees it."""

    def __init__(self, values):
        self.values = memory.empty(np.shape(values), np.asarray(values).dtype)
        self.values[...] = values
        self.size, self.data = self.values.size, self

    @property
    def ptr(self):
        return self.values.ctypes.data


def kernel(code, name, **how):
    return cuda.RawModule(code=code, options=("--std=c++17",), **how).get_function(name)


def one_line(statement):
    """Return a kernel of a float array that runs `statement`."""
    return kernel('extern "C" __global__ void f(float* x) { ' + statement + " }", "f")


@pytest.mark.parametrize("order", ["forward", "reverse", 3])
def test_barriers_shuffles_and_shared_memory(rng, order):
    x = rng.integers(0, 9, (5, 100)).astype(np.float32)
    y = Array(np.zeros(5, np.float32))
    with cuda.order(order):
        kernel(SUMS, "sums")((5,), (64,), (Array(x), y, np.int32(100), np.float32(2)), shared_mem=256)
    np.testing.assert_array_equal(y.values, 2 * x.sum(1))


@pytest.mark.parametrize(
    "args",
    [
        lambda x: (x, x, 3, np.float32(2)),
        lambda x: (x, x, np.int32(3), 2.0),
        lambda x: (x, x, np.int32(3)),
        lambda x: (x, x, np.int32(3), np.float64(2)),
        lambda x: (x, np.int64(3), np.int32(3), np.float32(2)),
        lambda x: (x, x.values, np.int32(3), np.float32(2)),
    ],
)
def test_arguments_must_match_the_signature(args):
    x = Array(np.zeros(3, np.float32))
    with pytest.raises(TypeError):
        kernel(SUMS, "sums")((1,), (64,), args(x), shared_mem=256)


@pytest.mark.parametrize(
    ("grid", "block", "shared"),
    [((1,), (1025,), 0), ((1,), (32, 64), 0), ((0,), (1,), 0), ((1, 65536), (1,), 0), ((1,), (1,), 49153)],
)
def test_sizes_of_grids_and_blocks_are_limited(grid, block, shared):
    with pytest.raises(ValueError):
        one_line("x[0] = 1;")(grid, block, (Array(np.zeros(1, np.float32)),), shared_mem=shared)


def test_a_write_after_the_end_of_an_array_is_found():
    x = Array(np.zeros(3, np.float32))
    with pytest.raises(AssertionError, match="after the end"):
        one_line("x[3] = 1;")((1,), (1,), (x,))
    memory.check()  # once


@pytest.mark.parametrize("place", ["-1", "9999"])
def test_an_address_outside_all_arrays_is_found(place):
    with pytest.raises(RuntimeError, match="outside"):
        one_line(f"x[{place}] = 1;")((1,), (1,), (Array(np.zeros(3, np.float32)),))


def test_an_array_of_the_host_is_found():
    x = Array(np.zeros(3, np.float32))
    x.values = np.zeros(3, np.float32)
    with pytest.raises(RuntimeError, match="not an array on the GPU"):
        one_line("x[0] = 1;")((1,), (1,), (x,))


@pytest.mark.parametrize(
    "statement",
    [
        "if (threadIdx.x < 40) __syncthreads();",
        "if (threadIdx.x < 40) __shfl_down_sync(0xffffffff, 1.f, 1);",
        "if (threadIdx.x % 2) { __syncthreads(); }\n else { __syncthreads(); }",
    ],
)
def test_threads_that_wait_for_ever_are_found(statement):
    with pytest.raises(RuntimeError, match="same barrier"):
        one_line(statement)((1,), (64,), (Array(np.zeros(3, np.float32)),))


def test_a_missing_barrier_shows_in_another_order():
    x = Array(np.zeros(64, np.float32))
    race = one_line(
        "__shared__ float s[64]; s[threadIdx.x] = 1; x[threadIdx.x] = s[63 - threadIdx.x]; __syncthreads();"
    )
    with cuda.order("reverse"):
        race((1,), (64,), (x,))
    assert np.isnan(x.values).any()


def test_shared_memory_is_bounded():
    with pytest.raises(RuntimeError, match="48 KiB"):
        one_line("__shared__ float s[12289]; s[0] = x[0];")((1,), (1,), (Array(np.zeros(1, np.float32)),))


def test_templates_are_named_by_expressions():
    code = "template <int N> __global__ void f(int* x) { x[blockIdx.x] = N * blockIdx.x; }"
    x = Array(np.zeros(3, np.int32))
    kernel(code, "f<7>", name_expressions=["f<2>", "f<7>"])((3,), (1,), (x,))
    np.testing.assert_array_equal(x.values, [0, 7, 14])


def test_names_must_exist_in_the_code():
    with pytest.raises(RuntimeError, match="NOT_FOUND"):
        kernel("__global__ void f(int* x) {}", "f")
    with pytest.raises(cuda.CompileException):
        kernel("#include <math.h>\n", "f")
    with pytest.raises(cuda.CompileException):
        one_line("x[0] = __expf(x[0]);")
