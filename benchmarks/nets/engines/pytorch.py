"""PyTorch in a memory layout, without torch.compile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.support.printed import printed_by
from benchmarks.support.torch_calls import no_grad, training_step


class Engine:
    channels_first = True
    layout = torch.contiguous_format

    def __init__(self, folder: Path, threads: int, batch: int, many: bool) -> None:
        torch.set_num_threads(threads)
        self.net = torch.load(folder / "twin.pt", weights_only=False).eval().to(memory_format=self.layout)

    def kernels(self, call: Callable[[], Any]) -> str:
        """Return the instruction set of PyTorch's own kernels, and the names of oneDNN's kernels in a call."""
        with torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON):
            lines = printed_by(call).splitlines()
        steps = [line.split(",") for line in lines if ",primitive,exec," in line]
        names = {implementation for *_, kind, implementation in (step[:7] for step in steps) if kind != "reorder"}
        return " ".join([torch.backends.cpu.get_cpu_capability(), *sorted(names)])

    def images(self, x: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(x).movedim(-1, 1).contiguous(memory_format=self.layout)

    def predictor(self, x: np.ndarray) -> Callable[[], Any]:
        return no_grad(self.net.eval(), self.images(x))

    def trainer(self, x: np.ndarray, classes: np.ndarray) -> Callable[[], Any]:
        return training_step(self.net.train(), self.images(x), torch.from_numpy(classes))
