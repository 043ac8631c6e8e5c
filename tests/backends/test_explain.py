"""explain_conv describes the algorithms that run."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

import fastconv
from fastconv import _core, _geometry, config
from fastconv.backends.cpu.algorithms import fold
from fastconv.backends.cpu.algorithms.choose import ALGORITHMS
from fastconv.geometry import Convolution
from tests import naive
from tests.strategies import windows


@pytest.fixture(autouse=True)
def fast():
    yield
    config.set_conv_precision("fast")


def algorithms_of(*shape, **window):
    return [explanation.algorithm for explanation in fastconv.explain_conv(*shape, **window).values()]


@pytest.mark.parametrize(
    ("shape", "window", "expected"),
    [
        (((8, 56, 56, 64), (3, 3, 64, 64)), {"padding": "same"}, ["winograd"] * 3),
        (((8, 56, 56, 64), (3, 3, 64, 64)), {"strides": 2}, ["direct"] * 3),
        (((8, 56, 56, 64), (3, 3, 64, 64)), {"dilation_rate": (1, 2)}, ["winograd"] * 3),
        (((1, 7, 7, 512), (3, 3, 512, 512)), {"padding": "same"}, ["direct"] * 3),
        (((8, 56, 56, 64), (3, 3, 1, 64)), {}, ["grouped"] * 3),
        (((8, 28, 28, 32), (5, 5, 32, 96)), {"padding": "same"}, ["winograd"] * 3),
        (((8, 14, 14, 512), (3, 3, 16, 512)), {"padding": "same"}, ["winograd"] * 3),
        (((8, 14, 14, 512), (3, 3, 8, 512)), {"padding": "same"}, ["grouped"] * 3),
        (((8, 28, 28, 64), (5, 5, 32, 64)), {"padding": "same"}, ["direct"] * 3),
        (((8, 7, 7, 128), (7, 7, 128, 256)), {}, ["product"] * 3),
        (((8, 28, 28, 64), (1, 1, 64, 2)), {}, ["dots", "direct", "product"]),
        (((16, 28, 28, 1), (5, 5, 1, 6)), {}, ["planes", "spread", "fold"]),
        (((1, 28, 28, 1), (5, 5, 1, 6)), {"padding": "same"}, ["planes", "spread", "planes"]),
        (((8, 64, 64, 8), (3, 3, 8, 6)), {}, ["fold", "spread", "fold"]),
        (((1, 96, 96, 40), (3, 3, 40, 2)), {}, ["dots", "direct", "fold"]),
        (((8, 28, 28, 1), (3, 3, 1, 32)), {"padding": "same"}, ["direct", "dots", "direct"]),
        (((1, 400, 400, 1), (31, 31, 1, 1)), {}, ["fourier"] * 3),
        (((4, 100, 16), (3, 16, 16)), {"padding": "same"}, ["direct"] * 3),
        (((1, 8, 28, 28, 16), (3, 3, 3, 16, 32)), {}, ["winograd"] * 3),
        (((16, 28, 28, 1), (5, 5, 1, 6)), {"padding": "same"}, ["planes", "spread", "planes"]),
        (((4, 224, 224, 3), (3, 3, 3, 6)), {"padding": "same"}, ["planes", "fold", "fold"]),
        (((32, 28, 28, 3), (3, 3, 3, 8)), {"padding": "same"}, ["planes", "spread", "fold"]),
        (((32, 32, 32, 3), (3, 3, 3, 4)), {"padding": "same", "strides": 2}, ["planes", "spread", "fold"]),
        (((32, 100, 1), (9, 1, 6)), {"padding": "same"}, ["planes", "dots", "planes"]),
    ],
)
def test_algorithms(shape, window, expected):
    assert algorithms_of(*shape, **window) == expected


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (((1, 7, 7, 512), (3, 3, 512, 512)), "direct"),
        (((1, 8, 8, 256), (3, 3, 256, 256)), "winograd 2x2"),
        (((1, 14, 14, 256), (3, 3, 256, 256)), "winograd 2x2"),
        (((1, 28, 28, 256), (3, 3, 256, 256)), "winograd"),
        (((1, 8, 8, 8), (3, 3, 8, 8)), "direct"),
    ],
)
def test_a_constant_kernel_is_read_in_place_of_being_transformed(shape, expected):
    normal = algorithms_of(*shape, padding="same")
    constant = fastconv.explain_conv(*shape, padding="same", constant_kernel=True)
    assert constant["forward"].algorithm == expected
    assert constant["backward_kernel"].algorithm == normal[2]
    config.set_max_workspace(0)
    assert fastconv.explain_conv(*shape, padding="same", constant_kernel=True)["forward"].algorithm == "direct"
    config.set_conv_precision("exact")
    config.set_max_workspace(256 << 20)
    assert fastconv.explain_conv(*shape, padding="same", constant_kernel=True)["forward"].algorithm == "direct"


def test_phases_that_transform_a_constant_kernel_are_not_counted():
    shape = (1, 28, 28, 128), (3, 3, 128, 128)
    tasks = [
        len(fastconv.explain_conv(*shape, padding="same", constant_kernel=constant)["forward"].tasks)
        for constant in (False, True)
    ]
    assert tasks == [2, 3]  # transform and multiply; transform, multiply at each frequency, write


@given(windows(ranks=(1, 2, 3)))
@settings(max_examples=60, deadline=None)
def test_products_leave_out_the_padding(window):
    """The number of products equals the sum of a convolution of ones with ones."""
    x, w, *how = window
    ones = np.ones((*x[:-1], 1), np.float32), np.ones((*w[:-2], 1, 1), np.float32)
    assert (
        Convolution.of(x, w, *how).products
        == naive.conv(*ones, **dict(zip(("strides", "padding", "dilation"), how))).sum()
    )


def test_exact_precision_leaves_only_exact_algorithms(isa):
    config.set_conv_precision("exact")
    exact = {algorithm.name for algorithm in ALGORITHMS if algorithm.exact}
    for shape in [
        ((8, 56, 56, 64), (3, 3, 64, 64)),
        ((16, 28, 28, 1), (5, 5, 1, 6)),
        ((1, 400, 400, 1), (31, 31, 1, 1)),
    ]:
        assert set(algorithms_of(*shape)) <= exact


def test_names_of_algorithms_are_unique():
    assert len({algorithm.name for algorithm in ALGORITHMS}) == len(ALGORITHMS)


def test_the_tile_of_a_folded_gradient_holds_adjacent_input_pixels(isa):
    c = Convolution.of((1, 112, 112, 3), (7, 7, 3, 64), (2, 2), ((3, 3), (3, 3)), (1, 1))
    height, width = _geometry.tile_shape(3 * fold.neighbours_backward(c, _core.vector_floats()))
    assert fold.FOLD.tile(c, "backward_input", _core.vector_floats()) == f"{height} x {width} sums"


def test_the_choice_ignores_threads_and_the_answer_counts_them(threads):
    shape = (8, 56, 56, 64), (3, 3, 64, 64)
    answers = []
    for n in (1, 3):
        threads(n)
        answers.append(fastconv.explain_conv(*shape)["forward"])
    assert [answer.threads for answer in answers] == [1, 3 if _core.has_openmp() else 1]
    assert answers[0]._replace(threads=answers[1].threads, tasks=answers[1].tasks) == answers[1]
    assert answers[1].tasks[-1] % 3 == 0
    assert fastconv.explain_conv((1, 8, 8, 3), (3, 3, 3, 8))["forward"].threads == 1


@pytest.mark.parametrize(
    ("x", "w", "direction"),
    [
        ((1, 14, 14, 384), (1, 1, 384, 64), "forward"),
        ((1, 7, 7, 960), (1, 1, 960, 160), "backward_input"),
        ((1, 28, 28, 128), (3, 3, 128, 128), "forward"),
        ((1, 112, 112, 96), (3, 3, 1, 96), "forward"),
        ((8, 14, 14, 256), (3, 3, 256, 256), "backward_kernel"),
        ((8, 14, 14, 96), (1, 1, 96, 576), "backward_kernel"),
    ],
)
def test_tasks_fill_the_time_of_any_number_of_threads(isa, x, w, direction):
    balance = fastconv.explain_conv(x, w, padding="same")[direction].balance
    assert min(balance[n][1 if direction == "forward" and w[0] > 1 else 0] for n in (2, 4, 8, 16)) >= 0.8


@pytest.mark.parametrize(
    ("x", "w"),
    [((1, 8, 8, 3), (3, 3, 2, 8)), ((1, 8, 8, 4), (3, 3, 2, 7)), ((8, 8), (3, 3)), ((1, 8, 3), (3, 3, 3, 8))],
)
def test_shapes_that_do_not_fit(x, w):
    with pytest.raises(ValueError, match="input_shape must be"):
        fastconv.explain_conv(x, w)
    with pytest.raises(ValueError, match="window must fit"):
        fastconv.explain_conv((1, 8, 8, 4), (9, 3, 4, 4))


def test_config_refuses_invalid_values():
    with pytest.raises(ValueError, match="conv_precision must be"):
        config.set_conv_precision("float16")
    with pytest.raises(ValueError, match="size must be an int of at least 0"):
        config.set_max_workspace(-1)


@given(windows(ranks=(1, 2, 3)))
@settings(max_examples=60, deadline=None)
def test_tasks_of_every_convolution_are_counted(window):
    x, w, *how = window
    for explanation in fastconv.explain_conv(x, w, *how).values():
        assert set(explanation.balance) == ({2, 4, 8, 16, 32, 64} if explanation.tasks else set())
        assert all(0 < part <= 1 for parts in explanation.balance.values() for part in parts)
