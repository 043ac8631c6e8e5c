"""PyTorch with channels last in memory."""

from __future__ import annotations

import torch

from benchmarks.nets.engines import pytorch


class Engine(pytorch.Engine):
    layout = torch.channels_last
