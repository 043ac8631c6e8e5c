"""The Networks tab in a browser."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest


def passes(page):
    return int(page.inner_text("#passes").replace(",", ""))


def loss(page, part="test"):
    return float(page.inner_text(f"#{part}-loss"))


def picture(page, canvas):
    """Return the content of a canvas as text, the same for equal pictures."""
    return page.eval_on_selector(canvas, "canvas => canvas.toDataURL()")


def link(page):
    """Return the settings in the address of the page."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).fragment, keep_blank_values=True).items()}


def wait_for_link(page, **settings):
    """Wait until the address of the page has these settings, after the server's answer."""
    for name, value in settings.items():
        page.wait_for_function(
            "([name, value]) => new URLSearchParams(location.hash.slice(1)).get(name) === value", arg=[name, value]
        )


def wait_for_passes(page, number):
    page.wait_for_function(
        "number => Number(document.getElementById('passes').value.replace(',', '')) >= number", arg=number
    )


@pytest.fixture
def page(new_page):
    """Return a page with the first picture of the net of the start."""
    page = new_page()
    page.wait_for_selector("#neuron-1-1")
    return page


def test_a_net_trains(page):
    maps = ("#map", "#neuron-0-0 canvas", "#curves")
    before = [picture(page, canvas) for canvas in maps]
    first = loss(page)
    page.click("#play")
    assert page.wait_for_selector("#play[aria-pressed=true]").get_attribute("aria-label") == "Pause"
    wait_for_passes(page, 30)
    page.click("#play")
    page.wait_for_selector("#play[aria-pressed=false]")
    assert loss(page) < first
    assert all(picture(page, canvas) != old for canvas, old in zip(maps, before))


def test_a_step_is_a_pass_and_reset_returns_to_the_start(page):
    page.click("#step")
    wait_for_passes(page, 1)
    assert passes(page) == 1
    page.click("#reset")
    page.wait_for_function("() => document.getElementById('passes').value === '0'")
    wait_for_link(page, weightsSeed="1")


def test_a_link_of_tensorflow_opens(new_page):
    page = new_page(
        "#activation=relu&batchSize=12&dataset=spiral&learningRate=0.1&regularization=L2&regularizationRate=0.003&noise=15"
        "&networkShape=6,5,2&seed=0.84062&percTrainData=70&x=true&y=false&xTimesY=true&hideText=false&problem=classification"
    )
    page.wait_for_selector("#neuron-2-1")
    settings = page.eval_on_selector_all(
        "#networks select", "all => Object.fromEntries(all.map(each => [each.dataset.setting, each.value]))"
    )
    assert settings == {
        "activation": "relu",
        "learning_rate": "0.1",
        "optimizer": "sgd",
        "problem": "classification",
        "regularization": "L2",
        "regularization_rate": "0.003",
    }
    assert page.locator(".neuron").count() == 13 + 1  # the output
    assert page.locator(".link").count() == 2 * 6 + 6 * 5 + 5 * 2 + 2
    assert page.locator(".feature[aria-pressed=true]").all_inner_texts() == ["x₁", "x₁x₂"]
    assert page.input_value("[data-setting=noise]") == "15"
    assert page.is_checked("#datasets [value=spiral]")
    assert link(page)["networkShape"] == "6,5,2"


def test_a_wrong_link_shows_an_error_and_the_net_of_the_start(new_page):
    page = new_page("#networkShape=99")
    page.wait_for_selector("#error:not([hidden])")
    assert "from 1 to 8" in page.inner_text("#error")
    page.wait_for_selector("#neuron-1-1")


SELECTS = {
    "activation": ("activation", ["sigmoid", "relu", "linear", "leaky_relu", "elu", "maxout", "tanh"]),
    "learning_rate": ("learningRate", ["0.3"]),
    "optimizer": ("optimizer", ["adam", "momentum", "rmsprop", "sgd"]),
    "regularization": ("regularization", ["L1", "L2", "none"]),
    "regularization_rate": ("regularizationRate", ["0.01"]),
}


def test_the_net_reacts_to_each_list(page):
    page.click("#play")
    for setting, (name, values) in SELECTS.items():
        for value in values:
            page.select_option(f"[data-setting={setting}]", value)
            wait_for_link(page, **{name: value})
    wait_for_passes(page, 5)


@pytest.mark.parametrize(
    ("setting", "name", "value"),
    [("noise", "noise", 25), ("train_percent", "percTrainData", 80), ("batch_size", "batchSize", 1)],
)
def test_the_data_react_to_each_slider(page, setting, name, value):
    before = picture(page, "#points")
    page.fill(f"[data-setting={setting}]", str(value))
    wait_for_link(page, **{name: str(value)})
    assert page.inner_text(f"[data-of={setting}]") == str(value)
    assert (picture(page, "#points") != before) == (setting != "batch_size")
    page.click("#step")
    wait_for_passes(page, 1)


