"""The line that shows how far training is."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import Any


class Progbar:
    """A line of text such as `12/12 ━━━━━━━━━━━━━━━━━━━━ 1s 5ms/step - accuracy: 0.9812 - loss: 0.0532`.

    A terminal or notebook sees it move; elsewhere only its last state is printed.

    Args:
        target: the number of steps, or None where it is not known.
        width: of the bar, in characters.
        verbose: 0 for silence, 1 for the bar, 2 for one plain line at the end.
        interval: seconds between two states of the line.
        unit_name: what a step is called.
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        unit_name: str = "step",
    ) -> None:
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self._start = time.monotonic()
        self._shown_at = -float("inf")
        self._shown_length = 0

    def update(
        self, current: int, values: Iterable[tuple[str, Any]] | None = None, finalize: bool | None = None
    ) -> None:
        """Show that `current` steps are done.

        Args:
            values: pairs of a name and a number, which is shown as it is.
            finalize: whether this ends the line; when None, whether `current` has reached the target.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        now = time.monotonic()
        moving = self.verbose == 1 and _can_move()
        if self.verbose and (finalize or (moving and now - self._shown_at >= self.interval)):
            self._rewrite(self._line(current, values, now, finalize), finalize)
            self._shown_at = now

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
    """Whether a carriage return rewrites the line: in terminals, and in notebooks, whose stdout is not one."""
    return sys.stdout.isatty() or "ipykernel" in sys.modules


def _can_print(text: str) -> bool:
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _number(value: Any) -> str:
    """Four decimals, or four digits of a number too small for them."""
    value = float(value)
    return f"{value:.4e}" if 0 < abs(value) <= 1e-3 else f"{value:.4f}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}" if minutes else f"{rest}s"


def _duration(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.0f}s"
    return f"{seconds * 1e3:.0f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"
