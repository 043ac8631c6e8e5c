"""A fake of NVIDIA's package cudnn: graphs of a convolution, computed by the reference on given addresses.

Strict about the arguments of nvidia-cudnn-frontend 1.32, the order of calls, and strides, which it follows.
"""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from fastconv.backends.reference import Reference
from tests.fake_cupy import memory
from tests.fake_cupy.streams import launch
from tests.windows import Windows

reference = Windows(Reference(np))
STEPS = [
    "validate",
    "build_operation_graph",
    "create_execution_plans",
    "notes",
    "workspace",
    "check_support",
    "build_plans",
]


def names(*words: str) -> Any:
    return types.SimpleNamespace(**{word: word for word in words})


data_type = names("FLOAT")
heur_mode = names("A", "B", "FALLBACK")
build_plan_policy = names("HEURISTICS_CHOICE", "ALL")
numerical_note = names(
    "TENSOR_CORE", "DOWN_CONVERT_INPUTS", "REDUCED_PRECISION_REDUCTION", "FFT", "NONDETERMINISTIC", "WINOGRAD",
    "WINOGRAD_TILE_4x4", "WINOGRAD_TILE_6x6", "WINOGRAD_TILE_13x13", "STRICT_NAN_PROP",
)  # fmt: skip
built: list[pygraph] = []
supported = True
fault: Exception | None = None  # errors of its steps


class cudnnGraphNotSupportedError(Exception):
    pass


class Handle:
    stream = 0


def create_handle() -> Handle:
    return Handle()


def set_stream(handle: Handle, stream: int) -> None:
    assert isinstance(handle, Handle)
    assert isinstance(stream, int)
    handle.stream = stream


def backend_version() -> int:
    return 91100


class Tensor:
    def __init__(self, dim: Any = None, stride: Any = None, data_type: Any = None, uid: Any = None) -> None:
        self.dim, self.stride, self.data_type, self.uid, self.output = dim, stride, data_type, uid, False

    def set_output(self, value: bool) -> Tensor:
        self.output = value
        return self

    def set_data_type(self, dtype: Any) -> Tensor:
        self.data_type = dtype
        return self

    def set_uid(self, uid: int) -> Tensor:
        self.uid = uid
        return self

    def set_dim(self, dim: list[int]) -> Tensor:
        self.dim = dim
        return self

    def set_stride(self, stride: list[int]) -> Tensor:
        self.stride = stride
        return self

    def at(self, address: int) -> np.ndarray:
        """Return the values at an address, channels last."""
        assert type(address) is int
        start, size = next((s, n) for s, (_, n) in memory._live.copy().items() if s <= address < s + n)
        raw = np.frombuffer(memory._live[start][0](), np.uint8, size, memory.GUARD)[address - start :]
        values = raw[: raw.size // 4 * 4].view(np.float32)
        assert 1 + sum((n - 1) * s for n, s in zip(self.dim, self.stride)) <= values.size
        strided = np.lib.stride_tricks.as_strided(values, self.dim, [4 * s for s in self.stride])
        return np.moveaxis(strided, 1, -1)


class pygraph:
    def __init__(
        self, name: str = "", io_data_type: Any = None, intermediate_data_type: Any = None,
        compute_data_type: Any = None, handle: Any = None,
    ) -> None:  # fmt: skip
        assert isinstance(handle, Handle)
        assert io_data_type == intermediate_data_type == compute_data_type == "FLOAT"
        self.tensors: dict[int, Tensor] = {}
        self.done: list[str] = []

    def tensor(self, *, dim: list, stride: list, data_type: Any, name: str, uid: int) -> Tensor:
        assert len(dim) == len(stride) <= 5
        assert all(type(n) is int for n in (*dim, *stride))
        self.tensors[uid] = Tensor(dim, stride, data_type, uid)
        return self.tensors[uid]

    def conv_fprop(self, *, image: Tensor, weight: Tensor, **window: Any) -> Tensor:
        return self._output("conv", image, weight, **window)

    def conv_dgrad(self, *, loss: Tensor, filter: Tensor, **window: Any) -> Tensor:
        return self._output("conv_backward_input", loss, filter, **window)

    def conv_wgrad(self, *, image: Tensor, loss: Tensor, **window: Any) -> Tensor:
        return self._output("conv_backward_kernel", image, loss, **window)

    def _output(
        self, method: str, first: Tensor, second: Tensor, *, pre_padding: list, post_padding: list, stride: list,
        dilation: list, compute_data_type: Any,
    ) -> Tensor:  # fmt: skip
        assert min(*pre_padding, *post_padding) >= 0
        padding = tuple(zip(pre_padding, post_padding))
        self.window = {"strides": tuple(stride), "padding": padding, "dilation": tuple(dilation)}
        self.method, self.operands, self.output = method, (first, second), Tensor()
        return self.output

    def _step(self, name: str) -> None:
        assert self.done == STEPS[: STEPS.index(name)], f"{name} after {self.done}"
        self.done.append(name)

    def validate(self) -> None:
        self._step("validate")
        assert self.output.output
        assert {t.uid for t in self.operands} | {self.output.uid} == {1, 2, 3}

    def build_operation_graph(self) -> None:
        self._step("build_operation_graph")
        if fault:
            raise fault

    def create_execution_plans(self, heuristics: list) -> None:
        self._step("create_execution_plans")

    def deselect_numeric_notes(self, notes: list) -> None:
        self._step("notes")
        self.notes = set(notes)

    def deselect_workspace_greater_than(self, workspace_limit: int) -> None:
        self._step("workspace")

    def check_support(self) -> None:
        self._step("check_support")
        if not supported:
            raise cudnnGraphNotSupportedError("no engine")

    def build_plans(self, policy: Any) -> None:
        self._step("build_plans")
        built.append(self)

    def get_workspace_size(self) -> int:
        return 64

    def execute(self, tensor_dict: dict, workspace: int, handle: Any) -> None:
        assert self.done == STEPS
        assert type(workspace) is int
        assert isinstance(handle, Handle)
        arrays = [t.at(tensor_dict[t.uid]) for t in self.operands]
        result = self.output.at(tensor_dict[self.output.uid])
        launch(lambda: self._compute(arrays, result))

    def _compute(self, arrays: list, result: np.ndarray) -> None:
        first, second = (np.ascontiguousarray(a) for a in arrays)
        window = dict(self.window)
        if self.method != "conv_backward_kernel":
            second = np.moveaxis(second, 0, -1)
        if self.method == "conv_backward_input":
            window["input_shape"] = result.shape
        if self.method == "conv_backward_kernel":
            shape = (*result.shape[1:], result.shape[0])
            found = np.moveaxis(reference.conv_backward_kernel(first, second, kernel_shape=shape, **window), -1, 0)
        else:
            found = getattr(reference, self.method)(first, second, **window)
        assert found.shape == result.shape
        result[...] = found
