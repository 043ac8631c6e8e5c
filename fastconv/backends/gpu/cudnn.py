"""Convolutions by cuDNN, through its graph API: NVIDIA's package nvidia-cudnn-frontend, and libcudnn.

A plan is built once for an operation, its shapes and the settings in `config` that affect the numbers. Building takes
milliseconds, and must not happen while a graph is captured. Only engines that give the same bits every time and compute
in float32 are used, or in TF32 if `config.tf32()` is True. If cuDNN has no such engine, the kernels of conv compute.
"""

from __future__ import annotations

import functools
import importlib
import warnings
from typing import Any, NamedTuple

import fastconv.config as config
from fastconv.backends.gpu.conv import Convolution3D
from fastconv.backends.reference import Array, Shape
from fastconv.typing import ArrayModule

FIRST, SECOND, RESULT = 1, 2, 3  # the numbers of a graph's tensors

# The inputs of an operation, with cuDNN's names for them, and its result.
TENSORS = {
    "conv_fprop": (("x", "image"), ("w", "weight"), "y"),
    "conv_dgrad": (("y", "loss"), ("w", "filter"), "x"),
    "conv_wgrad": (("x", "image"), ("y", "loss"), "w"),
}


# Parts of the messages of refusals. The type of the error differs between releases.
REFUSALS = ("NOT_SUPPORTED", "No valid", "No execution plans")

_left: dict[int, set[tuple]] = {}  # by device, the convolutions for which cuDNN has no plan


class Plan(NamedTuple):
    """A convolution that cuDNN can run."""

    graph: Any
    workspace: int  # bytes

    def run(self, xp: ArrayModule, handle: Any, first: Array, second: Array, result: Array) -> None:
        scratch = xp.empty(max(self.workspace, 1), "uint8")
        cudnn().set_stream(handle=handle, stream=xp.cuda.get_current_stream().ptr)
        pointers = {FIRST: first.data.ptr, SECOND: second.data.ptr, RESULT: result.data.ptr}
        self.graph.execute(pointers, scratch.data.ptr, handle=handle)


def conv(xp: ArrayModule, device: int, c: Convolution3D, x: Array, w: Array, y: Array) -> bool:
    """Fill y with the convolution, if cuDNN can compute it. Return True if it did."""
    return run(xp, device, c, "conv_fprop", x, filters_first(xp, w), y)


def conv_backward_input(xp: ArrayModule, device: int, c: Convolution3D, dy: Array, w: Array, dx: Array) -> bool:
    return run(xp, device, c, "conv_dgrad", dy, filters_first(xp, w), dx)


def conv_backward_kernel(xp: ArrayModule, device: int, c: Convolution3D, x: Array, dy: Array, dw: Array) -> bool:
    if plan_for(device, "conv_wgrad", c) is None:
        return False
    turned = xp.empty((dw.shape[-1], *dw.shape[:-1]), dw.dtype)
    run(xp, device, c, "conv_wgrad", x, dy, turned)
    dw[...] = xp.moveaxis(turned, 0, -1)
    return True


def filters_first(xp: ArrayModule, w: Array) -> Array:
    """Return (KH, KW, CI, CO) as (CO, KH, KW, CI), cuDNN's layout of kernels for channels-last images."""
    return xp.ascontiguousarray(xp.moveaxis(w, -1, 0))


def run(
    xp: ArrayModule, device: int, c: Convolution3D, operation: str, first: Array, second: Array, result: Array
) -> bool:
    plan = plan_for(device, operation, c)
    if plan is not None:
        plan.run(xp, handle(cudnn(), device), first, second, result)
    return plan is not None


# ---- plans -----------------------------------------------------------------------------------------------------------


def plan_for(device: int, operation: str, c: Convolution3D) -> Plan | None:
    """Return the plan of an operation on the current GPU, or None if cuDNN is missing or has no plan."""
    module = cudnn()
    if module is None or handle(module, device) is None:
        return None
    exact = config.conv_precision() == "exact"
    return planned(module, device, operation, c, config.tf32(), exact, config.max_workspace())


