"""The progress bar of training."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from fastconv.arguments import as_integer, as_number, as_verbosity, optional


class Progbar:
    """A progress bar, for example `12/12 ━━━━━━━━━━━━━━━━━━━━ 1s 5ms/step - accuracy: 0.9812 - loss: 0.0532`.

    It moves in terminals and notebooks. Elsewhere only its last state is printed.

    Args:
        target: int or None. The number of steps; None if it is unknown.
        width: int. The width of the bar, in characters. Default: 20.
        verbose: 0 to print nothing, 1 for the bar, 2 for a plain line at the end. Default: 1.
        interval: float. Seconds between two updates of the line. Default: 0.05.
        stateful_metrics: names of quantities to show unchanged; the others are averaged over the steps. Default: None.
        stateless_metrics: names of quantities to average; the others are shown unchanged. Default: None.
        unit_name: str. The name of a step. Default: "step".

    Raises:
        ValueError: both stateful_metrics and stateless_metrics are given.

    Example:
        >>> bar = Progbar(target=3, verbose=0)
        >>> for step in range(3):
        ...     bar.update(step + 1, [("loss", 0.5)])
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError(
                "Progbar: stateful_metrics and stateless_metrics cannot both be given. "
                f"Received: {stateful_metrics=}, {stateless_metrics=}"
            )
        self.target = optional(as_integer, self, "target", target, -1)
        self.width = as_integer(self, "width", width, 1)
        self.verbose = as_verbosity(self, verbose)
        self.interval = as_number(self, "interval", interval, 0)
        self.unit_name = unit_name
        self._stateful = set(stateful_metrics or ())
        self._stateless = None if stateless_metrics is None else set(stateless_metrics)
        self._means: dict[str, tuple[Any, int]] = {}  # sums over the steps, and numbers of steps
        self._seen = 0
        self._start = time.monotonic()
        self._shown_at = -float("inf")
        self._shown_length = 0

    def update(
        self, current: int, values: Iterable[tuple[str, Any]] | None = None, finalize: bool | None = None
    ) -> None:
        """Show that `current` steps are done.

        Args:
            current: int. The number of finished steps.
            values: pairs (name, value); the mean of an array is shown. Default: None.
            finalize: bool or None. Whether this ends the line; None means when the target is reached. Default: None.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        if self._stateless != set():
            values = self._over_steps(current, values or (), finalize)
        self._seen = current
        now = time.monotonic()
        moving = self.verbose == 1 and _can_move()
        if self.verbose and (finalize or (moving and now - self._shown_at >= self.interval)):
            self._rewrite(self._line(current, values, now, finalize), finalize)
            self._shown_at = now

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Show that `n` more steps are done."""
        self.update(self._seen + n, values)

    def _over_steps(self, current: int, values: Iterable[tuple[str, Any]], finalize: bool) -> list[tuple[str, Any]]:
        """Update the quantities with new values, and return them unchanged or averaged over the steps."""
        steps = max(current - self._seen, 1)
        for name, value in values:
            averaged = name not in self._stateful if self._stateless is None else name in self._stateless
            total, count = self._means.get(name, (0.0, 0)) if averaged and not finalize else (0.0, 0)
            self._means[name] = total + np.asarray(value) * steps, count + steps
        return [(name, total / count) for name, (total, count) in self._means.items()]

    def _rewrite(self, line: str, finalize: bool) -> None:
        back = "\r" if self._shown_length else ""
        padding = " " * (self._shown_length - len(line))
        self._shown_length = 0 if finalize else len(line)
        sys.stdout.write(back + line + padding + ("\n" if finalize else ""))
        sys.stdout.flush()

    def _line(self, current: int, values: Iterable[tuple[str, Any]] | None, now: float, finalize: bool) -> str:
        elapsed = now - self._start
        per_step = elapsed / max(current, 1)
        remaining = None if finalize or self.target is None else per_step * (self.target - current)
        clock = f"{elapsed:.0f}s" if remaining is None else _clock(remaining)
        times = [clock, f"{_duration(per_step)}/{self.unit_name}"]
        count = f"{current}/{'Unknown' if self.target is None else self.target}"
        numbers = [f"{name}: {_number(value)}" for name, value in values or ()]
        if self.verbose == 2:
            return " - ".join([count, *times, *numbers])
        return " - ".join([" ".join([count, self._bar(current), *times]), *numbers])

    def _bar(self, current: int) -> str:
        done = 0 if self.target is None else min(self.width, self.width * current // max(self.target, 1))
        full, empty = ("━", " ") if _can_print("━") else ("=", ".")
        return full * done + empty * (self.width - done)


def _can_move() -> bool:
    """Return whether a carriage return rewrites the line: in terminals, and in notebooks, although not terminals."""
    return sys.stdout.isatty() or "ipykernel" in sys.modules


def _can_print(text: str) -> bool:
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _number(value: Any) -> str:
    """Format a number with four decimals, or four digits if it is very small; format an array as its mean."""
    value = float(np.mean(value))
    return f"{value:.4e}" if 0 < abs(value) <= 1e-3 else f"{value:.4f}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}" if minutes else f"{rest}s"


def _duration(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.0f}s"
    return f"{seconds * 1e3:.0f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"
