"""The results of a comparison, and the files that show them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.nets.catalogue import NETS
from benchmarks.support import plots
from benchmarks.support.goals import net_goal
from benchmarks.support.rows import replaced
from benchmarks.support.summary import geometric_mean

RESULTS = Path(__file__).parents[1] / "results"
WORK = {"predict": "inference", "train": "training step"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """The times of all sides for a net at a batch size and number of threads.

    Attributes:
        work: "predict" or "train".
        size: the sides of the images.
        flops: additions and multiplications of the direct algorithms in a call.
        others: the number of processors that others kept busy, as far as known.
        seconds: the median time of each side.
        rival: the fastest rival.
        ratio, low, high: its time as a multiple of ours: the median and the quartiles over the rounds.
        peak_bytes: the peak resident memory of each side.
        instruction_sets: the instruction set of each side, or the names of its kernels, which show it.
        starts: the seconds of each side to import the library, and to load the net and predict.
    """

    net: str
    work: str
    size: int
    batch: int
    threads: int
    flops: int
    peak_gflops: float
    others: float
    seconds: dict[str, float]
    rival: str
    ratio: float
    low: float
    high: float
    peak_bytes: dict[str, int]
    instruction_sets: dict[str, str]
    starts: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def key(self) -> tuple[Any, ...]:
        return list(NETS).index(self.net), self.work, self.batch, self.threads

    @property
    def label(self) -> str:
        return f"{NETS[self.net].title}, {WORK[self.work]}, batch {self.batch}"

    @property
    def peak_share(self) -> float:
        """Fraction of the FMA peak; above 1 if the algorithms need fewer operations than the direct algorithms."""
        return self.flops / self.seconds["fastconv"] / 1e9 / self.peak_gflops


@dataclass(frozen=True)
class Service:
    """Predictions from several Python threads.

    Attributes:
        rates: predictions per second of each side.
        slowest: the 99th percentile of their seconds.
        peak_bytes: the peak resident memory of each side, with this number of clients or fewer.
    """

    net: str
    threads: int
    clients: int
    rates: dict[str, float]
    slowest: dict[str, float]
    peak_bytes: dict[str, int] = field(default_factory=dict)

    @property
    def key(self) -> tuple[Any, ...]:
        return list(NETS).index(self.net), self.threads, self.clients

    def text(self, side: str) -> str:
        """Return the figures of a side; none if it was not measured."""
        if side not in self.rates:
            return ""
        memory = f", {self.peak_bytes[side] / 1e6:.0f} MB" if side in self.peak_bytes else ""
        return f"{self.rates[side]:.0f} ({milliseconds(self.slowest[side])}){memory}"


class Report:
    """Files that are complete at any moment: json with everything, tables (md) and a bar chart (svg).

    Args:
        name: the name of the files.
        about: facts about the machine and the versions.
    """

    def __init__(self, name: str, about: dict[str, Any]) -> None:
        self.name = name
        self.about = about
        self.rows: dict[tuple, Row] = {}
        self.services: dict[tuple, Service] = {}

    def path(self, ending: str) -> Path:
        return RESULTS / (self.name + ending)

    def read(self) -> None:
        """Keep the stored rows. Raise ValueError if they were measured on another machine or with other versions."""
        if not self.path(".json").exists():
            return
        stored = json.loads(self.path(".json").read_text())
        if stored["machine"] != self.about:
            raise ValueError(
                f"{self.path('.json')} was measured on {stored['machine']}, this is {self.about}: move it away"
            )
        self.add(Row(**row) for row in stored["rows"])
        self.add(Service(**service) for service in stored["services"])

    def add(self, found: Iterable[Row | Service]) -> None:
        for each in found:
            (self.rows if isinstance(each, Row) else self.services)[each.key] = each  # type: ignore[index]

    def save(self) -> None:
        RESULTS.mkdir(exist_ok=True)
        rows, services = ([kept[key] for key in sorted(kept)] for kept in (self.rows, self.services))
        everything = {"machine": self.about, "rows": [*map(asdict, rows)], "services": [*map(asdict, services)]}
        with replaced(self.path(".json")) as path:
            path.write_text(json.dumps(everything, indent=1) + "\n")
        with replaced(self.path(".md")) as path:
            path.write_text(markdown(self.about, rows, services))
        if rows:
            with replaced(self.path(".svg")) as path:
                plots.bars(bars(rows), "time of the fastest rival, as a multiple of fastconv's", path)


def bars(rows: Sequence[Row]) -> dict[str, dict[int, float]]:
    """Return {label: {threads: ratio}}."""
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for row in rows:
        found[row.label][row.threads] = row.ratio
    return found


def markdown(about: dict[str, Any], rows: Sequence[Row], services: Sequence[Service]) -> str:
    """Return the text of a report."""
    parts = [HEAD, "    " + json.dumps(about)]
    if rows:
        parts += ["## Times", TIMES, times(rows, about["instruction_set"]), kernels(rows), means(rows)]
        parts += ["## Memory", "Peak resident memory in MB.", memory(rows)]
    if any(row.starts for row in rows):
        parts += ["## Cold start", STARTS, starts([row for row in rows if row.starts])]
    if services:
        parts += ["## Predictions from several threads", SERVICES, served(services)]
    return "\n\n".join(parts) + "\n"


def table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    rule = ["---"] * len(heads)
    return "\n".join("| " + " | ".join(line) + " |" for line in (heads, rule, *lines))


def titles_of(results: Iterable[dict[str, Any]]) -> list[str]:
    """Return the names of all sides, in their first order."""
    return list(dict.fromkeys(title for result in results for title in result))


def cells(titles: Sequence[str], values: dict[str, Any], text: Callable[[Any], str]) -> list[str]:
    return [text(values[title]) if title in values else "" for title in titles]


def times(rows: Sequence[Row], instruction_set: str) -> str:
    sides = titles_of(row.seconds for row in rows)
    heads = ["net", "pixels", "work", "batch", "threads", *sides, "ratio", "quartiles", "goal", "of peak", "others"]
    lines = (
        [
            *(NETS[row.net].title, f"{row.size}x{row.size}", WORK[row.work], str(row.batch), str(row.threads)),
            *cells(sides, row.seconds, milliseconds),
            *(f"{row.ratio:.2f}", f"{row.low:.2f} to {row.high:.2f}"),
            f"{net_goal(row.net, row.work, row.batch, row.threads, instruction_set):g}",
            *(f"{row.peak_share:.0%}", f"{row.others:.2f}"),
        ]
        for row in rows
    )
    return table(heads, lines)


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.3g}" if seconds < 1 else f"{seconds * 1e3:.0f}"


def means(rows: Sequence[Row]) -> str:
    """Return a line for each work, batch size and number of threads: the geometric mean of the ratios."""
    groups: dict[tuple, list[float]] = defaultdict(list)
    for row in rows:
        groups[row.work, row.batch, row.threads].append(row.ratio)
    return "\n".join(
        f"- {WORK[work]}, batch {batch}, threads: {threads}: geometric mean {geometric_mean(ratios):.2f}, "
        f"{sum(ratio < 1 for ratio in ratios)} of {len(ratios)} lost"
        for (work, batch, threads), ratios in sorted(groups.items())
    )


def kernels(rows: Sequence[Row]) -> str:
    """Return a line with the names of the kernels of each side, which show the instruction sets in use."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for row in rows:
        for title, names in row.instruction_sets.items():
            found[title].update(dict.fromkeys(names.split()))
    sides = [f"{title}: {' '.join(f'`{name}`' for name in sorted(names))}" for title, names in found.items()]
    return "Kernels: " + "; ".join(sides) + "."


