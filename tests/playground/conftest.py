"""A running playground, and pages of a browser that look at it.

Pages are pages of Chromium, which Playwright controls. A test fails if its page writes an error to the console or
calls a script that fails, unless it removes the error from `page.errors`.
"""

from __future__ import annotations

import shutil

import pytest

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
TIMEOUT = 20_000  # milliseconds; long, since tests may share the machine


@pytest.fixture(scope="package")
def server():
    """Return a server of the playground on a free port of this machine."""
    for module in ("starlette", "uvicorn", "websockets"):
        pytest.importorskip(module)
    from fastconv.playground.server import Server

    server = Server(port=0)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="package")
def browser():
    """Return Chromium without windows, whose webcam is a fake. Skip the test if it is not installed."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as control:
        browser = control.chromium.launch(executable_path=path, args=list(OPTIONS))
        yield browser
        browser.close()


@pytest.fixture
def new_page(server, browser):
    """Return a function that opens a page of the playground: `new_page(hash="", width=1280, height=900)`."""
    contexts = []

    def open_page(hash="", width=1280, height=900, url=None):
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, permissions=["camera"]))
        page = contexts[-1].new_page()
        page.set_default_timeout(TIMEOUT)
        page.errors = []
        page.on("console", lambda event: page.errors.append(event.text) if event.type == "error" else None)
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.goto((url or server.url) + hash)
        return page

    yield open_page
    errors = [error for context in contexts for page in context.pages for error in page.errors]
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def page(new_page):
    """Return a page of the playground that shows the Networks tab."""
    return new_page()
