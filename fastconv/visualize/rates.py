"""Learning-rate schedules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastconv.arguments import as_integer, as_number
from fastconv.backends.gpu.transfer import to_host
from fastconv.typing import LearningRateLike
from fastconv.utils.files import FilePath
from fastconv.visualize.drawing import LINES
from fastconv.visualize.functions import name_of
from fastconv.visualize.picture import Axes, Picture, axes_for, finish

MOST_STEPS = 1_000_000


def schedule(
    schedules: LearningRateLike | Mapping[str, LearningRateLike],
    steps: int = 1000,
    ax: Axes | None = None,
    path: FilePath | None = None,
) -> Picture:
    """Draw the learning rate of each step.

    Args:
        schedules: a schedule of `optimizers.schedules`, a function of the step, or a number; or a dict from names to
            these.
        steps: int from 1 to 1,000,000. The number of steps. Default: 1000.
        ax: the axes to draw in, or None for a new figure. Default: None.
        path: the file to write, or None. Default: None.

    Returns:
        `Picture` with "rates" (schedules, steps).

    Raises:
        ValueError: there is no schedule, a schedule does not return a number, or `steps` is out of its range.

    Example:
        >>> decay = optimizers.schedules.ExponentialDecay(0.1, decay_steps=100, decay_rate=0.5)
        >>> visualize.schedule(decay, steps=201)["rates"][0, [0, 100, 200]].round(4).tolist()
        [0.1, 0.05, 0.025]
    """
    steps = as_integer("schedule", "steps", steps, 1, MOST_STEPS)
    several = dict(schedules) if isinstance(schedules, Mapping) else {_name(schedules): schedules}
    if not several:
        raise ValueError("schedule: schedules must have at least one entry. Received: {}")
    ax = axes_for("schedule", ax, path, (6, 3.5))
    rates = np.array([[_rate(each, step) for step in range(steps)] for each in several.values()])
    for i, name in enumerate(several):
        ax.plot(np.arange(steps), rates[i], color=LINES[i % len(LINES)], label=name)
    ax.set(xlabel="step", ylabel="learning rate")
    ax.set_ylim(bottom=min(0.0, float(rates.min())))
    ax.legend(fontsize=8)
    return finish(ax, path, {"rates": rates})


def _name(schedule: Any) -> str:
    return f"{schedule:g}" if isinstance(schedule, (int, float)) else name_of(schedule)


def _rate(schedule: Any, step: int) -> float:
    """Return the learning rate of a step."""
    rate = to_host(schedule(step)) if callable(schedule) else schedule
    return float(as_number("schedule", "the learning rate", rate))
