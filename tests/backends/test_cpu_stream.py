"""The memory-bound kernels, against the reference in float64."""

from __future__ import annotations

import math
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fastconv import _arrays, _elementwise
from fastconv.backends.cpu import stream
from fastconv.backends.cpu.backend import Cpu
from fastconv.backends.formulas import ACTIVATIONS, EPILOGUES, PIECEWISE
from fastconv.backends.reference import Reference
from tests.backends.cases import BINARY, CASES, IN_PLACE, UNARY, normal, positive
from tests.windows import Windows

cpu, reference = Windows(Cpu()), Windows(Reference(np))


@pytest.fixture(autouse=True)
def every_size_is_large(monkeypatch):
    """Use the kernels of elementwise functions for small arrays too."""
    monkeypatch.setattr(stream, "LARGE", 0)
    monkeypatch.setattr(stream, "LARGE_WITH_CHANNELS", 0)


EVERY_CASE = pytest.mark.parametrize("case", CASES)


def several(result):
    return result if isinstance(result, tuple) else (result,)


def run(backend, case, arrays, **extra):
    """Return the results of a case, always as a tuple."""
    method, _, parameters = CASES[case]
    return several(getattr(backend, method)(*arrays, **parameters, **extra))


def float64(array):
    return array.astype(float) if getattr(array, "dtype", None) == np.float32 else array


def assert_matches_reference(case, arrays):
    for result, expected in zip(
        run(cpu, case, arrays), run(reference, case, [float64(a) for a in arrays]), strict=True
    ):
        assert result.dtype == np.float32
        largest = np.abs(expected).max(initial=0)
        np.testing.assert_allclose(result, expected, rtol=3e-6, atol=2e-6 * largest)


@EVERY_CASE
def test_channels_around_the_vector(isa, rng, case):
    for channels in (1, 3, 4, 5, 8, 9, 15, 16, 17, 64, 70):
        for rows in (1, 25):
            assert_matches_reference(case, CASES[case][1](rng, rows, channels))


@EVERY_CASE
def test_arrays_of_several_blocks(rng, case):
    for rows, channels in ((3, 2100), (700, 200), (2, 70_000), (70_001, 2), (150, 1100)):
        assert_matches_reference(case, CASES[case][1](rng, rows, channels))


@EVERY_CASE
@pytest.mark.parametrize("channels", [47, 12])
def test_same_bits_at_any_number_of_threads(threads, rng, case, channels):
    arrays = CASES[case][1](rng, 9001, channels)
    results = []
    for n in (1, 2, 7, 8):
        threads(n)
        results.append([r.tobytes() for r in run(cpu, case, arrays)])
    assert all(result == results[0] for result in results)


def test_several_python_threads_at_once(threads, rng):
    threads(2)
    x, ones = normal(rng, 5000, 48), np.ones(48, np.float32)

    def work(_):
        return cpu.batch_norm(x, ones, ones, epsilon=1e-3)[0].tobytes() + cpu.softmax(x).tobytes()

    expected = work(0)
    with ThreadPoolExecutor(4) as pool:
        assert all(result == expected for result in pool.map(work, range(12)))


@EVERY_CASE
def test_layout_of_inputs_changes_no_bit(rng, case):
    arrays = CASES[case][1](rng, 300, 45)
    strided = [a if np.ndim(a) < 2 else np.asfortranarray(a) for a in arrays]
    for a, b in zip(run(cpu, case, arrays), run(cpu, case, strided), strict=True):
        if case in ("sum", "sum_middle"):
            np.testing.assert_array_max_ulp(a, b, 4)
        else:
            np.testing.assert_array_equal(a, b)


@EVERY_CASE
def test_out_receives_the_result_and_no_byte_outside_it_changes(isa, rng, case):
    """An `out` in C order lies between 8 floats that must not change; an `out` of another dtype gets a rounded copy."""
    for rows, channels in ((1, 1), (13, 5), (100, 131), (300, 45)):
        arrays = CASES[case][1](rng, rows, channels)
        expected = run(cpu, case, arrays)
        memories = [np.full(e.size + 16, 77, np.float32) for e in expected]
        views = [m[8:-8].reshape(e.shape) for m, e in zip(memories, expected)]
        doubles = [np.empty(e.shape) for e in expected]
        for outs in (views, doubles):
            results = run(cpu, case, arrays, out=outs[0] if len(outs) == 1 else tuple(outs))
            for result, out, e in zip(results, outs, expected, strict=True):
                assert result is out
                np.testing.assert_array_equal(out, e)
        for memory in memories:
            assert np.all(memory[:8] == 77)
            assert np.all(memory[-8:] == 77)


