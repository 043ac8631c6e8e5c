"""A process that computes a net with a library: ``python -m benchmarks.nets.side pytorch``."""

from __future__ import annotations

import importlib
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from benchmarks.support.clock import seconds_a_call
from benchmarks.support.processes import serve

if TYPE_CHECKING:
    import numpy as np

CHECKED = 2  # images that a training side predicts, so that results can be compared
LOOK, LONGEST_LOOK, ASLEEP = 0.002, 1.0, 0.1  # seconds, and the share of them that a sleeping process may compute


class Engine(Protocol):
    """A library with a net, loaded for a number of threads, a batch size, and one call or many at a time."""

    channels_first: bool

    def __init__(self, folder: Path, threads: int, batch: int, many: bool) -> None: ...

    def kernels(self, call: Callable[[], Any]) -> str:
        """Return the instruction set in use, or the names of kernels that show it; `call` may be made once."""

    def predictor(self, x: np.ndarray) -> Callable[[], Any]:
        """Return a call that predicts the images x (N, H, W, C)."""

    def trainer(self, x: np.ndarray, classes: np.ndarray) -> Callable[[], Any]:
        """Return a call that makes a training step."""


class Task:
    """A net that is loaded, and its call: orders of the parent name the methods.

    Args:
        library: a file of `engines`.
        folder: the files of `prepare`.
        work: "predict", "train", or "serve" for many predictions at a time.
    """

    def __init__(self, library: str, folder: str, work: str, threads: int, batch: int) -> None:
        started = time.perf_counter()
        engine = importlib.import_module(f"benchmarks.nets.engines.{library}").Engine
        imported = time.perf_counter()
        import numpy as np

        files = Path(folder)
        self.engine: Engine = engine(files, threads, batch, work == "serve")
        self.x = np.load(files / "x.npy")[:batch]
        checked = self.engine.predictor(self.x[:CHECKED] if work == "train" else self.x)
        result = np.asarray(checked())
        self.seconds = {"import": imported - started, "load and predict": time.perf_counter() - imported}
        np.save(files / f"{library}.npy", np.moveaxis(result, 1, -1) if self.engine.channels_first else result)
        self.call = checked
        if work == "train":
            self.call = self.engine.trainer(self.x, np.load(files / "classes.npy")[:batch])

    def facts(self) -> dict[str, Any]:
        return {"seconds": self.seconds, "kernels": self.engine.kernels(self.call)}

    def run(self, calls: int) -> float:
        """Return the seconds per call. Answer when the threads of this process sleep."""
        seconds = seconds_a_call(self.call, calls)
        fall_asleep()
        return seconds

    def peak_bytes(self) -> int:
        """Return the largest resident memory of this process so far."""
        (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024

    def concurrent(self, clients: int, seconds: float) -> list[float]:
        """Return the seconds of each prediction of a number of Python threads that predict in a loop, and the total."""
        end = time.perf_counter() + seconds
        found: list[float] = []

        def client() -> None:
            call = self.engine.predictor(self.x)
            while (started := time.perf_counter()) < end:
                call()
                found.append(time.perf_counter() - started)

        started = time.perf_counter()
        threads = [threading.Thread(target=client) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        total = time.perf_counter() - started
        fall_asleep()
        return [*found, total]


def fall_asleep() -> None:
    """Wait until the threads of this process no longer spin."""
    end = time.perf_counter() + LONGEST_LOOK
    while time.perf_counter() < end:
        before, started = time.process_time(), time.perf_counter()
        time.sleep(LOOK)
        if time.process_time() - before < ASLEEP * (time.perf_counter() - started):
            return


def main(library: str) -> None:
    """Answer orders: the first one loads a net, the others name a method of `Task` and its arguments."""
    task: Task | None = None

    def answer_to(order: dict[str, Any]) -> Any:
        nonlocal task
        if "folder" in order:
            task = Task(library, **order)
            return task.facts()
        return getattr(task, order.pop("method"))(**order)

    serve(answer_to)


if __name__ == "__main__":
    main(sys.argv[1])
