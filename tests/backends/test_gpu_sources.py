"""NVIDIA's compiler accepts the sources of the GPU's kernels (pip install nvidia-cuda-nvrtc-cu12)."""

from __future__ import annotations

import pytest

from fastconv.backends import formulas, updates
from fastconv.backends.gpu import elementwise
from fastconv.backends.gpu.compile import SOURCES
from tests.fake_cupy import nvrtc

pytestmark = pytest.mark.skipif(nvrtc.library() is None, reason="nvidia-cuda-nvrtc is not installed")

FORMULAS = [
    *((formulas.activate, 1, (name, 0.3)) for name in formulas.EPILOGUES),
    *((formulas.activate_backward, 2, (name, 0.3)) for name in formulas.ACTIVATIONS),
    (formulas.gate, 1, (1.0, 0.1)),
    (formulas.gate_backward, 2, (1.0, 0.1)),
    (formulas.gelu, 1, ()),
    (formulas.gelu_backward, 2, ()),
    (formulas.sigmoid_loss, 2, ()),
    (formulas.sigmoid_loss_slope, 2, ()),
    (formulas.normalize, 5, (1e-3,)),
    (formulas.normal_backward, 7, (1e-3, 40)),
    (formulas.scale_shift, 3, ()),
    (formulas.scale_and_shift, 3, (1e-3,)),
    *((formulas.normalize_activate, 4, (name, 0.3)) for name in sorted(formulas.PIECEWISE)),
    *((formulas.normalize_activate_backward, 5, (name, 0.3)) for name in sorted(formulas.PIECEWISE)),
    (formulas.stretch, 3, (float("-inf"), 1.0)),
    (formulas.dropout, 1, (0.25,)),
    (formulas.uniform, 0, ()),
    *((updates.step, 2 + n, (rule, (0.1, 0.2, 0.3, 0.4))) for rule, n in [
        ("descend", 0), ("momentum", 1), ("nesterov", 1), ("adam", 2), ("amsgrad", 3), ("adamax", 2), ("nadam", 2),
        ("rmsprop", 1), ("rmsprop_momentum", 2), ("rmsprop_centered", 2), ("rmsprop_centered_momentum", 3),
        ("adagrad", 1), ("adadelta", 2), ("ftrl", 2), ("lion", 1),
    ]),
]  # fmt: skip

RAW = {formulas.dropout: ("uint64", "seed"), formulas.uniform: ("uint64", "seed"), updates.step: ("float32", "s")}


def ptx(source, *options):
    """Compile CUDA C to PTX for compute capability 7.5 by NVIDIA's compiler."""
    options = ("--std=c++17", "--gpu-architecture=compute_75", *options)
    return nvrtc.compiled(source, options, form="PTX")[0].decode()


@pytest.mark.parametrize("name", ["image", "move", "pool", "reduce", "rows"])
@pytest.mark.parametrize(("element", "index"), [("float", "int"), ("double", "long long")])
def test_kernels_compile(name, element, index):
    text = (SOURCES / f"{name}.cu").read_text(encoding="utf-8")
    code = ptx(text, f"-DELEMENT={element}", f"-DINDEX={index}")
    assert code.count(".entry") == text.count("__global__")
    if element == "float" and name != "image":  # the kernel with coordinates in double
        assert ".f64" not in code


@pytest.mark.parametrize(("formula", "arrays", "constants"), FORMULAS, ids=lambda x: getattr(x, "__name__", str(x)))
def test_formulas_compile(formula, arrays, constants):
    dtype, name = RAW.get(formula, ("T", "unused"))
    inputs = [*(f"T x{k}" for k in range(arrays)), *([f"raw {dtype} {name}"] if formula in RAW else [])]
    text, count = elementwise.written(formula, inputs, constants)
    values = "\n".join(f"const T& x{k} = in[{k}][i];" for k in range(arrays))
    results = "\n".join(f"T& y{k} = out[{k}][i];" for k in range(count))
    raw = f"const {elementwise.TYPES.get(dtype, 'T')}* {name}"
    head = f'typedef float T;\nextern "C" __global__ void kernel(T** out, const T** in, {raw})'
    assert ".f64" not in ptx(f"{head} {{\nlong long i = threadIdx.x;\n{values}\n{results}\n{text}\n}}")
