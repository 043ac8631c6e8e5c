"""The GPU's kernels on the fake CuPy, against the reference on NumPy arrays in float64."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import backends
from fastconv.backends import formulas
from fastconv.backends.gpu import compile, stream
from fastconv.backends.reference import Reference
from fastconv.geometry import Convolution
from tests import fake_cupy
from tests.backends.cases import CASES, IN_PLACE, normal, positive
from tests.windows import Windows

reference = Windows(Reference(np))

WINDOW = {"size": (3, 2), "strides": (2, 1), "padding": ((1, 1), (0, 1))}
CONV = {"strides": (2, 1), "padding": ((1, 0), (0, 1)), "dilation": (1, 2)}
IMAGE = (2, 7, 6, 3)
TURN = [0.8, -0.6, 2.1, 0.6, 0.8, -1.3, 0, 0]
PADS = [((0, 0), (1, 2), (2, 3), (0, 0)), ((1, 0), (0, 0), (0, 0), (0, 2)), ((0, 0),) * 4]

PAIR = {
    "convolution": Convolution.of(IMAGE, (1, 1, 3, 6), (1, 1), ((0, 0), (0, 0)), (1, 1)),
    "activation": "relu",
    "depthwise_convolution": Convolution.of((*IMAGE[:3], 6), (3, 3, 1, 6), (1, 1), ((1, 1), (1, 1)), (1, 1)),
    "depthwise_activation": "tanh",
}

# name: (method, its arrays, its other arguments)
MORE = {
    "conv_depthwise": (
        "conv_depthwise",
        lambda r: [normal(r, *IMAGE), normal(r, 1, 1, 3, 6), normal(r, 6), normal(r, 3, 3, 1, 6), normal(r, 6)],
        PAIR,
    ),
    "conv": (
        "conv",
        lambda r: [normal(r, *IMAGE), normal(r, 3, 2, 3, 6), normal(r, 6)],
        {**CONV, "activation": "tanh"},
    ),
    "conv_backward_input": (
        "conv_backward_input",
        lambda r: [normal(r, 2, 3, 5, 6), normal(r, 3, 2, 3, 6)],
        {"input_shape": IMAGE, **CONV},
    ),
    "conv_backward_kernel": (
        "conv_backward_kernel",
        lambda r: [normal(r, *IMAGE), normal(r, 2, 3, 5, 6)],
        {"kernel_shape": (3, 2, 3, 6), **CONV},
    ),
    "matmul": ("matmul", lambda r: [normal(r, 5, 7), normal(r, 3, 7), normal(r, 3)], {"transpose_b": True}),
    "matmul_plain": ("matmul", lambda r: [normal(r, 7, 5), normal(r, 7, 3)], {"transpose_a": True}),
    "matmul_elu": ("matmul", lambda r: [normal(r, 2, 5, 7), normal(r, 7, 3)], {"activation": "elu", "alpha": 0.5}),
    **{
        f"pad_{mode}_{k}": (
            "pad",
            lambda r: [normal(r, 4, 5, 4, 3)],
            {"pad_width": sides, "mode": mode, **({"value": 2.5} if mode == "constant" else {})},
        )
        for mode in stream.MODES
        for k, sides in enumerate(PADS)
    },
    **{
        f"pad_backward_{mode}_{k}": (
            "pad_backward",
            lambda r, sides=sides: [normal(r, *(n + sum(side) for n, side in zip((4, 5, 4, 3), sides)))],
            {"pad_width": sides, "mode": mode},
        )
        for mode in stream.MODES
        for k, sides in enumerate(PADS)
    },
    "pad_far": ("pad", lambda r: [normal(r, 3, 1)], {"pad_width": ((9, 8), (3, 2)), "mode": "reflect"}),
    "pad_far_backward": ("pad_backward", lambda r: [normal(r, 20)], {"pad_width": ((9, 8),), "mode": "symmetric"}),
    **{
        f"{method}{name}": (method, lambda r: [ties(r)], {**WINDOW, **extra})
        for method in ("max_pool", "min_pool", "max_pool_argmax", "min_pool_argmax")
        for name, extra in (
            ("", {}),
            ("_dilated", {"dilation": (2, 3), "padding": ((4, 1), (1, 4))}),
        )
    },
    "extreme_pool_backward": (
        "extreme_pool_backward",
        lambda r: [normal(r, 2, 4, 6, 3), r.integers(-1, 6, (2, 4, 6, 3)).astype(np.int32)],
        {"input_shape": IMAGE, **WINDOW},
    ),
    **{
        f"average_pool{count}": ("average_pool", lambda r: [normal(r, *IMAGE)], {**WINDOW, "count_padding": count})
        for count in (False, True)
    },
    **{
        f"average_pool_backward{count}": (
            "average_pool_backward",
            lambda r: [normal(r, 2, 4, 6, 3)],
            {"input_shape": IMAGE, **WINDOW, "count_padding": count},
        )
        for count in (False, True)
    },
    "activate": ("activate", lambda r: [normal(r, 5, 1).T], {"activation": "elu", "alpha": 0.7}),
    **{
        f"smooth_{function}": (
            "smooth",
            lambda r: [3 * normal(r, 4, 5)],
            {"function": function, "constants": (4.0,) if function == "squareplus" else ()},
        )
        for function in formulas.SMOOTH
    },
    "scale_shift_one": ("scale_shift", lambda r: [normal(r, 4, 5), normal(r, 5), normal(r, 1)], {}),
    "stretch": (
        "stretch",
        lambda r: [normal(r, 3, 4, 2), normal(r, 3), normal(r, 3, 2)],
        {"low": -0.5, "high": 0.75},
    ),
    "elementwise": ("elementwise", lambda r: [normal(r, 3, 4), normal(r, 4)], {"function": "logaddexp"}),
    "sum_first": ("sum", lambda r: [normal(r, 3, 5, 7)], {"axis": (0, 1), "keepdims": True}),
    "sum_ends": ("sum", lambda r: [normal(r, 3, 5, 7)], {"axis": (0, -1)}),
    "sum_none": ("sum", lambda r: [normal(r, 3, 5)], {"axis": ()}),
    "mean_last": ("mean", lambda r: [normal(r, 3, 5, 7)], {"axis": (-1,)}),
    "mean_none": ("mean", lambda r: [normal(r, 3, 5)], {"axis": ()}),
    "moments": ("moments", lambda r: [normal(r, 3, 5, 7)], {"axis": (0, 2)}),
    "max_last": ("max", lambda r: [normal(r, 3, 5)], {"axis": (1,), "keepdims": True}),
    "max_none": ("max", lambda r: [normal(r, 3, 5)], {"axis": ()}),
    "min_all": ("min", lambda r: [normal(r, 3, 5)], {}),
    "argmax": ("argmax", lambda r: [ties(r)], {"axis": 1}),
    "argsort": ("argsort", lambda r: [ties(r)], {"axis": 2}),
    "argmax_all": ("argmax", lambda r: [normal(r, 3, 4)], {}),
    "indices": ("indices", lambda r: [np.round(4 * normal(r, 3, 4))], {}),
    "threshold_counts": (
        "threshold_counts",
        lambda r: [normal(r, 20, 2), normal(r, 20, 2), np.ones((20, 2), np.float32), normal(r, 5)],
        {},
    ),
    "confusion_matrix": (
        "confusion_matrix",
        lambda r: [r.integers(-1, 4, 40), r.integers(-1, 4, 40), np.ones(40, np.float32)],
        {"classes": 4},
    ),
    "where": ("where", lambda r: [normal(r, 3, 1) > 0, normal(r, 4), normal(r, 3, 4)], {}),
    "cast": ("cast", lambda r: [4 * normal(r, 3, 4)], {"dtype": "int32"}),
    "concatenate": ("concatenate", lambda r: [normal(r, 3, 4), normal(r, 3, 2)], {"axis": 1}),
    "concatenate_many": ("concatenate", lambda r: [normal(r, 3, k % 3, 2) for k in range(11)], {"axis": 1}),
    "part_backward": (
        "part_backward",
        lambda r: [normal(r, 2, 5)],
        {"key": ((0, 4, 2), (None, None, -1)), "input_shape": (4, 5)},
    ),
    "take": ("take", lambda r: [normal(r, 3, 4, 2), np.array([[3, 0], [1, 3]])], {"axis": 1}),
    "take_backward": (
        "take_backward",
        lambda r: [normal(r, 3, 2, 2, 2), np.array([[3, -4], [1, 3]])],
        {"axis": 1, "input_shape": (3, 4, 2)},
    ),
    **{
        f"affine_transform_{fill}_{nearest}": (
            "affine_transform",
            lambda r: [normal(r, *IMAGE), np.array([TURN, [3.0 * t for t in TURN]])],
            {"nearest": nearest, "fill": fill, "value": 0.25},
        )
        for fill in stream.FILLS
        for nearest in (False, True)
    },
    **{
        f"flip_some_{len(axes)}{axes[0]}": (
            "flip_some",
            lambda r: [normal(r, *IMAGE), np.array([False, True])],
            {"axes": axes},
        )
        for axes in ((1,), (2,), (1, 2))
    },
    "resample": (
        "resample",
        lambda r: [normal(r, 2, 5, 3), normal(r, 4, 2), normal(r, 5, 2), np.array([0, 3, 1, 2]), np.zeros(5, np.int64)],
        {},
    ),
    "crop_at": ("crop_at", lambda r: [normal(r, *IMAGE), np.array([3, 1])], {"size": (4, 3)}),
    "uniform": ("uniform", lambda r: [np.array([2**64 - 5], np.uint64)], {"shape": (5, 7)}),
    "take_along_axis": (
        "take_along_axis",
        lambda r: [normal(r, 3, 4, 2), r.integers(-4, 4, (3, 5, 2))],
        {"axis": 1},
    ),
    "take_along_axis_backward": (
        "take_along_axis_backward",
        lambda r: [normal(r, 3, 5, 2), r.integers(-4, 4, (3, 5, 2))],
        {"axis": 1, "input_shape": (3, 4, 2)},
    ),
    "take_along_axis_backward_broadcast": (
        "take_along_axis_backward",
        lambda r: [normal(r, 3, 5, 2), r.integers(-4, 4, (3, 5, 1))],
        {"axis": 1, "input_shape": (1, 4, 2)},
    ),
    **{
        f"subsample{name}": ("subsample", lambda r: [ties(r)], {"strides": strides})
        for name, strides in (("", (1, 2, 3, 1)), ("_all", (2, 1, 4, 2)))
    },
}  # fmt: skip

EVERY_CASE = pytest.mark.parametrize("case", [*CASES, *MORE])


def ties(rng):
    """Return images with equal neighbours, infinities and a NaN."""
    x = rng.integers(-2, 3, IMAGE).astype(np.float32)
    x[0, 1, 2], x[1, 4, 4, 1], x[1, :4, :3, 0] = np.inf, np.nan, -np.inf
    return x


@pytest.fixture
def backend(gpu):
    return Windows(backends.gpu_backend(0))


def arrays_of(case, rng, rows=7, columns=33, dtype=np.float32):
    method, make, _ = (CASES | MORE)[case]
    arrays = make(rng, rows, columns) if case in CASES else make(rng)
    given = method != "update", method != "affine_transform"  # cases whose last arrays have other dtypes
    changed = [a.astype(dtype) if a.dtype == np.float32 else a for a in arrays]
    return changed if all(given) else [*changed[:-1], arrays[-1]]


def several(result):
    return result if isinstance(result, tuple) else (result,)


def run(backend, case, arrays, **extra):
    method, _, parameters = (CASES | MORE)[case]
    return several(getattr(backend, method)(*arrays, **parameters, **extra))


def expected(case, arrays):
    with np.errstate(all="ignore"):
        return [np.asarray(y) for y in run(reference, case, [in_float64(a) for a in arrays])]


def in_float64(a):
    return a.astype(float) if a.dtype == np.float32 else a


def upload(gpu, arrays):
    return [gpu.asarray(a) for a in arrays]


def assert_matches(found, wanted, dtype):
    for y, e in zip(found, wanted, strict=True):
        assert y.shape == e.shape
        assert y.dtype == (dtype if e.dtype.kind == "f" else e.dtype)
        tolerance = 3e-6 if y.dtype == np.float32 else 1e-12
        largest = np.abs(e[np.isfinite(e)]).max(initial=1)
        np.testing.assert_allclose(y.get(), e, rtol=tolerance, atol=tolerance * largest)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@EVERY_CASE
def test_results_equal_the_reference(gpu, backend, rng, case, dtype):
    for rows, columns in ((1, 1), (7, 33), (40, 5), (3, 300)) if case in CASES else ((0, 0),):
        arrays = arrays_of(case, rng, rows, columns, np.dtype(dtype).type)
        found = run(backend, case, upload(gpu, arrays))
        own = {"uniform": "float32", "threshold_counts": "float64", "confusion_matrix": "float64"}
        assert_matches(found, expected(case, arrays), own.get(case, dtype))


@EVERY_CASE
def test_out_receives_the_result(gpu, backend, rng, case):
    """`out` may be in C order, in another order, or of another dtype."""
    arrays = arrays_of(case, rng)
    wanted = [y.get() for y in run(backend, case, upload(gpu, arrays))]
    for make in (
        lambda y: gpu.empty(y.shape, y.dtype),
        lambda y: gpu.empty((*y.shape, 2), y.dtype)[..., 1],
        lambda y: gpu.empty(y.shape, "float64" if y.dtype.kind == "f" else y.dtype),
    ):
        outs = tuple(map(make, wanted))
        results = run(backend, case, upload(gpu, arrays), out=outs if len(outs) > 1 else outs[0])
        for result, out, y in zip(results, outs, wanted, strict=True):
            assert result is out
            np.testing.assert_array_equal(out.get(), y)


@pytest.mark.parametrize("case", IN_PLACE)
def test_out_may_be_an_input(gpu, backend, rng, case):
    inputs = upload(gpu, arrays_of(case, rng))
    wanted = [y.get() for y in run(backend, case, inputs)]
    outs = tuple(inputs[i] for i in IN_PLACE[case])
    run(backend, case, inputs, out=outs if len(outs) > 1 else outs[0])
    for out, y in zip(outs, wanted, strict=True):
        np.testing.assert_array_equal(out.get(), y)


def test_kernels_run_on_the_device_of_their_arrays(fake_gpu, rng):
    x = normal(rng, 3, 4)
    for method in ("softmax", "gelu", "sum"):
        y = getattr(backends.gpu_backend(1), method)(x)
        assert y.device.id == 1
        np.testing.assert_allclose(y.get(), getattr(reference, method)(x), rtol=1e-5, atol=1e-6)


@EVERY_CASE
def test_a_graph_follows_its_inputs(gpu, backend, rng, case):
    """Capturing a graph waits for nothing on the GPU and reads no values."""
    arrays, others = arrays_of(case, rng), arrays_of(case, rng)
    inputs = upload(gpu, arrays)
    results = run(backend, case, inputs)  # kernels are compiled
    stream, before = gpu.cuda.Stream(non_blocking=True), fake_cupy.state.synchronizations
    with stream, gpu.cuda.using_allocator(gpu.cuda.MemoryPool().malloc):
        stream.begin_capture()
        outs = tuple(gpu.empty(y.shape, y.dtype) for y in results)
        run(backend, case, inputs, out=outs if len(outs) > 1 else outs[0])
        graph = stream.end_capture()
    assert fake_cupy.state.synchronizations == before
    for values in (others, arrays):
        for x, value in zip(inputs, values):
            x.set(np.array(value, order="C"))
        graph.launch()
        for out, y in zip(outs, run(backend, case, upload(gpu, values)), strict=True):
            np.testing.assert_array_equal(out.get(), y.get())


@EVERY_CASE
def test_the_order_of_threads_changes_no_bit(gpu, backend, rng, case):
    inputs = upload(gpu, arrays_of(case, rng, 30, 41))
    wanted = [y.get().tobytes() for y in run(backend, case, inputs)]
    for order in ("reverse", 5):
        with fake_cupy.cuda.order(order):
            assert [y.get().tobytes() for y in run(backend, case, inputs)] == wanted


@EVERY_CASE
def test_the_layout_of_inputs_changes_no_value(gpu, backend, rng, case):
    arrays = arrays_of(case, rng)
    inputs = upload(gpu, arrays)
    strided = [gpu.asarray(np.ascontiguousarray(a.T)).T for a in arrays]
    for a, b in zip(run(backend, case, inputs), run(backend, case, strided), strict=True):
        np.testing.assert_allclose(a.get(), b.get(), rtol=3e-6, atol=1e-6)


@pytest.mark.parametrize("case", [case for case in CASES if CASES[case][0] not in ("max", "min", "mean")])
def test_empty_arrays(gpu, backend, rng, case):
    for shape in ((0, 5), (5, 0)):
        if shape[1] > 0 or ("norm" not in case and "sparse" not in case):
            inputs = upload(gpu, CASES[case][1](rng, *shape))
            y = run(backend, case, inputs)[0]
            assert y.size == 0 or not y.get().any()


@pytest.mark.parametrize("rows", [600, 3000, 140_000])
def test_sums_of_several_parts(gpu, backend, rng, rows):
    x, gamma, dy = positive(rng, rows, 3) + 100, positive(rng, 3), normal(rng, rows, 3)
    on_gpu = upload(gpu, [x, gamma, dy])
    np.testing.assert_allclose(backend.sum(on_gpu[0], axis=(0,)).get(), x.sum(0, dtype=float), rtol=1e-6)
    np.testing.assert_allclose(backend.mean(on_gpu[0]).get(), x.mean(dtype=float), rtol=1e-6)
    _, mean, variance = backend.batch_norm(on_gpu[0], on_gpu[1], on_gpu[1], epsilon=1e-3)
    assert_matches((mean, variance), (x.mean(0, dtype=float), x.var(0, dtype=float)), "float32")
    statistics = [a.get().astype(float) for a in (mean, variance)]
    wanted = reference.batch_norm_backward(
        dy.astype(float), x.astype(float), *statistics, gamma.astype(float), epsilon=1e-3
    )
    found = backend.batch_norm_backward(on_gpu[2], on_gpu[0], mean, variance, on_gpu[1], epsilon=1e-3)
    for d, e in zip(found, wanted):
        np.testing.assert_allclose(d.get(), e, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", ["max_pool_argmax", "pad_reflect_0", "softmax", "crop_at", "batch_norm"])
def test_offsets_of_large_arrays(gpu, backend, rng, case, monkeypatch):
    inputs = upload(gpu, arrays_of(case, rng))
    wanted = run(backend, case, inputs)
    monkeypatch.setattr(compile, "INT_SIZES", 0)
    for y, e in zip(run(backend, case, inputs), wanted, strict=True):
        np.testing.assert_array_equal(y.get(), e.get())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dropout_and_uniform_have_the_bits_of_the_reference(gpu, backend, rng, dtype):
    x, seed = normal(rng, 7, 33).astype(dtype), np.array([2**63 + 11], np.uint64)
    found = backend.dropout(*upload(gpu, [x, seed]), rate=0.3)
    np.testing.assert_array_equal(found.get(), reference.dropout(x, seed, rate=0.3))
    found = backend.uniform(gpu.asarray(seed), shape=(3, 50))
    np.testing.assert_array_equal(found.get(), reference.uniform(seed, shape=(3, 50)), strict=True)


def test_invalid_labels_are_found_later(gpu, backend, rng):
    logits, labels = upload(gpu, [normal(rng, 40, 5), np.arange(40) % 5])
    backend.check()
    labels[37] = -2
    before = fake_cupy.state.synchronizations
    loss = backend.sparse_softmax_cross_entropy(logits, labels)
    assert fake_cupy.state.synchronizations == before
    assert np.isnan(loss.get()).nonzero()[0].tolist() == [37]
    with pytest.raises(ValueError, match=r"\[0, 5\).*target\[37\]=-2"):
        backend.check()
    backend.check()
    labels[37], labels[3] = 1, 5
    d = backend.sparse_softmax_cross_entropy_backward(loss, logits, labels)
    assert (d.get() == 0).all(1).nonzero()[0].tolist() == [3]
    with pytest.raises(ValueError, match=r"target\[3\]=5"):
        backend.check()


def test_other_dtypes_use_the_reference(gpu, backend):
    whole = np.arange(12).reshape(3, 4)
    x = gpu.asarray(whole)
    assert backend.sum(x, axis=(0,)).get().tolist() == whole.sum(0).tolist()
    assert backend.pad(x, pad_width=((1, 0), (0, 0)), value=7).get()[0].tolist() == [7] * 4
    assert backend.add(x, gpu.asarray(np.float32(0.5))).dtype == np.float64


@pytest.mark.parametrize("axis", [None, ()])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions_of_scalars_have_no_axes(gpu, backend, axis, keepdims):
    x = np.array(3, np.float32)
    for method in ("sum", "mean"):
        y = getattr(backend, method)(gpu.asarray(x), axis=axis, keepdims=keepdims)
        np.testing.assert_array_equal(y.get(), x, strict=True)


AT_ONCE = """
    relu elu_backward gate gelu adam dropout softmax log_softmax_backward where cross_entropy max_pool_argmax
    average_poolFalse pad_constant_0 crop_at
"""


def test_each_method_is_a_single_launch(fake_gpu, rng):
    gpu, backend = fake_gpu, Windows(backends.gpu_backend(0))
    for case in AT_ONCE.split():
        inputs = upload(gpu, arrays_of(case, rng))
        outs = tuple(gpu.empty(y.shape, y.dtype) for y in run(backend, case, inputs))
        before = fake_cupy.state.launches
        run(backend, case, inputs, out=outs if len(outs) > 1 else outs[0])
        assert fake_cupy.state.launches == before + 1, case


def test_every_method_has_a_case():
    methods = {method for method, *_ in (CASES | MORE).values()}
    assert methods == {name for name, member in vars(Reference).items() if callable(member) and name[0] != "_"}


def test_sizes_may_be_integers_of_numpy(gpu, backend, rng):
    x, two = gpu.asarray(normal(rng, 1, 4, 6, 3)), np.int64(2)
    window = {"size": (two, two), "strides": (two, two), "padding": ((0, 0), (np.int64(0), 0))}
    plain = {"size": (2, 2), "strides": (2, 2), "padding": ((0, 0), (0, 0))}
    np.testing.assert_array_equal(backend.max_pool(x, **window).get(), backend.max_pool(x, **plain).get())