def test_data_sets(page):
    seen = {picture(page, "#points")}
    for name in ("xor", "gauss", "spiral"):
        page.click(f"#datasets label:has([value={name}])")
        wait_for_link(page, dataset=name)
        seen.add(picture(page, "#points"))
    page.select_option("[data-setting=problem]", "regression")
    wait_for_link(page, problem="regression")
    for name in ("reg-gauss", "reg-plane"):
        page.click(f"#datasets label:has([value={name}])")
        wait_for_link(page, regDataset=name)
        seen.add(picture(page, "#points"))
    assert len(seen) == 6
    page.click("#regenerate")
    wait_for_link(page, seed="1")
    assert picture(page, "#points") not in seen


def test_layers_neurons_and_features(page):
    page.click("#more-layers")
    wait_for_link(page, networkShape="4,2,2")
    page.click("[id='units-0-1']")
    wait_for_link(page, networkShape="5,2,2")
    page.click("[id='units-1--1']")
    wait_for_link(page, networkShape="5,1,2")
    for expected in ("5,1", "5", ""):
        page.click("#fewer-layers")
        wait_for_link(page, networkShape=expected)
    assert page.is_disabled("#fewer-layers")
    page.click("#feature-x1_x2")
    wait_for_link(page, xTimesY="true")
    page.click("#step")
    wait_for_passes(page, 1)
    for layers in range(1, 7):
        page.click("#more-layers")
        wait_for_link(page, networkShape=",".join(["2"] * layers))
    assert page.is_disabled("#more-layers")


def test_the_last_feature_stays(page):
    page.click("#feature-x1")
    wait_for_link(page, x="false")
    page.click("#feature-x2")
    page.wait_for_selector("#error:not([hidden])")
    assert "at least one feature" in page.inner_text("#error")
    page.click("#feature-x1")
    wait_for_link(page, x="true")


def test_test_points_and_two_colours(page):
    points, colours = picture(page, "#points"), picture(page, "#map")
    page.check("[data-setting=show_test]")
    wait_for_link(page, showTestData="true")
    assert picture(page, "#points") != points
    page.check("[data-setting=discretize]")
    wait_for_link(page, discretize="true")
    assert picture(page, "#map") != colours
    shades = page.evaluate(
        "() => new Set(new Uint32Array(document.getElementById('map').getContext('2d')"
        ".getImageData(0, 0, 96, 96).data.buffer)).size"
    )
    assert shades <= 2


def test_two_colours_are_for_the_output_only(page):
    hidden, output = picture(page, "#neuron-0-0 canvas"), picture(page, "#neuron-2-0 canvas")
    page.check("[data-setting=discretize]")
    wait_for_link(page, discretize="true")
    assert picture(page, "#neuron-0-0 canvas") == hidden
    assert picture(page, "#neuron-2-0 canvas") != output
    two_colours = picture(page, "#map")
    page.hover("#neuron-0-0")
    assert picture(page, "#map") not in (two_colours, output)
    page.hover("#neuron-2-0")
    assert picture(page, "#map") == two_colours


def test_the_output_unit_shows_its_bias_and_weights(page):
    page.hover("#neuron-2-0")
    pattern = r"Output\nbias: 0\.10\nneuron 1: −?\d\.\d\d\nneuron 2: −?\d\.\d\d$"
    assert re.match(pattern, page.inner_text("#tip"))
    page.click("#neuron-2-0")
    page.get_by_label("bias", exact=True).fill("2")
    page.click("#close-weights")
    page.hover("#neuron-2-0")
    page.wait_for_function("() => document.getElementById('tip').textContent.includes('bias: 2.00')")


@pytest.mark.parametrize(("shape", "width"), [("8,7,6,5,4,3", 1280), ("4,2", 390)])
def test_lines_end_at_the_output_unit_inside_the_picture(new_page, shape, width):
    page = new_page(f"#networkShape={shape}", width=width, height=844)
    page.wait_for_selector(f"#neuron-{len(shape.split(','))}-0")
    graph, output = (page.locator(each).bounding_box() for each in ("#graph", ".neuron >> nth=-1"))
    assert output["x"] + output["width"] < graph["x"] + graph["width"]
    end = "path => path.getPointAtLength(path.getTotalLength()).x"
    assert page.locator(".link >> nth=-1").evaluate(end) == pytest.approx(output["x"] - graph["x"], abs=1)


def test_the_training_can_be_watched_on_a_phone(new_page):
    page = new_page(width=390, height=844)
    page.wait_for_selector("#neuron-1-1")
    play, plot = (page.locator(each).bounding_box() for each in ("#play", "#map"))
    assert plot["y"] + plot["height"] - play["y"] < 844
    problem = page.locator("[data-setting=problem]")
    width = problem.bounding_box()["width"]
    problem.evaluate("each => (each.style.width = 'max-content')")
    assert problem.bounding_box()["width"] <= width