def memory(rows: Sequence[Row]) -> str:
    sides = titles_of(row.peak_bytes for row in rows)
    lines = (
        [
            *(NETS[row.net].title, WORK[row.work], str(row.batch), str(row.threads)),
            *cells(sides, row.peak_bytes, lambda count: f"{count / 1e6:.0f}"),
        ]
        for row in rows
    )
    return table(["net", "work", "batch", "threads", *sides], lines)


def starts(rows: Sequence[Row]) -> str:
    sides = titles_of(row.starts for row in rows)
    lines = (
        [
            *(NETS[row.net].title, str(row.threads)),
            *cells(sides, row.starts, lambda parts: " + ".join(f"{seconds:.2f}" for seconds in parts.values())),
        ]
        for row in rows
    )
    return table(["net", "threads", *sides], lines)


def served(services: Sequence[Service]) -> str:
    sides = titles_of(service.rates for service in services)
    lines = (
        [NETS[service.net].title, str(service.threads), str(service.clients), *map(service.text, sides)]
        for service in services
    )
    return table(["net", "threads", "clients", *sides], lines)


HEAD = """# Whole nets beside PyTorch, ONNX Runtime and OpenVINO

Measured by `python -m benchmarks.nets`; [how](../../docs/benchmarks.md)."""
TIMES = """Milliseconds per call, medians. `ratio` is the time of the fastest rival divided by fastconv's, the median
over the rounds: above 1 fastconv is faster. `of peak` counts the operations of the direct algorithms, three times for a
training step. `others` is the number of processors that other programs used at the same time."""
STARTS = """Seconds to import the library, and to load the net and predict an image, in a new process."""
SERVICES = """Predictions of an image per second, the 99th percentile of their milliseconds, and peak resident memory
with this number of clients or fewer. Each client is a Python thread that predicts in a loop; the clients share a
model."""
