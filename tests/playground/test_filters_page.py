"""The Filters tab in a browser: kernels on photos, pictures and the webcam, and windows step by step."""

from __future__ import annotations

import struct
import zlib

import pytest


@pytest.fixture
def filters(new_page):
    """Return a page that shows the Filters tab."""
    return opened(new_page("#tab=filters"))


def opened(page):
    page.wait_for_selector("#filters-results td")
    return page


def pixels(page, selector):
    """Return the pixels of a canvas as text, to compare."""
    return page.eval_on_selector(selector, "canvas => canvas.toDataURL()")


def changed(page, selector, before):
    """Wait until a canvas shows something else."""
    page.wait_for_function(f"before => document.querySelector('{selector}').toDataURL() !== before", arg=before)


def wait_for_text(page, selector, text):
    page.wait_for_function(
        "([selector, text]) => document.querySelector(selector).textContent.includes(text)", arg=[selector, text]
    )


def cells(page, name):
    """Return the numbers of a grid, without the weights below them."""
    read = "cells => cells.map(cell => cell.firstChild.textContent)"
    texts = page.eval_on_selector_all(f"#filters-{name} td", read)
    return [float(text.replace("−", "-")) for text in texts]


def test_filters_change_the_result(filters):
    before, photo = pixels(filters, "#filters-after"), pixels(filters, "#filters-before")
    filters.select_option("#filters-filter", "gaussian")
    changed(filters, "#filters-after", before)
    assert filters.input_value("#filters-kernel input >> nth=4") == "1/4"
    assert "near pixels" in filters.text_content("#filters-about")
    filters.select_option("#filters-photo", "flower")
    changed(filters, "#filters-before", photo)


def test_identity_leaves_the_picture_as_it_is(filters):
    before = pixels(filters, "#filters-after")
    filters.select_option("#filters-filter", "identity")
    filters.select_option("#filters-padding", "1")
    wait_for_text(filters, "#filters-after-size", "128×192")
    assert pixels(filters, "#filters-after") != before
    assert pixels(filters, "#filters-after") == pixels(filters, "#filters-before")


def test_an_edited_kernel_is_a_filter_of_its_own(filters):
    filters.select_option("#filters-filter", "identity")
    wait_for_text(filters, "#filters-about", "nothing changes")
    filters.fill("#filters-kernel input >> nth=4", "1/2")
    filters.press("#filters-kernel input >> nth=4", "Tab")
    wait_for_text(filters, "#filters-about", "Change any number")
    assert filters.input_value("#filters-filter") == "custom"
    wait_for_text(filters, "#filters-after-size", "to 0.50")
    filters.fill("#filters-kernel input >> nth=4", "x")
    filters.press("#filters-kernel input >> nth=4", "Tab")
    assert filters.get_attribute("#filters-kernel input >> nth=4", "aria-invalid") == "true"
    filters.select_option("#filters-rows", "7")
    filters.wait_for_function("() => document.querySelectorAll('#filters-kernel input').length === 21")


def test_worked_example_step_by_step(filters):
    filters.select_option("#filters-example", "small")
    wait_for_text(filters, "#filters-sum", "= 1.5")
    assert "1·1 + 0.5·0 + 0·0 + 0.25·2 = 1 + 0 + 0 + 0.5 = 1.5" in filters.text_content("#filters-sum")
    assert cells(filters, "results") == [1.5, 1.5, 3, 0.5, 0.25, 2.5, 1, 2.25, 2]
    filters.focus("#filters-grid")
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        filters.keyboard.press(key)
    wait_for_text(filters, "#filters-sum", "= 2.25")
    assert filters.text_content("#filters-results .current") == "2.25"
    assert filters.locator("#filters-numbers .tap").count() == 4
    filters.click("#filters-results td >> nth=2")
    wait_for_text(filters, "#filters-sum", "= 3")


def test_windows_that_do_not_fit(filters):
    filters.select_option("#filters-example", "unfit")
    wait_for_text(filters, "#filters-formula", "(7 + 2·0 − 3)/3 + 1 = 2.33 does not fit")
    assert len(cells(filters, "results")) == 4
    assert filters.locator("#filters-numbers .unread").count() == 13


