"""A fake CuPy made of NumPy and a C++ compiler, so that GPU code is tested on machines without a GPU.

`cupy` is the module; the fixture `fake_gpu` replaces CuPy by it. It offers the functions that fastconv uses, and is as
strict as CuPy: it refuses NumPy arrays, counts transfers of values, and captures only operations that a CUDA graph
supports.
"""

from __future__ import annotations

import types

from tests.fake_cupy import arrays, cuda, streams
from tests.fake_cupy.cuda import AVAILABLE, RawKernel, RawModule
from tests.fake_cupy.elementwise import ElementwiseKernel
from tests.fake_cupy.streams import State, state

__all__ = ["AVAILABLE", "State", "cuda", "cupy", "state"]

CUDA = """
    Device Event Graph Memory MemoryPointer MemoryPool PinnedMemoryPointer Stream alloc_pinned_memory
    get_current_stream get_elapsed_time using_allocator
"""

cupy = types.ModuleType("cupy")
vars(cupy).update(arrays.names, ElementwiseKernel=ElementwiseKernel, RawKernel=RawKernel, RawModule=RawModule)
cupy.__version__ = "14.0.0"  # type: ignore[attr-defined]

cupy.cuda = types.ModuleType("cupy.cuda")  # type: ignore[attr-defined]
vars(cupy.cuda).update({name: getattr(streams, name) for name in CUDA.split()})
cupy.cuda.Stream.null = streams.null_stream

cupy.cuda.runtime = types.SimpleNamespace(
    CUDARuntimeError=streams.CudaError,
    getDeviceCount=lambda: state.devices,
    getDevice=lambda: state.entered[-1],
    deviceSynchronize=streams.synchronize,
    runtimeGetVersion=lambda: 12090,
)
