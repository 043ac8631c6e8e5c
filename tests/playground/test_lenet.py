"""LeNet-5: each number on the page, against formulas that do not use the net."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv.playground.lenet import KINDS, NAMES, STAGES, LeNet, receptive_field

ACTIVATIONS = {"relu": lambda z: max(z, 0.0), "tanh": np.tanh}
POOLINGS = {"relu": np.max, "tanh": np.mean}


@pytest.fixture(scope="module", params=sorted(KINDS))
def kind(request):
    return request.param


@pytest.fixture
def net(kind):
    return LeNet(kind, 0.001, seed=1)


@pytest.fixture
def image(rng):
    return rng.random((32, 32, 1), np.float32)


def pixels(rng, stage):
    """Return some (channel, row, column) of a stage, among them the last."""
    height, width = stage.shape[:2] if stage.size else (1, 1)
    yield stage.shape[-1] - 1, height - 1, width - 1
    for _ in range(3):
        yield tuple(int(rng.integers(n)) for n in (stage.shape[-1], height, width))


def test_sizes_and_parameters_of_lenet_5(net, image):
    assert {name: a.shape for name, a in net.maps(image).items()} == {stage.name: stage.shape for stage in STAGES}
    assert net.model.count_params() == 61_706


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage.kind in ("convolution", "dense")])
def test_products_and_bias_give_the_value_of_the_map(net, image, rng, kind, stage):
    maps = net.maps(image)
    before = maps[NAMES[NAMES.index(stage.name) - 1]]
    for channel, row, column in pixels(rng, stage):
        window = net.window(maps, stage.name, channel, row, column)
        top, left, height, width = window.box
        if stage.size:
            np.testing.assert_array_equal(window.inputs, before[row : row + 5, column : column + 5])
            assert (top, left, height, width) == (row, column, 5, 5)
        total = sum(float(x) * float(w) for x, w in zip(window.inputs.ravel(), window.kernel.ravel()))
        value = total + window.bias
        expected = value if stage.name == "scores" else ACTIVATIONS[kind](value)
        assert window.value == pytest.approx(expected, abs=1e-5)
        assert float(np.sum(window.products)) == pytest.approx(total, abs=1e-4)
        found = maps[stage.name][(row, column, channel) if stage.size else channel]
        assert window.value == found


@pytest.mark.parametrize("name", ["pool1", "pool2"])
def test_pooling_takes_the_largest_or_the_mean(net, image, rng, kind, name):
    maps = net.maps(image)
    for channel, row, column in pixels(rng, STAGES[NAMES.index(name)]):
        window = net.window(maps, name, channel, row, column)
        assert window.box == (2 * row, 2 * column, 2, 2)
        assert window.value == pytest.approx(POOLINGS[kind](window.inputs), abs=1e-6)


def test_probabilities_are_the_softmax_of_the_scores(net, image):
    maps = net.maps(image)
    window = net.window(maps, "probabilities", 4, 0, 0)
    expected = np.exp(window.inputs) / np.exp(window.inputs).sum()
    np.testing.assert_allclose(maps["probabilities"], expected, rtol=1e-5)
    assert window.value == pytest.approx(expected[4], rel=1e-5)
    np.testing.assert_allclose(window.products / window.products.sum(), expected, rtol=1e-5)
    assert window.products.max() == 1


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage.size])
def test_pixels_outside_the_receptive_field_change_nothing(image, rng, stage):
    net = LeNet("tanh", 0.001, seed=1)  # average pooling and tanh: each pixel of the field has an effect
    index = NAMES.index(stage.name)
    maps = net.maps(image)
    for channel, row, column in pixels(rng, stage):
        top, left, height, width = receptive_field(index, row, column)
        inside = np.zeros((32, 32), bool)
        inside[top : top + height, left : left + width] = True
        assert inside.sum() == height * width
        outside_changed = net.maps(np.where(inside[..., None], image, 1 - image))
        assert outside_changed[stage.name][row, column, channel] == maps[stage.name][row, column, channel]
        for corner in ((top, left), (top + height - 1, left + width - 1)):
            changed = image.copy()
            changed[corner] += 10
            difference = net.maps(changed)[stage.name][row, column] - maps[stage.name][row, column]
            assert np.abs(difference).max() > 0


def test_sizes_of_receptive_fields():
    sizes = {stage.name: receptive_field(i, 0, 0)[2] for i, stage in enumerate(STAGES)}
    assert [sizes[name] for name in NAMES] == [1, 5, 6, 14, 16, 32, 32, 32, 32]


def test_gradients_are_directional_differences(image, rng, kind):
    net = LeNet(kind, 0.001, seed=1)
    gradients = net.gradients(image, 3)
    assert {name: g.shape for name, g in gradients.items()} == {s.name: s.shape for s in STAGES[:7]}
    direction = rng.standard_normal(image.shape).astype(np.float32)
    step = np.float32(1e-3)
    ahead, back = (net.maps(image + s * direction)["scores"][3] for s in (step, -step))
    slope = float(np.sum(gradients["input"] * direction))
    assert slope == pytest.approx(float(ahead - back) / (2 * float(step)), rel=0.05, abs=2e-3)


def test_the_gradient_of_the_last_maps_follows_from_the_weights(image):
    net = LeNet("tanh", 0.001, seed=1)
    maps, gradients = net.maps(image), net.gradients(image, 7)
    first, second, scores = (net.model.get_layer(name).weights[0].numpy() for name in ("dense1", "dense2", "scores"))
    by_dense2 = scores[:, 7]
    by_dense1 = second @ (by_dense2 * (1 - maps["dense2"] ** 2))
    by_pool2 = first @ (by_dense1 * (1 - maps["dense1"] ** 2))
    np.testing.assert_allclose(gradients["dense2"], by_dense2, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(gradients["dense1"], by_dense1, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(gradients["pool2"].ravel(), by_pool2, rtol=1e-4, atol=1e-6)
