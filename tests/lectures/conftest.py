"""The pages of the lectures need Matplotlib."""

from __future__ import annotations

import pytest

from tests.lectures.pages import values

pytest.importorskip("matplotlib")


@pytest.fixture
def page(request):
    """Return the values of the page after which the test's module is named."""
    return values(request.module.__name__.rpartition("test_")[2])
