"""Convolution through the public ops: its definition, its adjoints, layouts, PyTorch's results, errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fastconv import config, ops
from fastconv.engine import grad
from tests import naive
from tests.check import check_op, example
from tests.strategies import windows

X, W = example(2, 6, 5, 4), example(3, 2, 2, 6, seed=1)


def integers(seed, shape):
    """Return integers as float32: their sums carry no rounding, so that results can be compared exactly."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(windows(ranks=(1, 2, 3)))
def test_any_window_matches_the_definition(window):
    x, w = integers(0, window.x_shape), integers(1, window.w_shape)
    y = ops.conv(x, w, window.strides, window.padding, dilation_rate=window.dilation)
    moves = {"strides": window.strides, "padding": window.padding, "dilation": window.dilation}
    np.testing.assert_array_equal(y, naive.conv(x, w, **moves).astype(np.float32), strict=True)


@settings(max_examples=60, deadline=None)
@given(windows(ranks=(1, 2, 3)))
def test_gradients_are_adjoint(window):
    """<dy, conv(x, w)> = <conv_backward_input(dy, w), x> = <conv_backward_kernel(x, dy), w>."""
    x, w = integers(0, window.x_shape), integers(1, window.w_shape)
    moves = {"strides": window.strides, "padding": window.padding, "dilation_rate": window.dilation}
    y = ops.conv(x, w, **moves)
    dy = integers(2, y.shape)
    dx = ops.conv_backward_input(dy, w, x.shape, **moves)
    dw = ops.conv_backward_kernel(x, dy, w.shape, **moves)
    assert (dx.shape, dw.shape) == (x.shape, w.shape)
    assert np.sum(dy * y, dtype=float) == np.sum(dx * x, dtype=float) == np.sum(dw * w, dtype=float)
    found = grad(lambda x, w: ops.sum(ops.conv(x, w, **moves) * dy), argnums=(0, 1))(x, w)
    np.testing.assert_array_equal(found[0], dx)
    np.testing.assert_array_equal(found[1], dw)


@pytest.mark.parametrize("padding", ["same", "VALID", 1, (1, 0), ((2, 1), (0, 3))])
@pytest.mark.parametrize("strides", [1, (2, 3)])
def test_paddings_and_layouts(padding, strides):
    """Channels first is the same computation with its axes in another order."""
    last = ops.conv(X, W, strides, padding)
    first = np.moveaxis(X, 3, 1)
    check_op(lambda x, w: ops.conv(x, w, strides, padding, data_format="channels_first"), first, W)
    np.testing.assert_allclose(
        ops.conv(first, W, strides, padding, data_format="channels_first"), np.moveaxis(last, 3, 1), rtol=1e-12
    )
    config.set_image_data_format("channels_first")
    np.testing.assert_allclose(ops.conv(first, W, strides, padding), np.moveaxis(last, 3, 1), rtol=1e-12)


def test_backward_ops_in_channels_first():
    dy = ops.conv(X, W, padding="same")
    first = {"padding": "same", "data_format": "channels_first"}
    x, d = np.moveaxis(X, 3, 1), np.moveaxis(dy, 3, 1)
    np.testing.assert_allclose(
        ops.conv_backward_input(d, W, x.shape, **first),
        np.moveaxis(ops.conv_backward_input(dy, W, X.shape, padding="same"), 3, 1),
    )
    np.testing.assert_allclose(
        ops.conv_backward_kernel(x, d, W.shape, **first), ops.conv_backward_kernel(X, dy, W.shape, padding="same")
    )


@pytest.mark.parametrize(("rank", "strides"), [(1, 2), (1, (3,)), (3, 1), (3, (1, 2, 3))])
@pytest.mark.parametrize("padding", ["same", "valid", 1])
def test_layouts_of_one_and_three_axes(rank, strides, padding):
    x, w = example(2, *(6, 5, 7)[:rank], 4), example(*(3, 2, 1)[:rank], 2, 6, seed=1)
    first = np.moveaxis(x, -1, 1)
    y = ops.conv(x, w, strides, padding)
    check_op(lambda x, w: ops.conv(x, w, strides, padding, "channels_first"), first, w)
    np.testing.assert_allclose(ops.conv(first, w, strides, padding, "channels_first"), np.moveaxis(y, -1, 1))