@pytest.mark.parametrize("case", IN_PLACE)
def test_out_may_be_an_input(isa, rng, case):
    arrays = CASES[case][1](rng, 999, 133)
    expected = run(cpu, case, arrays)
    outs = tuple(arrays[i] for i in IN_PLACE[case])
    run(cpu, case, arrays, out=outs[0] if len(outs) == 1 else outs)
    for out, e in zip(outs, expected, strict=True):
        np.testing.assert_array_equal(out, e)


@pytest.mark.parametrize("classes", [1, 2, 3, 5, 7, 10, 16, 21, 40, 64])
def test_narrow_rows_in_place(isa, rng, classes):
    for rows in (1, 13, 100):
        x, dy = normal(rng, rows, classes), normal(rng, rows, classes)
        y = cpu.softmax(x)
        dx = cpu.softmax_backward(dy, y)
        np.testing.assert_array_equal(cpu.softmax(x, out=x), y)
        np.testing.assert_array_equal(cpu.softmax_backward(dy, x, out=x), dx)


@EVERY_CASE
def test_float64_uses_the_reference(rng, case):
    arrays = [float64(a) for a in CASES[case][1](rng, 7, 5)]
    for result, expected in zip(run(cpu, case, arrays), run(reference, case, arrays), strict=True):
        assert np.asarray(result).dtype == np.float64
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("case", [case for case in CASES if CASES[case][0] not in ("max", "min", "mean")])
def test_empty_arrays(rng, case):
    for shape in ((0, 5), (5, 0)):
        if shape[1] > 0 or "sparse" not in case:
            first = run(cpu, case, CASES[case][1](rng, *shape))[0]
            assert first.size == 0 or not np.any(first)


@pytest.mark.parametrize("kind", ["max", "min"])
def test_empty_reductions_have_no_maximum(kind):
    with pytest.raises(ValueError, match="zero-size array"):
        getattr(cpu, kind)(np.zeros((0, 5), np.float32))
    assert getattr(cpu, kind)(np.zeros((0, 5), np.float32), axis=(1,)).shape == (0,)


def test_denormals_are_as_before_after_a_call(rng):
    cpu.activate(normal(rng, 10), activation="tanh")
    tiny = np.array([1e-40], np.float32)
    assert (tiny * np.float32(0.5))[0] > 0


# ---- alignment of results --------------------------------------------------------------------------------------------


def test_large_results_are_aligned_and_own_their_memory(rng):
    x = normal(rng, 40, 131)
    results = [cpu.activate(x, activation="relu") for _ in range(5)]
    for y in results:
        assert y.ctypes.data % 64 == 0
        assert y.base is None
        assert y.flags.carray
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(y)), y)
    y.resize((80, 131), refcheck=False)
    np.testing.assert_array_equal(y, np.concatenate([results[0], np.zeros_like(x)]))


PAST_CACHES = {
    "relu": 1, "sigmoid_backward": 2, "gate": 1, "gate_backward": 2, "scale_shift": 1, "add": 2, "add_channels": 1,
    "exp": 1, "normalize": 1, "batch_norm": 1, "batch_norm_backward": 2, "batch_norm_relu": 1,
    "batch_norm_clipped_relu_backward": 2,
}  # fmt: skip


