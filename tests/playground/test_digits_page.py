"""The CNN tab in a browser: it trains, reads drawings, and shows how pixels are computed."""

from __future__ import annotations

import pytest

from tests.playground.strokes import DIGITS

ACCURACY = "() => parseFloat(document.querySelector('#digits-accuracy').textContent.split('test')[1]) > {percent}"


@pytest.fixture
def cnn(new_page):
    """Return a page that shows the CNN tab."""
    page = new_page("#tab=digits")
    page.wait_for_selector("#digits-conv1")
    return page


def train(page, percent):
    """Train until the accuracy on the test scans exceeds a percentage."""
    page.click("#digits-play")
    page.wait_for_function(ACCURACY.format(percent=percent))
    page.click("#digits-play")
    page.wait_for_function("() => document.querySelector('#digits-play').textContent === 'Train'")


def draw(page, digit):
    """Draw a digit by mouse."""
    box = page.locator("#digits-pad").bounding_box()
    for stroke in DIGITS[digit]:
        for number, (x, y) in enumerate(stroke):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
            if number == 0:
                page.mouse.down()
        page.mouse.up()


def pixels(page, selector):
    """Return the pixels of a canvas as text, to compare."""
    return page.eval_on_selector(selector, "canvas => canvas.toDataURL()")


def guessed(page, text):
    page.wait_for_function(f"() => document.querySelector('#digits-guess').textContent.startsWith('{text}')")


def test_it_trains_and_reads_a_drawing(cnn):
    filters, curve = pixels(cnn, "#digits-conv1-now"), pixels(cnn, "#digits-accuracy-chart")
    assert filters == pixels(cnn, "#digits-conv1-before")
    train(cnn, 93)
    assert pixels(cnn, "#digits-conv1-now") != filters
    assert pixels(cnn, "#digits-accuracy-chart") != curve
    maps = pixels(cnn, "#digits-conv2")
    draw(cnn, 0)
    guessed(cnn, "0")
    assert cnn.text_content("#digits-source").startswith("Your drawing")
    assert pixels(cnn, "#digits-conv2") != maps
    cnn.click("#digits-clear")
    draw(cnn, 4)
    guessed(cnn, "4")


def test_one_batch_is_one_step(cnn):
    cnn.click("#digits-step")
    cnn.wait_for_function("() => document.querySelector('#digits-passes').textContent.startsWith('Step 1,')")
    cnn.click("#digits-reset")
    cnn.wait_for_function("() => document.querySelector('#digits-passes').textContent.startsWith('Step 0,')")


def test_a_click_on_a_pixel_shows_its_computation(cnn):
    cnn.click("#digits-conv1", position={"x": 4 + 4 * 10 + 2, "y": 4 + 4 * 3 + 2})
    heading = cnn.wait_for_selector("#digits-pixel h3")
    assert heading.text_content() == "Convolution 1: row 4, column 11 of map 1"
    assert cnn.locator("#digits-pixel .numbers td").count() == 75
    assert "5×5 of the 32×32 pixels: rows 4 to 8, columns 11 to 15" in cnn.text_content("#digits-pixel")
    assert "ReLU(" in cnn.text_content("#digits-pixel .total")
    cnn.click("#digits-close")
    cnn.wait_for_selector("#digits-chosen", state="hidden")


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_computation_lies_below_its_layer_and_hides_none(new_page, width, height):
    page = new_page("#tab=digits", width=width, height=height)
    page.wait_for_selector("#digits-conv1")
    for layer, text in (("conv1", "Convolution 1"), ("conv2", "Convolution 2")):
        page.click(f"#digits-{layer}", position={"x": 20, "y": 20})
        page.wait_for_function(f"() => document.querySelector('#digits-pixel h3')?.textContent.startsWith('{text}')")
        chosen, panel = (page.locator(f"#digits-{each}").bounding_box() for each in (layer, "chosen"))
        below = page.locator("#digits-pool1" if layer == "conv1" else "#digits-pool2").bounding_box()
        assert chosen["y"] >= 0
        assert chosen["y"] + chosen["height"] < panel["y"] < height
        assert panel["y"] + panel["height"] < below["y"]


def test_an_empty_drawing_is_no_digit(cnn):
    cnn.click("#digits-clear")
    guessed(cnn, "–")
    assert cnn.locator(".bar-row.largest").count() == 0
    draw(cnn, 1)
    cnn.wait_for_function("() => document.querySelector('#digits-guess').textContent.includes('%')")


def test_numbers_of_the_computation_add_up(cnn):
    cnn.click("#digits-pool1", position={"x": 30, "y": 30})
    cnn.wait_for_function("() => document.querySelectorAll('#digits-pixel .numbers td').length === 4")
    cells = [float(text.replace("−", "-")) for text in cnn.locator("#digits-pixel .numbers td").all_text_contents()]
    value = float(cnn.text_content("#digits-pixel .total strong").replace("−", "-"))
    assert value == pytest.approx(max(cells), abs=6e-3)


def test_keys_move_the_pixel(cnn):
    cnn.focus("#digits-conv2")
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "PageDown"):
        cnn.keyboard.press(key)
    heading = "Convolution 2: row 3, column 2 of map 2"
    cnn.wait_for_function(f"() => document.querySelector('#digits-pixel h3')?.textContent === '{heading}'")
    assert cnn.locator(".channel").count() == 6
    cnn.click(".channel >> nth=4")
    assert cnn.get_attribute(".channel >> nth=4", "aria-pressed") == "true"
    assert "map 5" in cnn.text_content("#digits-pixel .numbers caption")
    cnn.focus("#digits-dense2")
    cnn.keyboard.press("ArrowRight")
    cnn.wait_for_function("() => document.querySelector('#digits-pixel h3').textContent === 'Dense 2: number 2'")