@pytest.mark.parametrize("dilation", [1, 3])
@pytest.mark.parametrize("strides", [1, 2])
def test_causal_outputs_do_not_depend_on_later_inputs(dilation, strides):
    x, w = example(1, 9, 2), example(3, 2, 4)
    y = ops.conv(x, w, strides, "causal", dilation_rate=dilation)
    assert y.shape[1] == -(-9 // strides)
    for i in range(y.shape[1]):
        known = np.where(np.arange(9)[:, None] <= i * strides, x, np.nan)
        np.testing.assert_array_equal(
            ops.conv(known, w, strides, "causal", dilation_rate=dilation)[:, : i + 1], y[:, : i + 1]
        )
    np.testing.assert_array_equal(y, ops.conv(x, w, strides, ((2 * dilation, 0),), dilation_rate=dilation))


@pytest.mark.parametrize("n", range(1, 8))
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_same_padding_gives_ceil_of_n_over_stride(n, stride, size):
    """An odd pixel of padding is added at the end: the first output sees one pixel less of it, as in Keras."""
    x, w = np.arange(1.0, n + 1).reshape(1, n, 1, 1), np.ones((size, 1, 1, 1))
    y = ops.conv(x, w, stride, "same").ravel()
    total = max((-(-n // stride) - 1) * stride + size - n, 0)
    padded = np.pad(np.arange(1.0, n + 1), (total // 2, total - total // 2))
    assert len(y) == -(-n // stride)
    np.testing.assert_array_equal(y, [padded[i * stride : i * stride + size].sum() for i in range(len(y))])


@settings(max_examples=60, deadline=None)
@given(windows(ranks=(1, 2, 3)), st.booleans())
def test_transposed_convolution_matches_the_definition(window, added):
    """The matrix of the op is the transposed matrix of a convolution."""
    x, w = integers(0, (*window.x_shape[:-1], window.w_shape[-1])), integers(1, window.w_shape)
    extra = tuple(s - 1 for s in window.strides) if added else (0,) * len(window.strides)
    moves = {"strides": window.strides, "padding": window.padding, "dilation_rate": window.dilation}
    ends = zip(x.shape[1:-1], w.shape, window.strides, window.dilation, window.padding, extra)
    shape = tuple((n - 1) * s + (k - 1) * d + 1 - sum(p) + e for n, k, s, d, p, e in ends)
    assume(min(shape) > 0)
    y = ops.conv_transpose(x, w, output_padding=extra, **moves)
    before = [p[0] for p in window.padding]
    wanted = naive.conv_transpose(x, w, shape=shape, strides=window.strides, before=before, dilation=window.dilation)
    np.testing.assert_array_equal(y, wanted.astype(np.float32), strict=True)
    dy = integers(2, y.shape)
    f = lambda x, w: ops.sum(ops.conv_transpose(x, w, output_padding=extra, **moves) * dy)  # noqa: E731
    dx, dw = grad(f, argnums=(0, 1))(x, w)
    np.testing.assert_array_equal(dx, ops.conv(dy, w, **moves))
    assert np.sum(dy * y, dtype=float) == np.sum(dx * x, dtype=float) == np.sum(dw * w, dtype=float)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
def test_sizes_of_transposed_convolutions(k, stride, dilation):
    """Keras's formulas, and the position of the window of the first pixel."""
    x, w, f = np.zeros((1, 4, 1)), np.arange(1.0, k + 1).reshape(k, 1, 1), (k - 1) * dilation + 1
    x[0, 0] = 1

    def result(padding, added):
        return ops.conv_transpose(x, w, stride, padding, added, dilation_rate=dilation).ravel()

    assert len(result("valid", None)) == 3 * stride + max(f, stride)
    assert len(result("same", None)) == 4 * stride
    full = np.pad(result("valid", None), (0, 9))
    for added in range(stride):
        assert len(result("valid", added)) == 3 * stride + f + added
        assert len(result("same", added)) == 3 * stride + f % 2 + added
        first = max((f - f % 2 - added) // 2, 0)
        np.testing.assert_array_equal(result("same", added), full[first:][: 3 * stride + f % 2 + added])
    np.testing.assert_array_equal(result("same", None), full[max((f - stride) // 2, 0) :][: 4 * stride])


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_layouts_of_composed_convolutions(rank, data_format):
    x, w = example(2, *(5, 4, 3)[:rank], 4), example(*(3, 2, 2)[:rank], 4, 2, seed=1)
    pointwise = example(*[1] * rank, 8, 3, seed=2)
    to = np.moveaxis if data_format == "channels_first" else lambda a, *_: a
    for f in (
        lambda x, **how: ops.conv_transpose(x, w.swapaxes(-1, -2), 2, "same", **how),
        lambda x, **how: ops.depthwise_conv(x, w, 2, "same", **how),
        lambda x, **how: ops.separable_conv(x, w, pointwise, 2, "same", **how),
    ):
        found = f(to(x, -1, 1), data_format=data_format)
        np.testing.assert_allclose(found, to(f(x), -1, 1), rtol=1e-12, atol=1e-13)


def test_translation_equivariance():
    x = example(1, 9, 9, 2)
    shifted = np.roll(x, (2, 1), (1, 2))
    w = example(3, 3, 2, 3, seed=2)
    np.testing.assert_allclose(ops.conv(shifted, w)[:, 2:, 1:], ops.conv(x, w)[:, :-2, :-1], rtol=1e-12)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("padding", [0, (1, 2)])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_as_pytorch(groups, strides, padding, dilation, dtype):
    torch = pytest.importorskip("torch")
    x, w = X.astype(dtype), example(3, 2, 4 // groups, 8, seed=3).astype(dtype)
    given = [torch.tensor(np.moveaxis(x, 3, 1), requires_grad=True)]
    given.append(torch.tensor(w.transpose(3, 2, 0, 1).copy(), requires_grad=True))
    y = torch.nn.functional.conv2d(*given, stride=strides, padding=padding, dilation=dilation, groups=groups)
    dy = example(*np.moveaxis(np.empty(y.shape), 1, 3).shape, seed=4).astype(dtype)
    y.backward(torch.tensor(np.moveaxis(dy, 3, 1).copy()))
    moves = {"strides": strides, "padding": padding, "dilation_rate": dilation}
    found = grad(lambda x, w: ops.sum(ops.conv(x, w, **moves) * dy), argnums=(0, 1))(x, w)
    tolerance = {"rtol": 1e-4, "atol": 1e-4} if dtype == np.float32 else {"rtol": 1e-10, "atol": 1e-10}
    np.testing.assert_allclose(ops.conv(x, w, **moves), np.moveaxis(y.detach().numpy(), 1, 3), **tolerance)
    np.testing.assert_allclose(found[0], np.moveaxis(given[0].grad.numpy(), 1, 3), **tolerance)
    np.testing.assert_allclose(found[1], given[1].grad.numpy().transpose(2, 3, 1, 0), **tolerance)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("stride", [1, 2])
def test_transposed_as_pytorch(rank, k, stride):
    torch = pytest.importorskip("torch")
    x, w = integers(0, (2, *(6, 5, 4)[:rank], 3)), integers(1, (*[k] * rank, 5, 3))
    function = getattr(torch.nn.functional, f"conv_transpose{rank}d")
    theirs = function(
        torch.tensor(np.moveaxis(x, -1, 1).copy()),
        torch.tensor(np.moveaxis(w, (-1, -2), (0, 1)).copy()),
        stride=stride,
        padding=k // 2,
        output_padding=stride - 1,
    )
    ours = ops.conv_transpose(x, w, stride, k // 2, stride - 1)
    np.testing.assert_array_equal(np.moveaxis(ours, -1, 1), theirs.numpy())


SHAPES = " Received: inputs.shape=(2, 6, 5, 4), kernel.shape={} (NHWC, HWIO)."
ERRORS = [
    (
        lambda: ops.conv(X[0, 0], W),
        "conv: inputs must have 3 or 4 or 5 axes, a batch of images. Received: inputs.shape=(5, 4)",
    ),
    (
        lambda: ops.conv(X, W[0]),
        "conv: inputs and kernel must have the same number of axes, 3 to 5. "
        "Received: inputs.shape=(2, 6, 5, 4), kernel.shape=(2, 2, 6) (NWC, WIO)",
    ),
    (
        lambda: ops.conv(X, np.ones((3, 3, 3, 16))),
        "conv: kernel has 3 input channels but inputs have 4; with 4 it would sum over all channels, "
        "with a divisor of 4 it would make groups." + SHAPES.format("(3, 3, 3, 16)"),
    ),
    (
        lambda: ops.conv(X, np.ones((3, 3, 2, 5))),
        "conv: 5 output channels do not divide into 2 groups, which a kernel with 2 of 4 input channels makes; "
        "with 4 it would sum over all channels." + SHAPES.format("(3, 3, 2, 5)"),
    ),
    (
        lambda: ops.conv(X, W[:0]),
        "conv: every size of the kernel must be at least 1." + SHAPES.format("(0, 2, 2, 6)"),
    ),
    (lambda: ops.conv(X, W, 0), "strides must be at least 1. Received: strides=0"),
    (lambda: ops.conv(X, W, (1, 2, 3)), "strides must be an int or 2 ints. Received: strides=(1, 2, 3)"),
    (lambda: ops.conv(X, W, 1.5), "strides must be an int or 2 ints. Received: strides=1.5"),
    (lambda: ops.conv(X, W, dilation_rate=(1, 0)), "dilation_rate must be at least 1. Received: dilation_rate=(1, 0)"),
    (
        lambda: ops.conv(X, W, padding="full"),
        "conv: padding must be 'valid', 'same' or ((top, bottom), (left, right)). Received: padding='full'",
    ),
    (
        lambda: ops.conv(X, W, padding="causal"),
        "conv: padding must be 'valid', 'same' or ((top, bottom), (left, right)). Received: padding='causal'",
    ),
    (
        lambda: ops.conv(X[0], W[0], padding="full"),
        "conv: padding must be 'valid', 'same', 'causal' or ((before, after),). Received: padding='full'",
    ),
    (
        lambda: ops.conv(X, W, padding=((1, -1), (0, 0))),
        "conv: padding must be 2 pairs of integers >= 0. Received: padding=((1, -1), (0, 0))",
    ),
    (
        lambda: ops.conv(X, W, dilation_rate=3),
        "conv: the window must fit into the padded input. Received: input size=(6, 5), window=(3, 2), strides=(1, 1), "
        "dilation=(3, 3), padding=((0, 0), (0, 0))",
    ),
    (
        lambda: ops.conv(X, W, data_format="NCHW"),
        "data_format must be 'channels_last' or 'channels_first'. Received: 'NCHW'",
    ),
    (
        lambda: ops.conv_backward_input(X, W, X.shape),
        "conv_backward_input: grad must have the shape of conv's output, (2, 4, 4, 6) (channels last). "
        "Received: grad.shape=(2, 6, 5, 4)",
    ),
    (
        lambda: ops.conv_backward_kernel(X, X, W.shape),
        "conv_backward_kernel: grad must have the shape of conv's output, (2, 4, 4, 6) (channels last). "
        "Received: grad.shape=(2, 6, 5, 4)",
    ),
    (
        lambda: ops.conv_transpose(X, W),
        "conv_transpose: kernel must have the axes of inputs and their channels last, no size may be 0. "
        "Received: inputs.shape=(2, 6, 5, 4), kernel.shape=(3, 2, 2, 6) (NHWC, HWOI)",
    ),
    (
        lambda: ops.conv_transpose(X, np.ones((3, 3, 2, 4)), 2, output_padding=2),
        "conv_transpose: output_padding must be 2 integers >= 0 and below the strides. "
        "Received: output_padding=2, strides=(2, 2)",
    ),
    (
        lambda: ops.conv_transpose(X, np.ones((1, 1, 2, 4)), padding=3),
        "conv_transpose: padding must leave at least one pixel. Received: input size=(6, 5), window=(1, 1), "
        "strides=(1, 1), dilation=(1, 1), padding=((3, 3), (3, 3))",
    ),
    (
        lambda: ops.depthwise_conv(X, W),
        "depthwise_conv: kernel must have the axes of inputs, and their channels in the next-to-last axis. "
        "Received: inputs.shape=(2, 6, 5, 4), kernel.shape=(3, 2, 2, 6)",
    ),
    (
        lambda: ops.separable_conv(X, np.ones((3, 3, 4, 2)), W),
        "separable_conv: pointwise_kernel must have windows of one pixel and the depthwise kernel's channels. "
        "Received: pointwise_kernel.shape=(3, 2, 2, 6), channels=(4, 2)",
    ),
]


@pytest.mark.parametrize(("call", "message"), ERRORS)
def test_errors(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value).removesuffix(".") == message.removesuffix(".")


@pytest.mark.parametrize(
    ("x", "w", "dtypes"),
    [
        (X.astype(np.float32), W, "['float32', 'float64']"),
        (X.astype(np.float16), W.astype(np.float16), "['float16', 'float16']"),
    ],
)
def test_dtypes_that_do_not_fit(x, w, dtypes):
    with pytest.raises(TypeError) as caught:
        ops.conv(x, w)
    rule = "conv: arrays must hold integers, or all be float32 or all float64; cast them first."
    assert str(caught.value) == f"{rule} Received: dtypes={dtypes}"