def test_padding_and_dilation_are_drawn(filters):
    filters.select_option("#filters-example", "padding")
    wait_for_text(filters, "#filters-numbers-caption", "1 zero around")
    assert filters.locator("#filters-numbers .padding").count() == 20
    filters.select_option("#filters-example", "dilation")
    wait_for_text(filters, "#filters-formula", "F = (3 − 1)·2 + 1 = 5")
    assert filters.locator("#filters-numbers .tap").count() == 9
    assert filters.locator("#filters-numbers .covered").count() == 25


def test_convolution_flips_the_kernel(filters):
    filters.select_option("#filters-example", "correlation")
    filters.wait_for_function("() => document.querySelector('#filters-sliding td').textContent === '1'")
    assert cells(filters, "results")[6:9] == [9, 8, 7]
    filters.check("#filters-flip")
    filters.wait_for_function("() => document.querySelector('#filters-sliding td').textContent === '9'")
    assert cells(filters, "results")[6:9] == [1, 2, 3]
    assert "flipped" in filters.text_content("#filters-sliding-caption")


def test_it_plays(filters):
    filters.click("#filters-play")
    filters.wait_for_function("() => document.querySelectorAll('#filters-results .later').length < 23")
    filters.focus("#filters-grid")
    filters.keyboard.press(" ")
    assert filters.text_content("#filters-play") == "Play"


def test_numbers_can_be_edited(filters):
    filters.select_option("#filters-example", "small")
    wait_for_text(filters, "#filters-sum", "= 1.5")
    filters.click("#filters-edit")
    filters.fill("#filters-numbers input >> nth=0", "-7")
    filters.press("#filters-numbers input >> nth=0", "Tab")
    filters.wait_for_function("() => document.querySelector('#filters-results td').textContent.includes('−6.5')")
    filters.select_option("#filters-size", "5")
    filters.click("#filters-other")
    filters.wait_for_function("() => document.querySelectorAll('#filters-numbers input').length === 25")


def png(width, height, color):
    """Return the bytes of a PNG file of one color."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = (b"\0" + bytes(color) * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def upload(page, name, data, kind="image/png"):
    page.set_input_files("#filters-file", {"name": name, "mimeType": kind, "buffer": data})


def test_an_uploaded_picture_is_made_small(filters):
    filters.select_option("#filters-filter", "box_3x3")
    upload(filters, "red.png", png(1000, 500, (255, 0, 0)))
    wait_for_text(filters, "#filters-before-size", "160×320")
    wait_for_text(filters, "#filters-after-size", "158×318, from 0 to 1")
    upload(filters, "line.png", png(1000, 1, (0, 0, 255)))
    wait_for_text(filters, "#filters-before-size", "32×320")


def test_a_file_without_a_picture_is_refused(filters):
    upload(filters, "text.png", b"no picture")
    wait_for_text(filters, "#error", "cannot read text.png")
    assert filters.text_content("#filters-before-size") == "128×192"


def test_the_webcam(filters):
    photo = pixels(filters, "#filters-before")
    filters.click("#filters-camera")
    wait_for_text(filters, "#filters-before-size", "144×192")
    changed(filters, "#filters-before", photo)
    frame, result = pixels(filters, "#filters-before"), pixels(filters, "#filters-after")
    changed(filters, "#filters-before", frame)
    changed(filters, "#filters-after", result)
    filters.click("#filters-camera")
    assert filters.text_content("#filters-camera") == "Webcam"
    filters.click("#filters-camera")
    filters.click("#tab-networks")
    filters.click("#tab-filters")
    assert filters.text_content("#filters-camera") == "Webcam"


def test_a_refused_webcam_is_explained(filters):
    refuse = "() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('Permission denied')); }"
    filters.evaluate(refuse)
    filters.click("#filters-camera")
    wait_for_text(filters, "#error", "Permission denied")
    assert filters.text_content("#filters-camera") == "Webcam"


def test_it_fits_a_phone(new_page):
    page = opened(new_page("#tab=filters", width=360, height=740))
    page.select_option("#filters-filter", "box_7x7")
    page.wait_for_function("() => document.querySelectorAll('#filters-kernel input').length === 49")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_controls_and_canvases_have_labels(filters):
    unnamed = """nodes => nodes.filter(node => !node.getAttribute('aria-label') && !node.textContent.trim()
        && !node.closest('label')).map(node => node.outerHTML)"""
    found = filters.eval_on_selector_all("#filters canvas, #filters button, #filters select, #filters input", unnamed)
    assert found == []
