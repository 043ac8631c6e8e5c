"""Measure nets and store the results: ``python -m benchmarks.nets``."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.nets.catalogue import NETS
from benchmarks.nets.compare import CLIENTS, OURS, RIVALS, Contestant, Job, measure, serve, starts
from benchmarks.nets.results import Report
from benchmarks.support.machine import RESTRICTIONS, processor, start_with
from fastconv import _core

# Rounds, seconds per block, seconds after which the fewest rounds are enough.
FULL = (15, 0.05, 60.0)
QUICK = (5, 0.02, 5.0)
QUICK_NETS = ("lenet5", "cifar_vgg", "resnet20", "mobilenet_v2")
TRAINING_BATCH = 32
PACKAGES = ("torch", "onnxruntime", "openvino")
SPINNING = ("OMP_", "GOMP_", "KMP_", "MKL_")  # variables that change the threads of a library


def names(known: Sequence[str]) -> Any:
    """Return a parser of names with commas between them."""

    def parse(text: str) -> list[str]:
        wrong = [name for name in text.split(",") if name not in known]
        if wrong:
            raise argparse.ArgumentTypeError(f"names must be among {', '.join(known)}. Received: {', '.join(wrong)}")
        return text.split(",")

    return parse


def numbers(text: str) -> list[int]:
    """Parse positive integers with commas between them."""
    if not all(part.isdigit() and int(part) for part in text.split(",")):
        raise argparse.ArgumentTypeError(f"positive integers with commas between them. Received: {text}")
    return [int(part) for part in text.split(",")]


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.nets", description="Whole nets of fastconv and of its rivals")
    parser.add_argument("--nets", type=names(list(NETS)), help=f"some of {','.join(NETS)}")
    parser.add_argument("--rivals", type=names(PACKAGES), default=PACKAGES, help=f"some of {','.join(PACKAGES)}")
    parser.add_argument("--batch", type=numbers, metavar="1,16", help="only inference, at these batch sizes")
    parser.add_argument("--train", action="store_true", help="only training steps; with --batch, both")
    parser.add_argument(
        "--concurrent",
        type=numbers,
        metavar="1,4,16",
        help="only predictions from these numbers of Python threads at once",
    )
    parser.add_argument("--threads", type=numbers, default=[1, 2], metavar="1,2", help="numbers of threads")
    parser.add_argument("--rounds", type=int, help="turns of each side")
    parser.add_argument("--quick", action="store_true", help="fewer, shorter rounds of small nets")
    parser.add_argument("--isa", choices=RESTRICTIONS, help="restrict every side to this instruction set")
    return parser.parse_args(given)


def missing(rivals: Sequence[str]) -> list[str]:
    """Return the packages that a comparison needs and that are not installed."""
    needed = ["torch", *rivals, *(["onnx"] if set(rivals) - {"torch"} else []), "matplotlib"]
    return [package for package in dict.fromkeys(needed) if find_spec(package) is None]


def jobs(asked: argparse.Namespace, net: str) -> Iterator[Job]:
    """Yield the jobs of a net; those with images of the same size follow each other."""
    everything = asked.batch is None and not asked.train and asked.concurrent is None
    for threads in asked.threads:
        for batch in asked.batch or ([1, 16] if everything else []):
            yield Job(net, "predict", batch, threads)
    if everything or asked.concurrent:
        yield Job(net, "serve", 1, max(asked.threads))
    if asked.train or everything:
        for threads in asked.threads:
            yield Job(net, "train", TRAINING_BATCH, threads)


def prepared(net: str, size: int, folder: str, rivals: Sequence[str]) -> Path:
    """Write the files of a net, in another process, and return their folder."""
    command = [sys.executable, "-m", "benchmarks.nets.prepare", net, str(size), folder]
    subprocess.run(command + (["--onnx"] if set(rivals) - {"torch"} else []), check=True)
    return Path(folder)


def run(job: Job, contestants: Sequence[Contestant], folder: Path, effort: Any, asked: argparse.Namespace) -> list[Any]:
    """Return the results of a job."""
    if job.work == "serve":
        return serve(job, contestants, folder, asked.concurrent or CLIENTS)
    taking_part = [each for each in contestants if each.trains or job.work == "predict"]
    row = measure(job, taking_part, folder, effort, asked.isa is not None)
    is_start = job.work == "predict" and job.batch == 1 and job.threads == max(asked.threads) and not asked.quick
    if is_start:
        row.starts.update(starts(taking_part, job, folder))
    return [row]


def machine(rivals: Sequence[str]) -> dict[str, Any]:
    """Return the information that a reader needs to compare figures."""
    return {
        "processor": processor(),
        "instruction_set": _core.get_isa(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("numpy", *rivals)},
        "environment": {name: value for name, value in sorted(os.environ.items()) if name.startswith(SPINNING)},
    }


def compare(asked: argparse.Namespace, report: Report) -> list[str]:
    """Measure all jobs and store each result at once. Return the errors of the jobs that are left out."""
    contestants = [OURS, *(rival for rival in RIVALS if rival.package in asked.rivals)]
    rounds, *rest = QUICK if asked.quick else FULL
    wrong = []
    for net in asked.nets or (QUICK_NETS if asked.quick else NETS):
        wanted = list(jobs(asked, net))
        for size in dict.fromkeys(job.size for job in wanted):
            with tempfile.TemporaryDirectory() as temporary:
                folder = prepared(net, size, temporary, asked.rivals)
                for job in (job for job in wanted if job.size == size):
                    print(job, file=sys.stderr)
                    try:
                        report.add(run(job, contestants, folder, (asked.rounds or rounds, *rest), asked))
                        report.save()
                    except Exception as error:  # a failing job must not cost the hour of the others
                        wrong.append(f"{job} is left out: {type(error).__name__}: {error}")
                        print(wrong[-1], file=sys.stderr)
    return wrong


def main() -> None:
    asked = arguments()
    start_with("benchmarks.nets", RESTRICTIONS.get(asked.isa, {}))
    if lacking := missing(asked.rivals):
        sys.exit(
            f"benchmarks.nets: all rivals and Matplotlib must be installed, or --rivals must name others. "
            f"Received: no {', '.join(lacking)}. Run: pip install 'fastconv[bench]'"
        )
    name = ("nets-quick" if asked.quick else "nets") + (f"-{asked.isa}" if asked.isa else "")
    report = Report(name, machine(asked.rivals))
    try:
        report.read()
    except ValueError as error:
        sys.exit(str(error))
    wrong = compare(asked, report)
    print(report.path(".md").read_text() if report.rows or report.services else "")
    sys.exit("\n".join(wrong) or None)


if __name__ == "__main__":
    main()