@pytest.mark.parametrize("case", PAST_CACHES)
def test_nontemporal_results(isa, threads, rng, case):
    """An `out` that is not aligned to a cache line is written through the caches: the bits must be the same."""
    threads(2)
    rows, channels = 5001, 720
    block = rng.standard_normal((rows, channels), np.float32)
    small = CASES[case][1](rng, 1, channels)
    arrays = [block[:: 1 if i % 2 else -1] if i < PAST_CACHES[case] else a for i, a in enumerate(small)]
    results = run(cpu, case, arrays)
    memory = np.empty(block.size + 16, np.float32)
    start = (1 - memory.ctypes.data // 4) % 16
    beside = memory[start : start + block.size].reshape(block.shape)
    assert results[0].ctypes.data % 64 == 0
    assert beside.ctypes.data % 64 != 0
    outs = (beside, *(np.empty_like(r) for r in results[1:]))
    for result, out in zip(results, run(cpu, case, arrays, out=outs if len(outs) > 1 else beside), strict=True):
        np.testing.assert_array_equal(result, out)


def test_large_padding_is_nontemporal(isa, rng):
    x = normal(rng, 16, 56, 64, 64)
    sides = ((0, 0), (1, 0), (1, 2), (0, 0))
    y = cpu.pad(x, pad_width=sides, mode="edge")
    np.testing.assert_array_equal(y, np.pad(x, sides, mode="edge"))
    np.testing.assert_array_equal(cpu.pad_backward(y, pad_width=sides), x)


def test_results_of_an_impossible_size():
    with pytest.raises(ValueError, match="negative dimensions"):
        _arrays.output_array(None, (-64, -64))
    with pytest.raises((MemoryError, ValueError)):
        _arrays.output_array(None, (1 << 40, 1 << 5))


# ---- exp and related functions ---------------------------------------------------------------------------------------

SWEEP = np.concatenate(
    [
        np.linspace(-110, 110, 200_001),
        np.linspace(-1, 1, 100_001),
        np.geomspace(1e-30, 1, 20_000),
        -np.geomspace(1e-30, 1, 20_000),
    ]
).astype(np.float32)


def ulps(result, truth):
    """Return the distance in units of the last place of `truth`, for normal numbers only."""
    normals = np.abs(truth) >= np.finfo(np.float32).tiny
    return np.abs(result[normals] - truth[normals]) / np.spacing(np.abs(truth[normals]).astype(np.float32))


@pytest.mark.parametrize(
    ("activation", "truth", "bound"),
    [
        ("tanh", np.tanh, 3),
        ("sigmoid", lambda x: 1 / (1 + np.exp(-x)), 3),
        ("elu", lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), 3),
    ],
)
def test_a_few_ulp(isa, activation, truth, bound):
    y = cpu.activate(SWEEP, activation=activation, alpha=1.0)
    assert ulps(y, truth(SWEEP.astype(float))).max() < bound


def test_exp_and_log_in_a_softmax_of_two(isa):
    """softmax([0, x]) = (1, e^x) / (1 + e^x)."""
    x = SWEEP.astype(float)
    rows = np.stack([np.zeros_like(SWEEP), SWEEP], axis=1)
    with np.errstate(over="ignore"):
        truth = np.stack([1 / (1 + np.exp(x)), 1 / (1 + np.exp(-x))], axis=1)
    assert ulps(cpu.softmax(rows), truth).max() < 4
    expected = np.stack([-np.logaddexp(0, x), -np.logaddexp(0, -x)], axis=1)
    np.testing.assert_allclose(cpu.log_softmax(rows), expected, rtol=2e-7, atol=2e-7)


SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -2.5, 1e30, -1e30], np.float32)


@pytest.mark.parametrize("function", UNARY)
def test_special_values_of_functions(isa, function):
    x = np.tile(SPECIAL, 5)
    with np.errstate(all="ignore"):
        expected = getattr(np, function)(x)
    np.testing.assert_array_max_ulp(cpu.elementwise(x, function=function), expected, 3 if function == "exp" else 0)


@pytest.mark.parametrize("function", BINARY)
def test_special_values_of_functions_of_two(isa, function):
    x, y = (a.ravel() for a in np.meshgrid(SPECIAL, SPECIAL))
    with np.errstate(all="ignore"):
        expected = getattr(np, function)(x, y)
    np.testing.assert_array_equal(cpu.elementwise(x, y, function=function), expected)


def test_exp_to_a_few_ulp(isa):
    with np.errstate(over="ignore"):
        truth = np.exp(SWEEP.astype(float)).astype(np.float32).astype(float)
    finite = np.isfinite(truth)
    y = cpu.elementwise(SWEEP, function="exp")
    assert ulps(y[finite], truth[finite]).max() < 3
    assert np.isinf(y[~finite]).all()


def test_functions_without_a_kernel_use_the_reference(rng):
    x = positive(rng, 40)
    np.testing.assert_array_equal(cpu.elementwise(x, function="log"), np.log(x))
    np.testing.assert_array_equal(cpu.elementwise(x, x[::-1], function="less"), x < x[::-1])


