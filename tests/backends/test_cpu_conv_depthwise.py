"""A convolution and the depthwise convolution of its result in one kernel: the bits of two kernels in turn."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv.backends.balance import phases_of
from fastconv.backends.cpu import depth_first
from fastconv.backends.cpu.algorithms.choose import choose
from fastconv.backends.cpu.backend import Cpu
from fastconv.backends.reference import Reference
from fastconv.geometry import Convolution

cpu, reference = Cpu(), Reference(np)
ONE, NONE = (1, 1), ((0, 0), (0, 0))
SAME = ((1, 1), (1, 1))

# (x, w, strides and padding of the convolution), (window, strides, padding, dilation of the depthwise convolution)
CASES = {
    "a row of pixels": (((1, 1, 9, 3), (1, 1, 3, 20), ONE, NONE), ((3, 3), ONE, SAME, ONE)),
    "odd sizes": (((2, 9, 7, 5), (1, 1, 5, 24), ONE, NONE), ((3, 3), ONE, SAME, ONE)),
    "stride 2": (((3, 11, 8, 4), (1, 1, 4, 33), ONE, NONE), ((3, 3), (2, 2), ((0, 1), (0, 1)), ONE)),
    "5 x 5": (((1, 13, 10, 6), (1, 1, 6, 16), ONE, NONE), ((5, 5), ONE, ((2, 2), (2, 2)), ONE)),
    "5 x 5, stride 2": (((2, 12, 9, 6), (1, 1, 6, 19), ONE, NONE), ((5, 5), (2, 2), ((1, 2), (2, 2)), ONE)),
    "no padding": (((2, 8, 9, 4), (1, 1, 4, 48), ONE, NONE), ((3, 2), ONE, NONE, ONE)),
    "much padding": (((1, 3, 4, 4), (1, 1, 4, 17), ONE, NONE), ((3, 3), ONE, ((5, 4), (3, 6)), ONE)),
    "dilation": (((1, 17, 9, 4), (1, 1, 4, 32), ONE, NONE), ((3, 3), ONE, ((2, 2), (2, 2)), (2, 2))),
    "strides beyond the window": (((1, 16, 9, 4), (1, 1, 4, 32), ONE, NONE), ((2, 2), (3, 3), NONE, ONE)),
    "a strided 3 x 3 convolution": (
        ((2, 21, 18, 3), (3, 3, 3, 32), (2, 2), ((0, 1), (0, 1))),
        ((3, 3), ONE, SAME, ONE),
    ),
    "a padded 3 x 3 convolution": (((1, 15, 12, 16), (3, 3, 16, 64), ONE, SAME), ((3, 3), (2, 2), SAME, ONE)),
    # their middle is computed a few rows at a time
    "long rows": (((2, 30, 40, 8), (1, 1, 8, 144), ONE, NONE), ((3, 3), ONE, SAME, ONE)),
    "long rows, stride 2": (((2, 31, 40, 8), (1, 1, 8, 144), ONE, NONE), ((3, 3), (2, 2), ((0, 1), (0, 1)), ONE)),
    "longer rows than the memory": (((1, 7, 300, 4), (1, 1, 4, 256), ONE, NONE), ((3, 3), ONE, SAME, ONE)),
    "long rows of 3 x 3 windows": (
        ((1, 50, 81, 3), (3, 3, 3, 160), (2, 2), ((1, 1), (1, 0))),
        ((5, 5), (2, 2), ((2, 2), (2, 2)), ONE),
    ),
}


def prepared(rng, name, activations=("clipped_relu", "sigmoid")):
    """Return the arrays and parameters of a case; sigmoid(0) is not 0, so that padding has to be zeros."""
    (x_shape, w_shape, strides, padding), (window, *how) = CASES[name]
    convolution = Convolution.of(x_shape, w_shape, strides, padding, ONE)
    channels = w_shape[-1]
    depthwise = Convolution.of(convolution.output_shape, (*window, 1, channels), how[0], how[1], how[2])
    shapes = x_shape, w_shape, (channels,), depthwise.kernel_shape, (channels,)
    last, first = activations
    parameters = {
        "convolution": convolution,
        "activation": first,
        "alpha": 0.5,
        "depthwise_convolution": depthwise,
        "depthwise_activation": last,
        "depthwise_alpha": 0.5,
    }
    return [rng.standard_normal(shape, np.float32) for shape in shapes], parameters


def in_turn(arrays, parameters):
    """Return the results of two kernels."""
    x, w, bias, kernel, depthwise_bias = arrays
    first = {name: value for name, value in parameters.items() if not name.startswith("depthwise_")}
    last = {name.removeprefix("depthwise_"): value for name, value in parameters.items() if name not in first}
    return cpu.conv(cpu.conv(x, w, bias, **first), kernel, depthwise_bias, **last)


@pytest.mark.parametrize("name", CASES)
def test_the_bits_of_two_kernels(isa, rng, name):
    arrays, parameters = prepared(rng, name)
    assert depth_first.computes(parameters["convolution"], parameters["depthwise_convolution"])
    y = cpu.conv_depthwise(*arrays, **parameters)
    np.testing.assert_array_equal(y, in_turn(arrays, parameters))
    np.testing.assert_allclose(y, reference.conv_depthwise(*arrays, **parameters), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["odd sizes", "long rows", "long rows, stride 2", "long rows of 3 x 3 windows"])
def test_the_bits_do_not_depend_on_the_threads(isa, rng, threads, name):
    arrays, parameters = prepared(rng, name, ("relu", None))
    expected = in_turn(arrays, parameters)
    for number in range(1, 9):
        threads(number)
        np.testing.assert_array_equal(cpu.conv_depthwise(*arrays, **parameters), expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_spread_as_in_two_kernels(isa, rng, value):
    arrays, parameters = prepared(rng, "long rows", (None, None))
    arrays[0][0, 11, 13, 2] = value
    arrays[0][1, 0, 39, 7] = value
    y = cpu.conv_depthwise(*arrays, **parameters)
    np.testing.assert_array_equal(y, in_turn(arrays, parameters))
    assert 0 < np.count_nonzero(~np.isfinite(y)) < y.size


def test_nothing_is_written_after_the_result(isa, rng):
    arrays, parameters = prepared(rng, "long rows, stride 2")
    shape = parameters["depthwise_convolution"].output_shape
    memory = np.full(np.prod(shape) + 64, 7, np.float32)
    y = memory[32:-32].reshape(shape)
    assert cpu.conv_depthwise(*arrays, **parameters, out=y) is y
    assert (memory[:32] == 7).all()
    assert (memory[-32:] == 7).all()


def test_float64_and_empty_batches_run_the_reference(rng):
    arrays, parameters = prepared(rng, "odd sizes")
    doubles = [a.astype(np.float64) for a in arrays]
    wanted = reference.conv_depthwise(*doubles, **parameters)
    np.testing.assert_array_equal(cpu.conv_depthwise(*doubles, **parameters), wanted)
    for key in ("convolution", "depthwise_convolution"):
        parameters[key] = parameters[key]._replace(images=0)
    assert cpu.conv_depthwise(arrays[0][:0], *arrays[1:], **parameters).shape[0] == 0


def pair(x_shape, w_shape, window=(3, 3), padding=SAME):
    convolution = Convolution.of(x_shape, w_shape, ONE, NONE, ONE)
    kernel = (*window, 1, w_shape[-1])
    return convolution, Convolution.of(convolution.output_shape, kernel, ONE, padding, ONE)


def test_it_pays_if_the_middle_exceeds_the_caches():
    assert depth_first.pays(*pair((16, 112, 112, 16), (1, 1, 16, 96)))
    assert depth_first.pays(*pair((1, 112, 112, 16), (1, 1, 16, 96)))
    assert not depth_first.pays(*pair((1, 56, 56, 24), (1, 1, 24, 144)))


def test_it_does_not_pay_if_the_kernel_is_large():
    assert not depth_first.pays(*pair((64, 28, 28, 512), (1, 1, 512, 512)))


def test_it_does_not_pay_if_a_few_rows_exceed_the_caches():
    assert not depth_first.pays(*pair((1, 8, 5000, 16), (1, 1, 16, 96)))


def test_it_does_not_pay_if_an_algorithm_is_another():
    winograd = Convolution.of((8, 112, 112, 64), (3, 3, 64, 64), ONE, SAME, ONE)
    depthwise = Convolution.of(winograd.output_shape, (3, 3, 1, 64), ONE, SAME, ONE)
    assert choose("forward", winograd).algorithm.name == "winograd"
    assert not depth_first.pays(winograd, depthwise)
    full = Convolution.of((16, 112, 112, 96), (3, 3, 96, 96), ONE, SAME, ONE)
    assert not depth_first.pays(Convolution.of((16, 112, 112, 16), (1, 1, 16, 96), ONE, NONE, ONE), full)


@pytest.mark.not_recorded
@pytest.mark.parametrize("images", [1, 2, 3, 5, 16])
@pytest.mark.parametrize("number", [2, 3, 8, 16])
def test_strips_keep_all_threads_busy(rng, number, images):
    arrays, parameters = prepared(rng, "long rows")
    arrays[0] = rng.standard_normal((images, 96, 96, 8), np.float32)
    convolution, depthwise = pair(arrays[0].shape, (1, 1, 8, 144))
    parameters.update(convolution=convolution, depthwise_convolution=depthwise)
    launch = cpu.prepare(Reference.conv_depthwise, tuple(arrays), parameters)
    *_, strips = phases_of(launch.run, number)
    assert strips.threads == number
    assert strips.balance >= 0.9
