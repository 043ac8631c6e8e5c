"""The pages of the lectures need Matplotlib."""

from __future__ import annotations

import pytest

pytest.importorskip("matplotlib")
