"""Windows with large strides, dilation and padding compared to their images: exact, cheap, and refused beyond 2**31."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fastconv import _core, explain_conv, layers, ops
from fastconv.engine import grad
from fastconv.window import MOST_PIXELS, clip_window, output_size
from tests import naive

MIB = 1 << 20


def integers(seed, shape):
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(np.float32)


@st.composite
def wide_windows(draw, ranks=(1, 2, 3), most_outputs=150):
    """Draw (spatial, size, strides, padding, dilation) with far more padding than pixels."""
    rank = draw(st.sampled_from(ranks))

    def sizes(least, most):
        return draw(st.tuples(*[st.integers(least, most)] * rank))

    spatial, size, strides, dilation = sizes(1, 5), sizes(1, 3), sizes(1, 25), sizes(1, 25)
    padding = draw(st.tuples(*[st.tuples(st.integers(0, 40), st.integers(0, 40))] * rank))
    grown = [n + sum(p) for n, p in zip(spatial, padding)]
    assume(all(n > (k - 1) * d for n, k, d in zip(grown, size, dilation)))
    assume(np.prod(output_size(spatial, size, strides, padding, dilation)) <= most_outputs)
    return spatial, size, strides, padding, dilation


@settings(max_examples=80, deadline=None)
@given(wide_windows(), st.sampled_from([(1, 1, 1), (1, 3, 2), (3, 1, 1), (1, 12, 16), (16, 1, 1)]))
def test_convolutions_match_the_definition(window, channels):
    """Forward and both gradients, for a single group and several, by the compiled kernels and by the reference."""
    (spatial, size, *moves), (groups, ci, co) = window, channels
    x, w = integers(0, (2, *spatial, groups * ci)), integers(1, (*size, ci, groups * co))
    how = dict(zip(("strides", "padding", "dilation"), moves))
    arguments = {"strides": how["strides"], "padding": how["padding"], "dilation_rate": how["dilation"]}
    expected = naive.conv(x, w, **how)
    dy = integers(2, expected.shape)
    dx = naive.conv_backward_input(dy, w, input_shape=x.shape, **how)
    dw = naive.conv_backward_kernel(x, dy, kernel_shape=w.shape, **how)
    for dtype in (np.float32, np.float64):
        a, b, d = x.astype(dtype), w.astype(dtype), dy.astype(dtype)
        np.testing.assert_array_equal(ops.conv(a, b, **arguments), expected)
        np.testing.assert_array_equal(ops.conv_backward_input(d, b, x.shape, **arguments), dx)
        np.testing.assert_array_equal(ops.conv_backward_kernel(a, d, w.shape, **arguments), dw)
        found = grad(lambda a, b: ops.sum(ops.conv(a, b, **arguments) * d), argnums=(0, 1))(a, b)  # noqa: B023
        np.testing.assert_array_equal(found[0], dx)
        np.testing.assert_array_equal(found[1], dw)


@settings(max_examples=50, deadline=None)
@given(wide_windows(ranks=(1, 2)))
def test_transposed_convolutions_match_the_definition(window):
    spatial, size, strides, padding, dilation = window
    x, w = integers(0, (1, *spatial, 2)), integers(1, (*size, 3, 2))
    for sides in (padding, "same", "valid"):
        try:
            y = ops.conv_transpose(x, w, strides, sides, dilation_rate=dilation)
        except ValueError as error:
            assert "must leave at least one pixel" in str(error)  # noqa: PT017
            continue
        full = np.zeros(
            (1, *((n - 1) * s + (k - 1) * d + 1 for n, s, k, d in zip(spatial, strides, size, dilation)), 3)
        )
        full = naive.conv_transpose(x, w, shape=full.shape[1:-1], strides=strides, before=[0] * 4, dilation=dilation)
        if sides == "valid":
            sides = ((0, 0),) * len(spatial)
        elif sides == "same":
            cuts = [max((k - 1) * d + 1 - s, 0) for k, d, s in zip(size, dilation, strides)]
            sides = tuple((cut // 2, cut - cut // 2) for cut in cuts)
        starts = [before for before, _ in sides]
        for index in np.ndindex(y.shape[1:-1]):
            place = tuple(i + start for i, start in zip(index, starts))
            inside = all(i < n for i, n in zip(place, full.shape[1:-1]))
            np.testing.assert_array_equal(y[(0, *index)], full[(0, *place)] if inside else 0)


@settings(max_examples=80, deadline=None)
@given(wide_windows(ranks=(1, 2)), st.booleans())
def test_pooling_matches_the_definition(window, averaged):
    spatial, size, strides, padding, dilation = window
    x = integers(0, (2, *spatial, 3))
    lift = (lambda sizes, size: sizes) if len(spatial) == 2 else (lambda sizes, size: (size, *sizes))
    image = x.reshape(2, *lift(spatial, 1), 3)
    how = {"size": lift(size, 1), "strides": lift(strides, 1), "padding": lift(padding, (0, 0))}
    if averaged:
        assume(max(dilation) == 1)
        for count_padding in (False, True):
            y = ops.average_pool(x, size, strides, padding, count_padding=count_padding)
            expected = naive.average_pool(image, **how, count_padding=count_padding)
            np.testing.assert_allclose(y.ravel(), expected.ravel(), rtol=1e-6)
        return
    how["dilation"] = lift(dilation, 1)
    expected, argmax = naive.extreme_pool(image, 1, **how)
    np.testing.assert_array_equal(
        ops.max_pool(x, size, strides, padding, dilation_rate=dilation).ravel(), expected.ravel()
    )
    dy = integers(1, expected.shape)
    dx = grad(lambda x: ops.sum(ops.max_pool(x, size, strides, padding, None, dilation) * dy.reshape(2, *y_shape, 3)))
    y_shape = expected.shape[1:-1] if len(spatial) == 2 else expected.shape[2:-1]
    with np.errstate(invalid="ignore"):  # a window that covers only padding gives -inf
        found = dx(x)
    np.testing.assert_array_equal(
        found.ravel(), naive.extreme_pool_backward(dy, argmax, input_shape=image.shape, **how).ravel()
    )


@settings(max_examples=100, deadline=None)
@given(wide_windows(ranks=(1,), most_outputs=10**6))
def test_a_clipped_window_reads_the_same_pixels(window):
    (n,), (k,), (s,), (sides,), (d,) = window
    clip = clip_window((n,), (k,), (s,), (sides,), (d,))
    ((first, end),), ((low, high),) = clip.taps, clip.pixels
    (stride,), ((before, _),), (dilation,) = clip.strides, clip.padding, clip.dilation
    outputs = output_size([n], [k], [s], [sides], [d])
    assert output_size([high - low], [end - first], [stride], clip.padding, [dilation]) == outputs
    for o in range(outputs[0]):
        whole = {(tap, i) for tap in range(k) if 0 <= (i := o * s + tap * d - sides[0]) < n}
        left = {
            (tap + first, i + low)
            for tap in range(end - first)
            if 0 <= (i := o * stride + tap * dilation - before) < high - low
        }
        assert left == whole


O = np.ones  # noqa: E741
FAR = {"strides": 10**5, "padding": ((3 * 10**5,) * 2,) * 2, "dilation_rate": 10**5 + 1}
CHEAP = {
    "dilated": lambda: ops.conv(O((1, 8, 8, 3), "f4"), O((3, 3, 3, 2), "f4"), 1, "same", None, 3000),
    "dilated by 2**29": lambda: ops.conv(O((1, 8, 8, 3), "f4"), O((3, 3, 3, 2), "f4"), 1, "same", None, 2**29),
    "dilated volume": lambda: ops.conv(O((1, 4, 4, 4, 3), "f4"), O((3, 3, 3, 3, 2), "f4"), 1, "same", None, 3000),
    "causal": lambda: ops.conv(O((1, 8, 3), "f4"), O((3, 3, 2), "f4"), 1, "causal", None, 10**8),
    "padded": lambda: ops.conv(O((1, 8, 8, 3), "f4"), O((3, 3, 3, 2), "f4"), 10**5, ((3 * 10**5,) * 2,) * 2),
    "apart": lambda: ops.conv(O((1, 8, 8, 3), "f4"), O((3, 3, 3, 2), "f4"), **FAR),
    "apart in groups": lambda: ops.depthwise_conv(O((1, 8, 8, 3), "f4"), O((3, 3, 3, 2), "f4"), **FAR),
    "backward input": lambda: ops.conv_backward_input(
        O((1, 5, 5, 2), "f4"), O((3, 3, 3, 2), "f4"), (1, 8, 8, 3), **FAR
    ),
    "backward kernel": lambda: ops.conv_backward_kernel(
        O((1, 8, 8, 3), "f4"), O((1, 5, 5, 2), "f4"), (3, 3, 3, 2), **FAR
    ),
    "transposed": lambda: ops.conv_transpose(
        O((1, 8, 8, 3), "f4"), O((3, 3, 2, 3), "f4"), 1, "same", None, None, 32768
    ),
    "transposed line": lambda: ops.conv_transpose(
        O((1, 8, 3), "f4"), O((3, 2, 3), "f4"), 1, "valid", None, None, 32768
    ),
    "transposed with gaps": lambda: ops.conv_transpose(O((1, 2, 2, 3), "f4"), O((2, 2, 2, 3), "f4"), 500),
    "transposed and dilated": lambda: ops.conv_transpose(
        O((1, 8, 8, 3), "f4"), O((3, 3, 2, 3), "f4"), 1, "valid", None, None, 200
    ),
    "pooled": lambda: ops.max_pool(O((1, 8, 8, 3), "f4"), 2**30, 1, "same"),
    "averaged": lambda: ops.average_pool(O((1, 8, 8, 8, 3), "f4"), 2**20, 1, "same", count_padding=True),
    "float64": lambda: ops.conv(O((1, 8, 8, 3)), O((3, 3, 3, 2)), 1, "same", None, 2**29),
    "taps on either side": lambda: ops.conv(
        O((1, 5, 5, 4), "f4"), O((4, 4, 1, 16), "f4"), (2**29, 1), "same", None, (3001, 2)
    ),
    "many windows between taps": lambda: ops.conv(
        O((1, 5, 4), "f4"), O((2, 1, 16), "f4"), 2**20, ((2**29, 2**29),), None, 2**30 - 1
    ),
    "patches": lambda: ops.image.extract_patches(O((1, 8, 8, 3), "f4"), 2, 1, 3000, "same"),
}


@pytest.mark.parametrize("call", CHEAP.values(), ids=CHEAP)
def test_taps_in_the_padding_take_no_memory(isa, call):
    _core.measure_scratch()
    call()
    assert _core.measure_scratch() < MIB


def test_explain_conv_counts_the_remaining_taps():
    answer = explain_conv((1, 8, 8, 3), (3, 3, 3, 2), padding="same", dilation_rate=(3000, 1))["forward"]
    assert answer.reason.endswith("; 1 x 3 taps, as the others meet only padding")


HUGE = [2**31, 2**62, 2**63, 2**64, 10**30]


@pytest.mark.parametrize("size", HUGE)
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_sizes_beyond_the_bound_are_refused(size, rank):
    x, w = O((1, *(8,) * rank, 3), "f4"), O((*(3,) * rank, 3, 3), "f4")
    for name, call in {
        "strides": lambda: ops.conv(x, w, size, "same"),
        "dilation_rate": lambda: ops.conv(x, w, 1, "same", None, size),
        "pool_size": lambda: ops.max_pool(x, size, 1, "same"),
    }.items():
        with pytest.raises(ValueError, match=rf"^{name} must be below 2\*\*31\. Received: {name}={size}"):
            call()
    for call in (lambda: ops.conv(x, w, 1, size), lambda: ops.average_pool(x, 2, 1, size)):
        with pytest.raises(ValueError, match=r"padding must be below 2\*\*31"):
            call()
    for make in (
        lambda: layers.DepthwiseConv2D(3, padding="same", dilation_rate=size),
        lambda: layers.MaxPooling2D(size),
        lambda: layers.Conv1D(1, size),
        lambda: layers.UpSampling2D(size),
    ):
        with pytest.raises(ValueError, match=r"must be an int.*, below 2\*\*31\. Received: "):
            make()


def test_windows_that_span_too_much_are_refused():
    x, w = O((1, 7, 8, 3), "f4"), O((3, 3, 3, 2), "f4")
    dilation = (2**30 - 2, 2**31 - 4)
    for call in (
        lambda: ops.conv(x, w, 1, "same", None, dilation),
        lambda: ops.conv_backward_input(O((1, 7, 8, 2), "f4"), w, x.shape, 1, "same", None, dilation),
        lambda: ops.conv_backward_kernel(x, O((1, 7, 8, 2), "f4"), w.shape, 1, "same", None, dilation),
        lambda: ops.conv_transpose(x, O((3, 3, 2, 3), "f4"), 1, "same", None, None, dilation),
        lambda: ops.conv(x, w, 1, ((MOST_PIXELS, 0), (0, 0))),
        lambda: ops.max_pool(x, 3, 1, "same", None, dilation),
        lambda: explain_conv(x.shape, w.shape, 1, "same", dilation),
    ):
        with pytest.raises(ValueError, match=r"windows and padding must span less than 2\*\*31 pixels of each axis"):
            call()


def test_windows_that_reach_beyond_all_addresses_are_refused():
    """Each axis by itself is within the bound."""
    far = {"strides": 2**30 - 1, "padding": ((2**30 - 1,) * 2,) * 3}
    with pytest.raises(ValueError, match=r"must reach less than 2\*\*62 bytes"):
        ops.conv(O((1, 1, 1, 1, 64), "f4"), O((1, 1, 1, 64, 2), "f4"), **far)