@pytest.mark.parametrize("shapes", [((4, 5), (4, 1)), ((4, 5), (3, 1, 5)), ((5,), (1, 1)), ((1, 5), (5,)), ((), ())])
def test_other_broadcasts_use_the_reference(rng, shapes):
    x, y = (np.asarray(normal(rng, *shape)) for shape in shapes)
    np.testing.assert_array_equal(cpu.elementwise(x, y, function="subtract"), x - y, strict=True)


@pytest.mark.parametrize("activation", EPILOGUES)
def test_special_values(isa, activation):
    x = np.array([np.nan, np.inf, -np.inf, 0.0, 1e-41, -1e-41, 3e38, -3e38], np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        expected = EPILOGUES[activation](np, x, 0.3)
    y = cpu.activate(np.tile(x, 5), activation=activation, alpha=0.3).reshape(5, -1)
    np.testing.assert_allclose(y, np.tile(expected, (5, 1)), rtol=1e-6, atol=2e-38)


def test_silu_has_the_bits_of_its_gate(isa):
    """A linear factor beside 1 computes the gate in its general form, which differs by the last bits only."""
    x = np.concatenate([np.linspace(-120, 120, 4001), [np.nan, np.inf, -np.inf, -0.0]]).astype(np.float32)
    y = cpu.activate(x, activation="silu")
    np.testing.assert_array_equal(y, cpu.gate(x, linear=1.0, cubic=0.0))
    np.testing.assert_allclose(y, cpu.gate(x, linear=np.nextafter(np.float32(1), 2), cubic=0.0), rtol=2e-5)


def test_activation_gradients_pass_nan_on_unless_their_slope_is_0(isa):
    dy = np.full(19, np.nan, np.float32)
    for activation in ACTIVATIONS:
        assert np.isnan(cpu.activate_backward(dy, np.ones_like(dy), activation=activation, alpha=2.0)).all()
    for activation in ("relu", "clipped_relu"):
        assert not cpu.activate_backward(dy, np.zeros_like(dy), activation=activation, alpha=2.0).any()


# ---- softmax and losses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 10, 63, 64, 255, 256, 257, 1023, 1024, 1025, 5000])
def test_rows_of_any_length(isa, rng, n):
    for case in ("softmax", "softmax_backward", "log_softmax", "cross_entropy", "cross_entropy_backward", "sum_rows"):
        assert_matches_reference(case, CASES[case][1](rng, 3, n))


def test_softmax_of_large_and_infinite_numbers(isa):
    rows = np.array([[1e4, 1e4 + 1, -1e30], [-np.inf, 0, 0], [np.nan, 0, 1], [0, 1, np.nan]], np.float32)
    y = cpu.softmax(rows)
    np.testing.assert_allclose(y[0], [1 / (1 + math.e), math.e / (1 + math.e), 0], rtol=1e-6)
    np.testing.assert_array_equal(y[1], [0, 0.5, 0.5])
    assert np.isnan(y[2:]).all()
    assert np.isnan(cpu.softmax(np.full((1, 3), -np.inf, np.float32))).all()


@pytest.mark.parametrize("classes", [2, 3, 9, 21])
def test_rows_of_softmax_are_independent(isa, rng, classes):
    x, dy = normal(rng, 61, classes), normal(rng, 61, classes)
    y = cpu.softmax(x)
    dx = cpu.softmax_backward(dy, y)
    for row, special in ((0, np.nan), (17, np.inf), (18, np.nan), (60, -np.inf)):
        poisoned, gradient = x.copy(), dy.copy()
        poisoned[row, -1] = gradient[row, -1] = special
        result, slope = cpu.softmax(poisoned), cpu.softmax_backward(gradient, y)
        assert np.isnan(result[row]).all() != (special == -np.inf)
        assert not np.isfinite(slope[row]).any()
        others = np.arange(61) != row
        np.testing.assert_array_equal(result[others], y[others])
        np.testing.assert_array_equal(slope[others], dx[others])


@pytest.mark.parametrize("label", [-1, 5, 2**40])
def test_labels_outside_the_classes(label):
    logits, target = np.zeros((3, 5), np.float32), np.array([0, label, 1])
    message = rf"labels must lie in \[0, 5\).*Received: target\[1\]={label}"
    with pytest.raises(ValueError, match=message):
        cpu.sparse_softmax_cross_entropy(logits, target)
    with pytest.raises(ValueError, match=message):
        cpu.sparse_softmax_cross_entropy_backward(np.ones(3, np.float32), logits, target)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint64])