def test_the_accuracy_of_a_classification(page):
    for part in ("test", "train"):
        assert re.fullmatch(r"\d+ %", page.inner_text(f"#{part}-accuracy"))
    page.select_option("[data-setting=problem]", "regression")
    page.wait_for_selector("#accuracy", state="hidden")


def test_a_neuron_shows_its_map_and_its_weights(page):
    output = picture(page, "#map")
    page.hover("#neuron-0-1")
    assert re.match(r"Neuron 2 of layer 1\nbias: 0\.10\nx₁: −?\d\.\d\d\nx₂: −?\d\.\d\d$", page.inner_text("#tip"))
    assert picture(page, "#map") != output
    page.hover("#test-loss")
    assert page.is_hidden("#tip")
    assert picture(page, "#map") == output


def test_a_line_shows_its_weight(page):
    page.locator(".area").first.dispatch_event("mousemove")
    assert re.match(r"weight −?\d\.\d\d$", page.inner_text("#tip"))
    page.locator(".area").first.dispatch_event("mouseleave")
    assert page.is_hidden("#tip")


def test_weights_change_by_hand(page):
    before = picture(page, "#map")
    page.focus("#neuron-0-1")
    page.keyboard.press("Enter")
    assert page.inner_text("#weights-title") == "Neuron 2 of layer 1"
    page.get_by_label("x₁", exact=True).fill("-3")
    page.click("#close-weights")
    page.hover("#neuron-0-1")
    page.wait_for_function("() => document.getElementById('tip').textContent.includes('x₁: −3.00')")
    page.hover("#test-loss")
    assert picture(page, "#map") != before
    page.locator(".area").last.dispatch_event("click")
    assert page.inner_text("#weights-title") == "Output"
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "neuron 2"


def test_the_keyboard_is_enough(page):
    page.focus("#play")
    page.keyboard.press("Space")
    wait_for_passes(page, 3)
    page.keyboard.press("Enter")
    page.wait_for_selector("#play[aria-pressed=false]")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.focus("#neuron-0-0")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.id") == "neuron-0-1"
    assert "Neuron 2 of layer 1" in page.get_attribute("#neuron-0-1", "aria-label")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "neuron-1-1"
    page.focus("#datasets :checked")
    page.keyboard.press("ArrowRight")
    wait_for_link(page, dataset="xor")
    page.focus("[data-setting=noise]")
    page.keyboard.press("ArrowRight")
    wait_for_link(page, noise="5")
    page.focus("#feature-x1_squared")
    page.keyboard.press("Space")
    wait_for_link(page, xSquared="true")
    assert page.evaluate("document.activeElement.id") == "feature-x1_squared"
    style = page.eval_on_selector("#feature-x1_squared", "each => getComputedStyle(each).outlineStyle")
    assert style == "solid"  # the focus is visible


def test_controls_have_names(page):
    controls = page.locator("#networks :is(button, select, input, canvas, .neuron):visible")
    snapshot = page.locator("#networks").aria_snapshot()
    assert controls.count() > 30
    assert not re.search(r"- (button|combobox|slider|checkbox|radio)( \[.*\])?:?$", snapshot, re.MULTILINE)


def test_the_script_is_shown(page):
    page.click("#show-code")
    page.wait_for_selector("#code[open]")
    assert "import fastconv as keras" in page.inner_text("#code pre")
    page.keyboard.press("Escape")
    assert page.is_hidden("#code")


def test_a_page_that_is_loaded_again_continues(page):
    page.click("#step")
    wait_for_passes(page, 1)
    page.reload()
    wait_for_passes(page, 1)
    assert passes(page) == 1


def test_another_tab_pauses_the_training(page):
    page.click("#play")
    wait_for_passes(page, 2)
    page.click("#tab-filters")
    page.click("#tab-networks")
    page.wait_for_selector("#play[aria-pressed=false]")
    assert link(page)["dataset"] == "circle"


def test_narrow_windows_need_no_horizontal_scrolling(new_page):
    page = new_page("#networkShape=8,8,8", width=360, height=740)
    page.wait_for_selector("#neuron-2-7")
    page.click("#play")
    wait_for_passes(page, 3)
    for width in (360, 640, 900):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_speed_on_this_page(new_page):
    """At least 30 passes a second are drawn; the test asks for 5, since other work may share the processor."""
    page = new_page("#networkShape=8,8,8")
    page.wait_for_selector("#neuron-2-7")
    page.click("#play")
    wait_for_passes(page, 5)
    first = passes(page)
    page.wait_for_timeout(1000)
    assert passes(page) - first >= 5