def test_the_computation_can_be_used_while_the_net_trains(cnn):
    cnn.click("#digits-conv2", position={"x": 20, "y": 20})
    cnn.wait_for_selector(".channel")
    cnn.click("#digits-play")
    cnn.wait_for_function("() => document.querySelector('#digits-play').textContent === 'Pause'")
    cnn.locator(".channel >> nth=5").dispatch_event("pointerdown")
    cnn.wait_for_function("() => document.querySelectorAll('.channel')[5].ariaPressed === 'true'")
    total = cnn.text_content("#digits-pixel .total")
    cnn.wait_for_function("total => document.querySelector('#digits-pixel .total').textContent !== total", arg=total)
    assert cnn.evaluate("document.activeElement.value") == "5"


def test_the_gradient_of_a_class_flows_back(cnn):
    activations = pixels(cnn, "#digits-input")
    cnn.select_option("#digits-class", "5")
    cnn.wait_for_function("() => document.querySelector('#digits-view').textContent.includes('gradient of score 5')")
    assert pixels(cnn, "#digits-input") != activations
    cnn.click("#digits-pool1", position={"x": 30, "y": 30})
    cnn.wait_for_function("() => document.querySelector('#digits-pixel')?.textContent.includes('score 5 changes by')")


def test_a_bar_shows_the_softmax(cnn):
    cnn.click(".bar-row >> nth=7")
    cnn.wait_for_function("() => document.querySelector('#digits-pixel h3')?.textContent === 'Probabilities: class 7'")


def test_test_scans_and_mistakes(cnn):
    assert cnn.text_content("#digits-source").startswith("Test scan 1,")
    cnn.click("#digits-next")
    cnn.wait_for_function("() => document.querySelector('#digits-source').textContent.startsWith('Test scan 2,')")
    cnn.click("#digits-earlier")
    cnn.click("#digits-earlier")
    cnn.wait_for_function("() => document.querySelector('#digits-source').textContent.startsWith('Test scan 359,')")
    cnn.click("#digits-mistake")
    cnn.wait_for_function("() => document.querySelector('#digits-source').textContent.endsWith('misread')")


def test_a_digit_is_drawn_by_keys(cnn):
    cnn.focus("#digits-pad")
    for key in (" ", *["ArrowDown"] * 12, " "):
        cnn.keyboard.press(key)
    cnn.wait_for_function("() => document.querySelector('#digits-source').textContent.startsWith('Your drawing')")
    drawn = pixels(cnn, "#digits-scan")
    cnn.keyboard.press("Backspace")
    cnn.wait_for_function(f"() => document.querySelector('#digits-scan').toDataURL() !== '{drawn}'")


def test_a_digit_is_drawn_by_a_finger(cnn):
    blank = pixels(cnn, "#digits-pad")
    box = cnn.locator("#digits-pad").bounding_box()
    control = cnn.context.new_cdp_session(cnn)
    control.send("Emulation.setTouchEmulationEnabled", {"enabled": True})

    def touch(kind, *points):
        places = [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in points]
        control.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    touch("touchStart", DIGITS[7][0][0])
    for point in DIGITS[7][0][1:]:
        touch("touchMove", point)
    touch("touchEnd")
    cnn.wait_for_function("() => document.querySelector('#digits-source').textContent.startsWith('Your drawing')")
    assert pixels(cnn, "#digits-pad") != blank
    assert cnn.evaluate("scrollY") == 0


def test_the_other_net_begins_again(cnn):
    cnn.select_option("#digits-kind", "tanh")
    cnn.click("#digits-conv1", position={"x": 20, "y": 20})
    cnn.wait_for_function("() => document.querySelector('#digits-pixel .total')?.textContent.includes('tanh(')")


def test_it_fits_a_phone(new_page):
    page = new_page("#tab=digits", width=360, height=740)
    page.wait_for_selector("#digits-conv1")
    page.click("#digits-conv2", position={"x": 20, "y": 20})
    page.wait_for_selector("#digits-pixel h3")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_training_stops_when_another_tab_is_shown(cnn):
    cnn.click("#digits-play")
    cnn.wait_for_function("() => document.querySelector('#digits-play').textContent === 'Pause'")
    cnn.click("#tab-filters")
    cnn.click("#tab-digits")
    cnn.wait_for_function("() => document.querySelector('#digits-play').textContent === 'Train'")


def test_a_page_that_is_loaded_again_finds_its_net(cnn):
    cnn.click("#digits-play")
    cnn.wait_for_function("() => !document.querySelector('#digits-passes').textContent.startsWith('Step 0,')")
    cnn.reload()
    cnn.wait_for_selector("#digits-conv1")
    step = int(cnn.text_content("#digits-passes").split()[1].rstrip(","))
    assert step > 0
    cnn.click("#digits-play")
    cnn.wait_for_function(
        f"() => parseInt(document.querySelector('#digits-passes').textContent.split(' ')[1]) > {step + 5}"
    )


def test_controls_and_canvases_have_labels(cnn):
    unnamed = """nodes => nodes.filter(node => !node.getAttribute('aria-label') && !node.textContent.trim()
        && !node.closest('label')).map(node => node.outerHTML)"""
    assert cnn.eval_on_selector_all("#digits canvas, #digits button, #digits select", unnamed) == []