def test_labels_of_any_integer_dtype(rng, dtype):
    logits, target = normal(rng, 9, 5), rng.integers(0, 5, 9)
    expected = reference.sparse_softmax_cross_entropy(logits, target)
    np.testing.assert_allclose(cpu.sparse_softmax_cross_entropy(logits, target.astype(dtype)), expected, rtol=1e-6)


def test_the_number_of_labels_must_match_the_rows():
    with pytest.raises(ValueError, match="needs 3 elements of int64"):
        cpu.sparse_softmax_cross_entropy(np.zeros((3, 5), np.float32), np.zeros(2, int))


def test_pytorch_agrees_on_losses(rng):
    torch = pytest.importorskip("torch")
    logits, target = normal(rng, 40, 17), rng.integers(0, 17, 40)
    leaf = torch.from_numpy(logits).requires_grad_()
    loss = torch.nn.functional.cross_entropy(leaf, torch.from_numpy(target), reduction="none")
    loss.sum().backward()
    np.testing.assert_allclose(
        cpu.sparse_softmax_cross_entropy(logits, target), loss.detach().numpy(), rtol=1e-6, atol=1e-6
    )
    gradient = cpu.sparse_softmax_cross_entropy_backward(np.ones(40, np.float32), logits, target)
    np.testing.assert_allclose(gradient, leaf.grad.numpy(), rtol=1e-5, atol=1e-6)


# ---- sums and statistics ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [None, (0, 1, 2), (0, 1), -1, 2, (2,), 0, 1, (1,), (1, 2), (0, 2), (-3, 1), ()])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("kind", ["sum", "max", "min"])
def test_reductions_over_any_axes(rng, kind, axis, keepdims):
    x = rng.integers(-9, 9, (31, 40, 50)).astype(np.float32)
    expected = getattr(np, kind)(x, axis=axis, keepdims=keepdims)
    np.testing.assert_array_equal(getattr(cpu, kind)(x, axis=axis, keepdims=keepdims), expected, strict=True)


@pytest.mark.parametrize("axis", [3, -4, (0, 3), (1, 1)])
def test_wrong_axes(axis):
    with pytest.raises(ValueError, match="axis"):
        cpu.max(np.zeros((2, 3, 4), np.float32), axis=axis)


@pytest.mark.parametrize("shape", [(3, 7, 1), (3, 7, 5), (2, 49, 64), (3, 300, 130), (2, 900, 65), (5, 2, 40_000)])
def test_reductions_of_slices(isa, rng, shape):
    x = normal(rng, *shape)
    np.testing.assert_array_equal(cpu.max(x, axis=(1,)), x.max(axis=1))
    np.testing.assert_array_equal(cpu.min(x, axis=(1,)), x.min(axis=1))
    np.testing.assert_allclose(cpu.sum(np.abs(x), axis=(1,)), np.abs(x).sum(axis=1, dtype=float), rtol=3e-7)