@functools.lru_cache(maxsize=1024)
def planned(
    module: Any, device: int, operation: str, c: Convolution3D, tf32: bool, exact: bool, workspace: int
) -> Plan | None:
    graph = described(module, handle(module, device), operation, c)
    try:
        graph.validate()
        graph.build_operation_graph()
        graph.create_execution_plans([module.heur_mode.A, module.heur_mode.FALLBACK])
        graph.deselect_numeric_notes(unwanted_notes(module, tf32, exact))
        graph.deselect_workspace_greater_than(workspace)
        graph.check_support()
        graph.build_plans(module.build_plan_policy.HEURISTICS_CHOICE)
    except (module.cudnnGraphNotSupportedError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not any(words in str(error) for words in REFUSALS):
            warnings.warn(
                f"cuDNN fails, and fastconv's kernels take its place: {error}; {operation}, {c}", stacklevel=2
            )
        _left.setdefault(device, set()).add((operation, c))
        return None
    return Plan(graph, graph.get_workspace_size())


def described(module: Any, handle: Any, operation: str, c: Convolution3D) -> Any:
    """Return the unbuilt graph of an operation. Axes are in cuDNN's order, N C D H W, with channels last in memory."""
    axes = 3 if c.inputs[0] * c.taps[0] * c.outputs[0] > 1 or c.before[0] else 2
    last = slice(3 - axes, 3)
    kind = module.data_type.FLOAT
    graph = module.pygraph(
        name=operation, io_data_type=kind, intermediate_data_type=kind, compute_data_type=kind, handle=handle
    )
    shapes = {
        "x": (c.images, c.groups * c.ci, *c.inputs[last]),
        "y": (c.images, c.groups * c.co, *c.outputs[last]),
        "w": (c.groups * c.co, c.ci, *c.taps[last]),
    }
    (first, first_name), (second, second_name), result = TENSORS[operation]
    operands = {
        name: graph.tensor(
            name=name, dim=list(shapes[which]), stride=channels_last(shapes[which]), data_type=kind, uid=uid
        )
        for name, which, uid in ((first_name, first, FIRST), (second_name, second, SECOND))
    }
    output = getattr(graph, operation)(
        **operands,
        pre_padding=list(c.before[last]),
        post_padding=after(c, last),
        stride=list(c.strides[last]),
        dilation=list(c.dilation[last]),
        compute_data_type=kind,
    )
    output.set_output(True).set_data_type(kind).set_uid(RESULT)
    output.set_dim(list(shapes[result])).set_stride(channels_last(shapes[result]))
    return graph


def channels_last(shape: Shape) -> list[int]:
    """Return the strides, in elements, of (N, C, ..) stored in memory as (N, .., C)."""
    strides, size = [1], shape[1]
    for n in reversed(shape[2:]):
        strides.insert(1, size)
        size *= n
    return [size, *strides]


def after(c: Convolution3D, axes: slice) -> list[int]:
    """Return the padding after the inputs that the outputs read. Pixels that strides skip are not padded."""
    sides = zip(c.inputs, c.outputs, c.taps, c.strides, c.before, c.dilation)
    return [max((o - 1) * s + (k - 1) * d + 1 - i - b, 0) for i, o, k, s, b, d in sides][axes]


def unwanted_notes(module: Any, tf32: bool, exact: bool) -> list[Any]:
    """Return the properties that engines must not have.

    With TF32 transforms are excluded, since they magnify its rounding errors. "exact" excludes them too, as on the CPU.
    """
    note = module.numerical_note
    always = [note.NONDETERMINISTIC, note.DOWN_CONVERT_INPUTS, note.REDUCED_PRECISION_REDUCTION]
    transforms = [note.WINOGRAD, note.WINOGRAD_TILE_4x4, note.WINOGRAD_TILE_6x6, note.WINOGRAD_TILE_13x13, note.FFT]
    return [*always, *([] if tf32 else [note.TENSOR_CORE]), *(transforms if tf32 or exact else [])]


# ---- the library -----------------------------------------------------------------------------------------------------


@functools.cache
def cudnn() -> Any:
    """Return the package, or None if it is not installed or does not load."""
    try:
        return importlib.import_module("cudnn")
    except Exception:  # a broken installation must not break fastconv's own kernels
        return None


@functools.cache
def handle(module: Any, device: int) -> Any:
    """Return cuDNN's handle of the current GPU, or None if no suitable libcudnn is found."""
    try:
        return module.create_handle()
    except Exception:  # a missing or outdated library raises various errors
        return None


def describe(device: int) -> str:
    """Return a description of the library that computes convolutions, for `show_config`."""
    module = cudnn()
    if module is None:
        return "kernels of fastconv (cuDNN is not installed: `pip install fastconv[cuda12]`, or cuda13)"
    if handle(module, device) is None:
        return "kernels of fastconv (no libcudnn is found: `pip install fastconv[cuda12]`, or cuda13)"
    count = len(_left.get(device, ()))
    return (
        f"cuDNN {module.backend_version()}, and kernels of fastconv for depthwise convolutions and for those that "
        f"cuDNN lacks ({count} so far)"
    )
