"""The page's frame in a browser: tabs, their links, keys."""

from __future__ import annotations

import pytest


def shown(page):
    """Return the ids of the panels that the page shows."""
    return page.eval_on_selector_all("[role=tabpanel]:not([hidden])", "panels => panels.map(panel => panel.id)")


@pytest.mark.parametrize(
    ("hash", "tab"), [("", "networks"), ("#tab=digits", "digits"), ("#tab=filters", "filters"), ("#tab=x", "networks")]
)
def test_a_link_opens_its_tab(new_page, hash, tab):
    page = new_page(hash)
    page.wait_for_function("() => !document.querySelector('main').textContent.includes('Waiting')")
    assert shown(page) == [tab]
    assert page.get_attribute(f"#tab-{tab}", "aria-selected") == "true"


def test_a_click_opens_a_tab_and_changes_the_link(page):
    page.click("#tab-filters")
    assert shown(page) == ["filters"]
    assert page.url.endswith("#tab=filters")
    page.click("#tab-networks")
    assert shown(page) == ["networks"]


def test_arrow_keys_move_between_tabs(page):
    page.focus("#tab-networks")
    page.keyboard.press("ArrowLeft")
    assert shown(page) == ["filters"]
    page.keyboard.press("ArrowRight")
    assert shown(page) == ["networks"]
    assert page.evaluate("document.activeElement.id") == "tab-networks"
