"""Measure a net: each side in a process of its own, one at a time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.nets.catalogue import NETS
from benchmarks.nets.results import Row, Service
from benchmarks.support.measure import Others, play
from benchmarks.support.processes import Side

TOLERANCE = 5e-4  # of the spread of our results; rounding makes up to 2e-4 in Inception-v3 with random weights
STARTS = 3
CLIENTS = (1, 4, 16)
TURNS = 3  # of each side, for each number of clients
SERVING = 1.0  # seconds per turn
NEWER = "avx512"


class DisagreementError(Exception):
    """Two sides compute different results."""


@dataclass(frozen=True)
class Contestant:
    """A library in one of its configurations.

    Attributes:
        title: its name in tables.
        library: the file of `engines`.
        package: the package that it needs.
        trains: whether it trains nets.
        obeys: whether it can be restricted to an instruction set.
    """

    title: str
    library: str
    package: str
    trains: bool = False
    obeys: bool = True


OURS = Contestant("fastconv", "ours", "fastconv", trains=True)
RIVALS = (
    Contestant("PyTorch", "pytorch", "torch", trains=True),
    Contestant("PyTorch, channels last", "pytorch_channels_last", "torch", trains=True),
    Contestant("ONNX Runtime", "onnxruntime", "onnxruntime", obeys=False),
    Contestant("OpenVINO", "openvino", "openvino"),
)


@dataclass(frozen=True)
class Job:
    """A net at a batch size and number of threads; `work` is "predict", "train" or "serve"."""

    net: str
    work: str
    batch: int
    threads: int

    @property
    def size(self) -> int:
        net = NETS[self.net]
        return net.training_size if self.work == "train" else net.size

    @property
    def order(self) -> dict[str, Any]:
        return {"work": self.work, "threads": self.threads, "batch": self.batch}


def ask(side: Side, **order: Any) -> Any:
    """Return the answer of a side. Raise RuntimeError if it fails."""
    answer = side.ask(**order)
    if answer is None:
        raise RuntimeError(f"{side.name}: the order failed, see the messages above. Received: {order}")
    return answer


@contextmanager
def loaded(contestant: Contestant, job: Job, folder: Path) -> Iterator[tuple[Side, dict[str, Any]]]:
    """Start a process that loads a net; yield it and the facts about it. End it afterwards."""
    side = Side(contestant.title, ["-m", "benchmarks.nets.side", contestant.library], quiet=False)
    try:
        yield side, ask(side, folder=str(folder), **job.order)
    finally:
        side.close()


def starts(contestants: Iterable[Contestant], job: Job, folder: Path) -> dict[str, dict[str, float]]:
    """Return the seconds of each contestant from an empty process to its first result: medians of `STARTS`."""
    found: dict[str, list[dict[str, float]]] = {}
    for _ in range(STARTS):
        for contestant in contestants:
            with loaded(contestant, job, folder) as (_, facts):
                found.setdefault(contestant.title, []).append(facts["seconds"])
    return {title: {k: median(each[k] for each in seconds) for k in seconds[0]} for title, seconds in found.items()}


def check_agreement(contestants: Sequence[Contestant], folder: Path) -> None:
    """Check that the stored results of all contestants agree; the first contestant's are the measure."""
    ours, *theirs = (np.load(folder / f"{contestant.library}.npy") for contestant in contestants)
    for contestant, array in zip(contestants[1:], theirs):
        difference = np.abs(array - ours).max() / np.ptp(ours) if array.shape == ours.shape else np.inf
        if not difference <= TOLERANCE:
            raise DisagreementError(f"{contestant.title} and fastconv compute different results: {difference:.1e}")


def check_restriction(kernels: dict[str, str]) -> None:
    """Check that the kernels of no contestant use newer instructions than AVX2."""
    for title, names in kernels.items():
        if NEWER in names.lower():
            raise RuntimeError(f"{title} must be restricted to AVX2. Received: {names}")


def measure(job: Job, contestants: Sequence[Contestant], folder: Path, effort: Any, restricted: bool) -> Row:
    """Return the times of all contestants, which take turns; the first contestant is fastconv.

    Raises:
        DisagreementError: results differ.
        RuntimeError: a contestant fails, or uses other instructions than it should.
    """
    with ExitStack() as stack:
        pairs = [stack.enter_context(loaded(contestant, job, folder)) for contestant in contestants]
        sides = [side for side, _ in pairs]
        check_agreement(contestants, folder)
        kernels = {c.title: facts["kernels"] for c, (_, facts) in zip(contestants, pairs)}
        if restricted:
            check_restriction(kernels)
        with Others(job.threads, lambda: time.process_time() + sum(side.cpu_seconds() for side in sides)) as others:
            times = play([timer(side) for side in sides], *effort)
        peaks = [ask(side, method="peak_bytes") for side in sides]
    titles = [contestant.title for contestant in contestants]
    considered = [c.title for c in contestants[1:] if c.obeys or not restricted]
    rounds = dict(zip(titles, times))
    return Row(
        net=job.net,
        work=job.work,
        size=job.size,
        batch=job.batch,
        threads=job.threads,
        flops=json.loads((folder / "facts.json").read_text())["flops"] * job.batch * (3 if job.work == "train" else 1),
        peak_gflops=others.peak,
        others=others.share,
        seconds={title: median(rounds[title]) for title in titles},
        **against_best(rounds, considered),
        peak_bytes=dict(zip(titles, peaks)),
        instruction_sets=kernels,
    )


def timer(side: Side) -> Callable[[int], float]:
    return lambda calls: ask(side, method="run", calls=calls)


def against_best(rounds: dict[str, list[float]], rivals: Sequence[str]) -> dict[str, Any]:
    """Return the fastest rival, and its time as a multiple of ours: median and quartiles over the rounds."""
    best = min(rivals, key=lambda title: median(rounds[title]))
    ratios = [theirs / ours for ours, theirs in zip(rounds[OURS.title], rounds[best])]
    low, middle, high = np.quantile(ratios, (0.25, 0.5, 0.75)).tolist()
    return {"rival": best, "ratio": middle, "low": low, "high": high}


def serve(job: Job, contestants: Sequence[Contestant], folder: Path, numbers: Sequence[int]) -> list[Service]:
    """Return the rates of predictions of a single image, for each of `numbers` of Python threads."""
    found = []
    with ExitStack() as stack:
        sides = [stack.enter_context(loaded(contestant, job, folder))[0] for contestant in contestants]
        for clients in sorted(numbers):
            seconds: list[list[float]] = [[] for _ in sides]
            totals = [0.0 for _ in sides]
            for _ in range(TURNS):
                for i, side in enumerate(sides):
                    *each, total = ask(side, method="concurrent", clients=clients, seconds=SERVING)
                    seconds[i] += each
                    totals[i] += total
            rates = {side.name: len(each) / total for side, each, total in zip(sides, seconds, totals)}
            slowest = {side.name: float(np.quantile(each, 0.99)) for side, each in zip(sides, seconds)}
            peaks = {side.name: ask(side, method="peak_bytes") for side in sides}
            found.append(Service(job.net, job.threads, clients, rates, slowest, peaks))
    return found
