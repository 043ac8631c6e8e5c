"""ONNX Runtime: all optimizations, a fixed batch size, outputs in its own memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime


class Engine:
    channels_first = True

    def __init__(self, folder: Path, threads: int, batch: int, many: bool) -> None:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = threads
        options.add_free_dimension_override_by_name("batch", batch)
        self.session = onnxruntime.InferenceSession(
            str(folder / "net.onnx"), options, providers=["CPUExecutionProvider"]
        )

    def instruction_set(self) -> str:
        return "not restricted"

    def predictor(self, x: np.ndarray) -> Callable[[], Any]:
        inputs = {"x": np.ascontiguousarray(np.moveaxis(x, -1, 1))}
        return lambda: self.session.run(None, inputs)[0]
