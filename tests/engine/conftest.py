"""The engine's own tests look into plans and their arrays, which are NumPy's here, whatever `--device` says."""

from __future__ import annotations

import pytest

from fastconv import device


@pytest.fixture(autouse=True)
def on_the_processor(chosen_device, monkeypatch):
    monkeypatch.setattr(device, "_chosen", "cpu")
