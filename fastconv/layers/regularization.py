"""Layers that disturb training so that the model generalises."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastconv import ops
from fastconv.engine import Variable
from fastconv.layers.base import Layer
from fastconv.serialization import register
from fastconv.utils.random import next_seed


@register("layer")
class Dropout(Layer):
    """In training, each element is 0 with probability `rate` and divided by 1 - rate otherwise; else x itself.

    Srivastava et al. 2014.

    Args:
        rate: 0 <= rate <= 1.
        seed: what the masks are drawn from; taken from `utils.set_random_seed` when None.

    Raises:
        ValueError: a rate outside [0, 1].
    """

    ARGUMENTS = ("rate", "seed")

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate <= 1:
            raise ValueError(f"Dropout: rate must be at least 0 and at most 1. Received: rate={rate}")
        self.rate = float(rate)
        self.seed = seed
        start = next_seed() if seed is None else seed
        self.seed_state = Variable(np.array([start], np.uint64), trainable=False, name="seed_state")
        self.seed_state.path = f"{self.name}/seed_state"

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        if self.rate == 1:
            return inputs * 0.0
        seed = self.seed_state.read()
        outputs = ops.dropout(inputs, seed, self.rate)
        self.seed_state.assign(seed + STEP)
        return outputs


# Between the seeds of successive steps: an odd number with no simple relation to the increment of splitmix64.
STEP = np.array([0xD1342543DE82EF95], np.uint64)
