"""What a report consists of: a row for each case at each number of threads, and the file of them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

THREADS = (1, 2)
QUIET = 0.1  # processors that others may keep busy without disturbing a measurement


@dataclass(frozen=True, kw_only=True)
class Row:
    """One case at one number of threads, beside the fastest rival."""

    family: str
    name: str
    op: str
    direction: str
    batch: int
    threads: int
    kind: str
    algorithm: str
    depth: int  # products that are added up into an output of the forward pass, and
    columns: int  # outputs that read the same inputs
    flops: int
    bytes: int
    others: float  # how many processors others kept busy, as far as can be seen
    peak_gflops: float
    bandwidth_gbytes: float
    seconds: float
    rival: str
    layout: str
    rival_seconds: float

    @property
    def ratio(self) -> float:
        """How many times as fast fastconv is."""
        return self.rival_seconds / self.seconds

    @property
    def gflops(self) -> float:
        return self.flops / self.seconds / 1e9

    @property
    def rival_gflops(self) -> float:
        return self.flops / self.rival_seconds / 1e9

    @property
    def peak_share(self) -> float:
        """Above 1 an algorithm gets by with fewer operations than the direct one."""
        return self.gflops / self.peak_gflops


def key(of: Any, threads: int | None = None) -> tuple:
    """What tells a row from all others; of a case, the key of its row at `threads`."""
    return of.family, of.name, of.op, of.direction, of.batch, of.threads if threads is None else threads


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Figures are written to five digits, and the ratio with them."""
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(field.name for field in fields(Row)), "ratio"])
        for row in rows:
            writer.writerow(f"{v:.5g}" if isinstance(v, float) else v for v in (*asdict(row).values(), row.ratio))


def read_rows(path: Path) -> list[Row]:
    """The rows that `write_rows` wrote. Raises ValueError where a column is missing."""
    types = {"str": str, "int": int, "float": float}
    with open(path, newline="") as file:
        records = csv.DictReader(file)
        missing = {field.name for field in fields(Row)} - set(records.fieldnames or ())
        if missing:
            raise ValueError(f"{path} has no columns {sorted(missing)}: move it away")
        return [
            Row(**{field.name: types[str(field.type)](record[field.name]) for field in fields(Row)})
            for record in records
        ]


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A path to write to; what is there takes the place of `path` once it is whole."""
    part = path.with_name(path.name + ".part")
    yield part
    part.replace(path)
