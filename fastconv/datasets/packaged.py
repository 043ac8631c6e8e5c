"""The files of data that are part of the package; data/CREDITS.md names their authors and licences."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fastconv.datasets.files import read_npz

FOLDER = Path(__file__).parent / "data"


def read(name: str, *arrays: str) -> list[np.ndarray]:
    """Return the uint8 arrays called `arrays` from the file `name`.npz of the package."""
    return read_npz(FOLDER / f"{name}.npz", arrays)
