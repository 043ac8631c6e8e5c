"""The rows of a report, one for each case and number of threads, and their file."""

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
    """A case at a number of threads, compared with the fastest rival."""

    family: str
    name: str
    op: str
    direction: str
    batch: int
    threads: int
    kind: str
    algorithm: str
    depth: int  # products in each sum of the forward pass
    columns: int  # outputs that read the same inputs
    flops: int
    bytes: int
    others: float  # number of processors that others kept busy, as far as known
    peak_gflops: float
    bandwidth_gbytes: float
    seconds: float
    rival: str
    layout: str
    rival_seconds: float

    @property
    def ratio(self) -> float:
        """The speed of fastconv as a multiple of the rival's."""
        return self.rival_seconds / self.seconds

    @property
    def gflops(self) -> float:
        return self.flops / self.seconds / 1e9

    @property
    def rival_gflops(self) -> float:
        return self.flops / self.rival_seconds / 1e9

    @property
    def peak_share(self) -> float:
        """Fraction of the FMA peak; above 1 if the algorithm needs fewer operations than the direct algorithm."""
        return self.gflops / self.peak_gflops


def key(of: Any, threads: int | None = None) -> tuple:
    """Return the key of a row; of a case, the key of its row at `threads`."""
    return of.family, of.name, of.op, of.direction, of.batch, of.threads if threads is None else threads


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write rows and their ratios, with figures of five digits."""
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(field.name for field in fields(Row)), "ratio"])
        for row in rows:
            writer.writerow(f"{v:.5g}" if isinstance(v, float) else v for v in (*asdict(row).values(), row.ratio))


def read_rows(path: Path) -> list[Row]:
    """Read the rows of `write_rows`. Raise ValueError if a column is missing."""
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
    """Yield a path to write to; the complete file then replaces `path`."""
    part = path.with_name(path.name + ".part")
    yield part
    part.replace(path)
