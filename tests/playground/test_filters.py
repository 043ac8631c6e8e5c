"""The server's half of the Filters tab, and the grid of numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fastconv import utils
from fastconv.playground.filters import CHOICES, Filters
from fastconv.playground.messages import Message, decode, encode
from fastconv.playground.sliding import EXAMPLES, Steps, formula, slide

PLAIN = {"filter": "identity", "flip": False, "color": True, "stride": 1, "padding": 0, "dilation": 1}


@pytest.fixture
def tab():
    return Filters(lambda message: None)


def ask(tab, type, arrays=None, **fields):
    """Return the answer as the page receives it."""
    return decode(encode(tab.handle(Message({"type": type, **fields}, arrays or {}))))


def filtered(x, kernel, stride=1, padding=0, dilation=1):
    """Return the cross-correlation of a plane with nested loops."""
    x = np.pad(np.asarray(x, float), padding)
    (kh, kw), d = kernel.shape, dilation
    oh, ow = ((n - (k - 1) * d - 1) // stride + 1 for n, k in zip(x.shape, kernel.shape))
    y = np.zeros((oh, ow))
    for row, column in np.ndindex(oh, ow):
        for i, j in np.ndindex(kh, kw):
            y[row, column] += x[row * stride + i * d, column * stride + j * d] * kernel[i, j]
    return y


# ---- pictures --------------------------------------------------------------------------------------------------------


def test_the_state_has_a_photo_and_its_result(tab):
    state = ask(tab, "state")
    assert state.arrays["picture"].shape == (128, 192, 3)
    assert state.arrays["picture"].dtype == np.uint8
    assert state.arrays["result"].shape == (126, 190, 3)
    assert state.fields["signed"] is True  # Sobel x


@pytest.mark.parametrize("name", [name for name in CHOICES if name in utils.FILTERS])
@pytest.mark.parametrize("flip", [False, True])
def test_named_filters_are_sums_over_each_color(tab, rng, name, flip):
    pixels = rng.integers(0, 256, (32, 33, 3)).astype(np.uint8)
    ask(tab, "picture", {"pixels": pixels})
    reply = ask(tab, "settings", **{**PLAIN, "filter": name, "flip": flip})
    kernel = np.asarray(utils.FILTERS[name], float)
    sliding = kernel[::-1, ::-1] if flip else kernel
    expected = np.stack([filtered(pixels[..., c] / 255, sliding) for c in range(3)], -1)
    np.testing.assert_allclose(reply.arrays["result"], expected, atol=2e-5)
    np.testing.assert_allclose(reply.arrays["kernel"], kernel, rtol=1e-6)
    assert reply.fields["least"] == pytest.approx(expected.min(), abs=2e-5)
    assert reply.fields["most"] == pytest.approx(expected.max(), abs=2e-5)
    assert reply.fields["signed"] == (abs(kernel.sum()) < 1e-9)


def test_the_magnitude_joins_both_derivatives(tab, rng):
    pixels = rng.integers(0, 256, (32, 32, 3)).astype(np.uint8)
    ask(tab, "picture", {"pixels": pixels})
    reply = ask(tab, "settings", **{**PLAIN, "filter": "sobel_magnitude", "color": False})
    gray = pixels @ np.array([0.299, 0.587, 0.114]) / 255
    x, y = (filtered(gray, np.asarray(utils.FILTERS[name], float)) for name in ("sobel_x", "sobel_y"))
    assert reply.arrays["result"].shape == (30, 30, 1)
    np.testing.assert_allclose(reply.arrays["result"][..., 0], np.hypot(x, y), atol=2e-5)


def test_a_custom_kernel_with_steps(tab, rng):
    pixels = rng.integers(0, 256, (40, 32, 3)).astype(np.uint8)
    ask(tab, "picture", {"pixels": pixels})
    kernel = [[0.5, -1.0], [2.0, 0.0], [1.0, 3.0]]
    steps = {"stride": 3, "padding": 2, "dilation": 3}
    reply = ask(tab, "settings", **{**PLAIN, **steps, "filter": "custom", "kernel": kernel})
    expected = np.stack([filtered(pixels[..., c] / 255, np.array(kernel), **steps) for c in range(3)], -1)
    np.testing.assert_allclose(reply.arrays["result"], expected, atol=1e-4)


def test_every_allowed_kernel_fits_the_smallest_picture(tab):
    ask(tab, "picture", {"pixels": np.zeros((32, 32, 3), np.uint8)})
    reply = ask(tab, "settings", **{**PLAIN, "filter": "custom", "kernel": [[1] * 7] * 7, "dilation": 3, "stride": 4})
    assert reply.arrays["result"].shape == (4, 4, 3)
    assert "results" not in reply.arrays  # on the grid of 7x7 numbers no window fits


def test_photos_are_chosen_by_name(tab):
    china, flower = (ask(tab, "photo", name=name).arrays["picture"] for name in ("china", "flower"))
    assert np.abs(china.astype(int) - flower).mean() > 10


# ---- the grid --------------------------------------------------------------------------------------------------------

LECTURES = {
    "small": [[1.5, 1.5, 3], [0.5, 0.25, 2.5], [1, 2.25, 2]],
    "stride": [[1.5, 3], [1, 2]],
    "correlation": np.pad([[9, 8, 7], [6, 5, 4], [3, 2, 1]], 1).tolist(),
    "convolution": np.pad([[1, 2, 3], [4, 5, 6], [7, 8, 9]], 1).tolist(),
}


@pytest.mark.parametrize("name", sorted(LECTURES))
def test_examples_of_the_lectures_are_exact(tab, name):
    assert ask(tab, "example", name=name).arrays["results"].tolist() == LECTURES[name]


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_products_of_each_window_add_up_to_its_result(tab, name):
    example = EXAMPLES[name]
    reply = ask(tab, "example", name=name)
    kernel = np.array(example.kernel, float)
    sliding = kernel[::-1, ::-1] if example.flip else kernel
    expected = filtered(example.numbers, sliding, *example.steps)
    np.testing.assert_allclose(reply.arrays["results"], expected, rtol=1e-6)
    np.testing.assert_allclose(reply.arrays["products"].sum((2, 3)), expected, rtol=1e-6)
    padding = example.steps.padding
    np.testing.assert_array_equal(reply.arrays["numbers"], np.pad(np.float32(example.numbers), padding))
    assert [axis["count"] for axis in reply.fields["axes"]] == list(expected.shape)


def test_products_are_numbers_times_weights_in_place():
    numbers, kernel = np.arange(30, dtype=np.float32).reshape(5, 6), np.float32([[1, -2], [3, 4]])
    products = slide(numbers, kernel, Steps(2, 1, 2)).arrays["products"]
    padded = np.pad(numbers, 1)
    for row, column, i, j in np.ndindex(products.shape):
        assert products[row, column, i, j] == padded[2 * row + 2 * i, 2 * column + 2 * j] * kernel[i, j]


@pytest.mark.parametrize(
    ("size", "window", "steps", "value", "fits", "count"),
    [
        (7, 3, Steps(1), 5, True, 5),
        (7, 3, Steps(2), 3, True, 3),
        (7, 3, Steps(3), 2.3333, False, 2),
        (7, 3, Steps(1, 1), 7, True, 7),
        (32, 5, Steps(1), 28, True, 28),
        (32, 5, Steps(1, 2), 32, True, 32),
        (7, 3, Steps(1, 0, 2), 3, True, 3),
        (3, 5, Steps(1), -1, False, 0),
        (3, 5, Steps(4), 0.5, False, 0),
    ],
)
def test_the_formula(size, window, steps, value, fits, count):
    found = formula(size, window, steps)
    assert found["value"] == pytest.approx(value, abs=1e-3)
    assert (found["fits"], found["count"]) == (fits, count)


def test_numbers_of_the_page(tab):
    ask(tab, "settings", **{**PLAIN, "filter": "custom", "kernel": [[1, 1]]})
    reply = ask(tab, "numbers", numbers=[[1, 2, 3], [4, 5, 6]])
    assert reply.arrays["results"].tolist() == [[3, 5], [9, 11]]
    state = ask(tab, "state")
    assert state.arrays["numbers"].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert json.loads(json.dumps(state.fields))["filter"] == "custom"


# ---- messages that are refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type", "fields"),
    [
        ("settings", {}),
        ("settings", {**PLAIN, "filter": "x"}),
        ("settings", {**PLAIN, "flip": 1}),
        ("settings", {**PLAIN, "stride": 0}),
        ("settings", {**PLAIN, "stride": 1.5}),
        ("settings", {**PLAIN, "padding": 4}),
        ("settings", {**PLAIN, "dilation": 4}),
        ("settings", {**PLAIN, "filter": "custom"}),
        ("settings", {**PLAIN, "filter": "custom", "kernel": []}),
        ("settings", {**PLAIN, "filter": "custom", "kernel": [[]]}),
        ("settings", {**PLAIN, "filter": "custom", "kernel": [[1] * 8]}),
        ("settings", {**PLAIN, "filter": "custom", "kernel": [[1]] * 8}),
        ("settings", {**PLAIN, "filter": "custom", "kernel": [[1, 2], [3]]}),
        ("settings", {**PLAIN, "filter": "custom", "kernel": [[None]]}),
        ("settings", {**PLAIN, "filter": "custom", "kernel": [[float("inf")]]}),
        ("settings", {**PLAIN, "filter": "custom", "kernel": [[1001]]}),
        ("numbers", {"numbers": [[1] * 13]}),
        ("numbers", {"numbers": "12"}),
        ("numbers", {}),
        ("example", {"name": "x"}),
        ("photo", {"name": None}),
        ("picture", {}),
    ],
)
def test_wrong_messages_are_refused(tab, type, fields):
    before = encode(tab.handle(Message({"type": "state"})))
    with pytest.raises(ValueError, match=r": .*Received: "):
        ask(tab, type, **fields)
    assert encode(tab.handle(Message({"type": "state"}))) == before


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((31, 40, 3), np.uint8),
        np.zeros((32, 321, 3), np.uint8),
        np.zeros((40, 40, 4), np.uint8),
        np.zeros((40, 40), np.uint8),
        np.zeros((40, 40, 3), np.float32),
    ],
)
def test_wrong_pictures_are_refused(tab, pixels):
    with pytest.raises(ValueError, match="pixels: "):
        ask(tab, "picture", {"pixels": pixels})
