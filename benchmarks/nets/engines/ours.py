"""fastconv, as a user calls it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fastconv import _core, config, models


class Engine:
    channels_first = False

    def __init__(self, folder: Path, threads: int, batch: int, many: bool) -> None:
        config.set_num_threads(threads)
        self.model = models.load_model(folder / "model.npz")

    def kernels(self, call: Callable[[], Any]) -> str:
        return _core.get_isa()

    def predictor(self, x: np.ndarray) -> Callable[[], Any]:
        return partial(self.model.predict_on_batch, x)

    def trainer(self, x: np.ndarray, classes: np.ndarray) -> Callable[[], Any]:
        y = np.eye(self.model.output_shape[-1], dtype=np.float32)[classes]
        self.model.compile("adam", "categorical_crossentropy")
        return partial(self.model.train_on_batch, x, y)
