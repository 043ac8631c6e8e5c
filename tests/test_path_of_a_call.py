"""The path from `ops.conv` to its compiled kernel: few files, few calls, and no method found by a string."""

from __future__ import annotations

import ast
import inspect
import sys
from pathlib import Path

import numpy as np
import pytest

import fastconv
from fastconv import _conv, ops
from fastconv.backends.cpu import backend
from fastconv.backends.cpu.algorithms.choose import choose
from fastconv.backends.cpu.backend import Cpu
from fastconv.backends.gpu.backend import Gpu
from fastconv.backends.reference import Reference
from fastconv.engine import Primitive, View
from fastconv.geometry import Convolution

PACKAGE = Path(fastconv.__file__).parent
MOST_FILES, MOST_CALLS = 5, 7


def frames(frame):
    """Return the active functions of the package, outermost first: (file, name)."""
    found = []
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(PACKAGE):
            found.append((str(path.relative_to(PACKAGE)), frame.f_code.co_name))
        frame = frame.f_back
    return found[::-1]


def stacks_of(function):
    """Return the active functions at each call that `function` makes."""
    found = []

    def profile(frame, event, argument):
        if event == "call":
            found.append(frames(frame))

    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(None)
    return found


def test_the_path_to_the_kernel_of_a_direct_convolution(monkeypatch):
    """Check the active calls when the algorithm is chosen and when the kernel is called (profilers do not see kernels).

    The wrapper that handles symbolic tensors comes before the function whose definition a reader finds.
    """
    x, w = np.ones((1, 6, 6, 8), np.float32), np.ones((3, 3, 8, 16), np.float32)
    assert fastconv.explain_conv(x.shape, w.shape)["forward"].algorithm == "direct"
    choice = next(stack for stack in stacks_of(lambda: ops.conv(x, w)) if stack and stack[-1][1] == "choose")
    kernel = []

    def run(*arguments):
        kernel.extend([*frames(sys._getframe()), ("_conv.pyx", _conv.conv.__name__)])
        _conv.conv(*arguments)

    monkeypatch.setattr(backend, "choose", lambda *arguments: choose(*arguments)._replace(run=run))
    ops.conv(x, w)
    path = list(dict.fromkeys([*choice[1:], *kernel[1:]]))
    print("\n".join(f"{file}: {name}" for file, name in path))
    assert choice[0] == kernel[0] == ("engine/symbolic.py", "lifted")
    assert path[0] == ("ops/conv.py", "conv")
    assert choice[-1] == ("backends/cpu/algorithms/choose.py", "choose")
    assert choose("forward", Convolution.of(x.shape, w.shape, (1, 1), ((0, 0),) * 2, (1, 1))).run is _conv.conv
    assert len(path) <= MOST_CALLS
    assert len({file for file, _ in path}) <= MOST_FILES


def primitives():
    """Return each primitive of the package by the module and the name that hold it."""
    for name, module in sorted(sys.modules.items()):
        if name.startswith("fastconv."):
            for attribute, value in vars(module).items():
                if isinstance(value, Primitive) and not isinstance(value, View):
                    yield pytest.param(value, id=f"{name.removeprefix('fastconv.')}.{attribute}")


@pytest.mark.parametrize("primitive", list(primitives()))
def test_a_primitive_holds_a_method_of_the_reference(primitive):
    assert inspect.getattr_static(Reference, primitive.name) is primitive.operation


@pytest.mark.parametrize("cls", [Cpu, Gpu])
def test_kernels_know_the_method_of_the_reference_that_they_compute(cls):
    for operation, kernel in cls.kernels.items():
        assert inspect.getattr_static(Reference, operation.__name__) is operation
        assert getattr(cls, operation.__name__) is kernel


def names_looked_up(source):
    """Return each call of `getattr` with a computed name, as text."""
    for node in ast.walk(ast.parse(source)):
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr"
        if called and not isinstance(node.args[1], ast.Constant):
            yield ast.unparse(node)


ALLOWED = {
    "getattr(self.xp, function)",  # functions of NumPy or CuPy by name
    "getattr(np, function)",
    "getattr(graph, operation)",  # an operation of cuDNN's graphs by name
    "getattr(algorithm, direction)",  # one of three fields
    "getattr(importlib.import_module(module), function)",  # a function above the engine, which registered itself
}


@pytest.mark.parametrize("folder", ["backends", "engine"])
def test_no_method_of_a_backend_is_found_by_a_string(folder):
    found = {text for path in (PACKAGE / folder).rglob("*.py") for text in names_looked_up(path.read_text())}
    assert found <= ALLOWED
