"""The table at the end of a run of the suites: a line for each case, with ratios only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.rivals import OURS
from benchmarks.support.summary import geometric_mean


@dataclass(frozen=True)
class Measured:
    """The shortest time of a case on a side, which is the least disturbed one."""

    case: str
    library: str
    layout: str
    seconds: float
    reference: float  # seconds of NumPy's matrix products in the same moments
    before: float | None = None  # seconds in the run that is compared, at the present speed of the machine


@dataclass(frozen=True)
class Line:
    """A case: fastconv, beside its fastest rival if a rival was measured."""

    ours: Measured
    rival: Measured | None

    @property
    def ratio(self) -> float | None:
        """The speed of fastconv as a multiple of the rival's."""
        return self.rival.seconds / self.ours.seconds if self.rival else None

    @property
    def change(self) -> float | None:
        """The time as a multiple of the time in the run that is compared."""
        return self.ours.seconds / self.ours.before if self.ours.before else None

    def text(self) -> str:
        of_reference = self.ours.seconds / self.ours.reference
        ratio = f"{self.ratio:8.2f}" if self.ratio else f"{'-':>8}"
        change = f"{self.change - 1:+8.1%}" if self.change else f"{'-':>8}"
        rival = f"{self.rival.library} {self.rival.layout}" if self.rival else ""
        times = f"{self.ours.seconds * 1e6:12.1f} us  {of_reference:11.3f}"
        return f"{ratio}  {change}  {times}  {rival:<22}  {self.ours.case}"


def lines_of(measured: Iterable[Measured]) -> list[Line]:
    """Return a line for each case that fastconv computed. If runs are compared, the slowest change is the last line."""
    cases: dict[str, list[Measured]] = defaultdict(list)
    for row in measured:
        cases[row.case].append(row)
    lines = []
    for sides in cases.values():
        ours = [side for side in sides if side.library == OURS.name]
        rivals = [side for side in sides if side.library != OURS.name]
        if ours:
            lines.append(Line(ours[0], min(rivals, key=lambda side: side.seconds, default=None)))
    return sorted(lines, key=lambda line: line.change or 0.0)


def table(lines: Sequence[Line]) -> str:
    """Return the table, and the geometric means of its ratios and changes."""
    head = f"{'ratio':>8}  {'change':>8}  {'fastconv':>15}  {'/ reference':>11}  {'fastest rival':<22}  case"
    ratios = [line.ratio for line in lines if line.ratio]
    changes = [line.change for line in lines if line.change]
    text = [head, *(line.text() for line in lines)]
    if ratios:
        text.append(f"{geometric_mean(ratios):8.2f}  geometric mean of the ratios: above 1 fastconv is faster")
    if changes:
        text.append(
            f"{geometric_mean(changes) - 1:+8.1%}  geometric mean of the changes: above 0 % fastconv is slower now"
        )
    return "\n".join(text)
