"""The profile of a plan: a row for each step, totals by kind of step, and the predicted balance of threads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fastconv.utils.profile_table import NOTE, kind_table, step_table
from fastconv.utils.profiled_step import ProfiledStep


class Profile:
    """The steps of a plan with their times; `str` returns a table.

    Attributes:
        name: str, what was measured.
        rows: list of `ProfiledStep`, in the order in which they run; iterating a profile yields them.
        seconds: float, the time of the whole plan. If other programs use the processor, a long plan is always
            interrupted, so that this is more than the sum of its steps, each of which runs without interruption once.
        between_seconds: float, the time of a plan that none of its steps takes: copies of inputs and outputs, and the
            loop of steps.
        peak: float, the GFLOP/s of a thread in a loop of multiply-adds, measured in the same call; 0 on a GPU.
        threads: int, the number of threads in use.
        passes: int, the number of passes. Times are the shortest of them.

    Example:
        >>> model = Sequential([Input((8, 8, 3)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(2)])
        >>> profile = model.profile(np.zeros((1, 8, 8, 3)), passes=1, verbose=0)
        >>> [step.operation for step in profile]
        ['conv', 'matmul']
        >>> profile.flops
        8352
    """

    def __init__(
        self,
        name: str,
        rows: Sequence[ProfiledStep],
        seconds: float,
        between_seconds: float,
        peak: float,
        threads: int,
        passes: int,
    ) -> None:
        self.name = name
        self.rows = list(rows)
        self.seconds = seconds
        self.between_seconds = between_seconds
        self.peak = peak
        self.threads = threads
        self.passes = passes

    def __iter__(self) -> Iterator[ProfiledStep]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        parts = [step_table(self.rows), kind_table(self.kinds), self._totals(), NOTE.format(passes=self.passes)]
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        """Return the tables for notebooks."""
        from html import escape  # when a notebook asks, to keep the import of fastconv fast

        return f"<pre>{escape(str(self))}</pre>"

    def __repr__(self) -> str:
        return f"<Profile {self.name}: {len(self.rows)} steps, {self.seconds * 1e3:.3f} ms>"

    @property
    def step_seconds(self) -> float:
        """Return the time of all steps."""
        return sum(row.seconds for row in self.rows)

    @property
    def flops(self) -> int:
        """Return the additions and multiplications of all convolutions and matrix products."""
        return sum(row.flops for row in self.rows)

    @property
    def kinds(self) -> dict[str, list[ProfiledStep]]:
        """Return the rows of each kind of step, the kind that takes most time first."""
        kinds: dict[str, list[ProfiledStep]] = {}
        for row in self.rows:
            kinds.setdefault(row.kind, []).append(row)
        return dict(sorted(kinds.items(), key=lambda item: -sum(row.seconds for row in item[1])))

    def _totals(self) -> str:
        speed = self.flops / self.step_seconds / 1e9 if self.rows else 0.0
        return (
            f"{self.name}: {len(self)} steps {self.step_seconds * 1e6:.1f} us, between steps "
            f"{self.between_seconds * 1e6:.1f} us; whole plan {self.seconds * 1e6:.1f} us\n"
            f"{self.flops / 1e9:.3f} GFLOP, {speed:.1f} GFLOP/s in steps; "
            f"peak of a thread {self.peak:.1f} GFLOP/s; threads: {self.threads}"
        )
