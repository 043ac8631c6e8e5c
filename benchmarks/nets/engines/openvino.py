"""OpenVINO in float32: for latency, or for the throughput of many calls; inputs stay in place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino

# Other layers, such as averages, do not obey all restrictions.
PRODUCTS = ("Convolution", "Deconvolution", "FullyConnected", "MatMul")


class Engine:
    channels_first = True

    def __init__(self, folder: Path, threads: int, batch: int, many: bool) -> None:
        core = openvino.Core()
        net = core.read_model(folder / "net.onnx")
        net.reshape([batch, *list(net.input(0).partial_shape)[1:]])
        streams = {"PERFORMANCE_HINT": "THROUGHPUT"} if many else {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1}
        how = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", **streams}
        self.inputs: list[np.ndarray] = []  # the library keeps no references to them
        self.compiled = core.compile_model(net, "CPU", how)

    def kernels(self, call: Callable[[], Any]) -> str:
        """Return the names of the kernels of convolutions and dense layers."""
        steps = [step.get_rt_info() for step in self.compiled.get_runtime_model().get_ordered_ops()]
        kernels = {step["primitiveType"].astype(str) for step in steps if step["layerType"].astype(str) in PRODUCTS}
        return " ".join(sorted(kernels))

    def predictor(self, x: np.ndarray) -> Callable[[], Any]:
        request = self.compiled.create_infer_request()
        inputs = np.ascontiguousarray(np.moveaxis(x, -1, 1))
        self.inputs.append(inputs)
        request.set_input_tensor(openvino.Tensor(inputs, shared_memory=True))

        def predict() -> np.ndarray:
            request.infer()
            return request.get_output_tensor().data

        return predict
