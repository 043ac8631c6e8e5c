"""The modules of a net in PyTorch. `twin` creates them; they are stored and read without fastconv."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


class Twin(nn.Module):
    """A net that computes probabilities, or logits in training.

    Args:
        steps: the modules in the order of computation, up to the logits.
        reads: for each step, the numbers of its inputs: 0 is the input of the net, i the result of step i - 1.
    """

    def __init__(self, steps: Sequence[nn.Module], reads: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.steps = nn.ModuleList(steps)
        self.reads = reads
        last = {number: i for i, numbers in enumerate(reads) for number in numbers}
        self.dropped = [[number for number in set(numbers) if last[number] == i] for i, numbers in enumerate(reads)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        results: list[torch.Tensor | None] = [x]
        for step, reads, dropped in zip(self.steps, self.reads, self.dropped):
            results.append(step(*[results[number] for number in reads]))
            for number in dropped:
                results[number] = None
        return results[-1] if self.training else torch.softmax(results[-1], 1)


class Add(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return x + y


class Multiply(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return x * y


class Concatenate(nn.Module):
    """Concatenate channels."""

    def forward(self, *parts: torch.Tensor) -> torch.Tensor:
        return torch.cat(parts, 1)


class Affine(nn.Module):
    """factor * x + offset, for each channel."""

    def __init__(self, factor: torch.Tensor, offset: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("factor", factor)
        self.register_buffer("offset", offset)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor + self.offset


class DropSamples(nn.Module):
    """Set some samples to zero in training, and divide the others by the probability that they are kept."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.kept = 1 - rate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        return x * x.new_empty(len(x), 1, 1, 1).bernoulli_(self.kept).div_(self.kept)
