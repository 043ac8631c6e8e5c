"""Stored runs of the suites, corrected for the speed that the machine has now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

# The statistics of pytest-benchmark that are times.
TIMES = ("min", "max", "mean", "stddev", "median", "iqr", "q1", "q3", "ld15iqr", "hd15iqr", "total")

Stored = dict[str, Any]  # an entry of "benchmarks" in a file of pytest-benchmark


class Baseline:
    """The measurements of the runs with which this run is compared, the oldest first."""

    def __init__(self) -> None:
        self.stored: list[Stored] = []

    def add(self, benchmarks: Iterable[Stored]) -> None:
        """Add the entries of a stored run, except those without a reference, such as benchmarks of other folders."""
        self.stored.extend(stored for stored in benchmarks if "reference_seconds" in stored["extra_info"])

    def corrected(self, fullname: str, reference: float) -> float | None:
        """Scale the stored times of a test in place, and return the shortest of the last one; None if there is none.

        Args:
            fullname: the name of the test.
            reference: seconds of the reference now. The stored times become those of a machine with this speed.
        """
        same = [stored for stored in self.stored if stored["fullname"] == fullname]
        for stored in same:
            scale(stored, reference)
        return same[-1]["stats"]["min"] if same else None


def scale(stored: Stored, reference: float) -> None:
    """Scale the times of an entry from the speed of the machine then to that of the machine now."""
    factor = reference / stored["extra_info"]["reference_seconds"]
    stats = stored["stats"]
    stats.update({name: factor * stats[name] for name in TIMES})
    stats["ops"] /= factor
    stored["extra_info"]["reference_seconds"] = reference