@pytest.mark.parametrize("kind", ["max", "min"])
@pytest.mark.parametrize("shape", [(1, 37, 1), (2, 70_000, 1), (2, 21, 5), (1, 999, 70)])
def test_nan_is_the_maximum_at_any_position(isa, rng, kind, shape):
    x = normal(rng, *shape)
    x.flat[:: max(1, x.size // 11)] = np.inf
    for where in (0, 1, 19, shape[1] - 1):
        poisoned = x.copy()
        poisoned[-1, where, 0] = np.nan
        np.testing.assert_array_equal(getattr(cpu, kind)(poisoned, axis=(1,)), getattr(poisoned, kind)(axis=1))


@pytest.mark.parametrize("kind", ["max", "min"])
def test_infinite_extremes(isa, kind):
    for extreme in (-np.inf, np.inf):
        x = np.full((3, 5, 7), extreme, np.float32)
        for axis in (None, (1,), (2,), (0, 1)):
            assert (getattr(cpu, kind)(x, axis=axis) == extreme).all()


def test_sum_is_accurate(isa, rng):
    x = positive(rng, 300_000)
    assert cpu.sum(x) == pytest.approx(math.fsum(x.tolist()), rel=2e-7)
    rows = x.reshape(3, -1)
    np.testing.assert_allclose(cpu.sum(rows, axis=1), rows.sum(axis=1, dtype=float), rtol=2e-7)
    columns = x.reshape(-1, 3)
    np.testing.assert_allclose(cpu.sum(columns, axis=(0,)), columns.sum(axis=0, dtype=float), rtol=2e-7)


@pytest.mark.parametrize("channels", [1, 3, 64, 100])
@pytest.mark.parametrize("mean", [0, 1e3])
def test_statistics_are_accurate(isa, rng, channels, mean):
    x = (mean + rng.standard_normal((5001, channels))).astype(np.float32)
    ones = np.ones(channels, np.float32)
    _, m, v = cpu.batch_norm(x, ones, ones, epsilon=0.0)
    np.testing.assert_allclose(m, x.mean(axis=0, dtype=float), rtol=2e-7, atol=1e-7)
    np.testing.assert_allclose(v, x.var(axis=0, dtype=float), rtol=1e-6)


def test_a_leading_outlier_does_not_spoil_the_variance(isa, rng):
    x = normal(rng, 40_000, 4)
    x[0] = 1e6
    ones = np.ones(4, np.float32)
    _, m, v = cpu.batch_norm(x, ones, ones, epsilon=0.0)
    np.testing.assert_allclose(m, x.mean(axis=0, dtype=float), rtol=1e-5)
    np.testing.assert_allclose(v, x.var(axis=0, dtype=float), rtol=1e-5)


@pytest.mark.parametrize("activation", sorted(PIECEWISE))
@pytest.mark.parametrize("shape", [(3, 7, 5), (41, 16), (2, 9, 100), (70, 700)])
@pytest.mark.parametrize("mean", [0, 1e3])
def test_normalisation_with_an_activation_has_the_bits_of_both_in_turn(isa, rng, activation, shape, mean):
    x, dy, gamma, beta = (normal(rng, *each) for each in (shape, shape, shape[-1:], shape[-1:]))
    x, f = x + np.float32(mean), {"activation": activation, "alpha": 0.3}
    gamma[0] = 0
    h, *statistics = cpu.batch_norm(x, gamma, beta, epsilon=1e-3)
    y, *found, scale, shift = cpu.batch_norm_activate(x, gamma, beta, epsilon=1e-3, **f)
    for a, b in zip((y, *found), (cpu.activate(h, **f), *statistics)):
        np.testing.assert_array_equal(a, b)
    separate = cpu.batch_norm_backward(cpu.activate_backward(dy, y, **f), x, *statistics, gamma, epsilon=1e-3)
    joined = cpu.batch_norm_activate_backward(dy, x, *statistics, gamma, scale, shift, epsilon=1e-3, **f)
    for a, b in zip(joined, separate):
        assert a.tobytes() == b.tobytes()


def test_constant_channels_have_no_variance(isa):
    x = np.full((3000, 5), 0.1, np.float32)
    y, m, v = cpu.batch_norm(x, np.ones(5, np.float32), np.full(5, 3, np.float32), epsilon=1e-3)
    np.testing.assert_allclose(m, 0.1, rtol=1e-7)
    assert (v < 1e-14).all()
    np.testing.assert_allclose(y, 3, rtol=1e-6)


# ---- random numbers and updates --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.999])
@pytest.mark.parametrize("n", [1, 255, 256, 257, 70_000])
def test_dropout_has_the_bits_of_the_reference(isa, rng, n, rate):
    x, seed = normal(rng, n), np.array([2**64 - 5], np.uint64)
    np.testing.assert_array_equal(cpu.dropout(x, seed, rate=rate), reference.dropout(x, seed, rate=rate))


def test_large_arrays_use_the_kernel_and_small_arrays_numpy(monkeypatch, rng):
    monkeypatch.undo()
    taken = []
    monkeypatch.setattr(_elementwise, "elementwise", lambda function, z, *arrays: taken.append(z.shape))
    vector = normal(rng, 16)
    for rows in (100, 500, 1 << 14):
        x = normal(rng, rows, 16)
        cpu.elementwise(x, x, function="subtract")
        cpu.elementwise(x, function="exp")
        cpu.elementwise(vector, x, function="subtract")
    assert taken == [(500, 16)] + 3 * [(1 << 14, 16)]


def test_every_case_is_tuned():
    """The CPU overrides each method of the table; none falls back to the reference unnoticed."""
    for method, _, _ in CASES.values():
        assert getattr(Cpu, method) is not getattr(Reference, method)
