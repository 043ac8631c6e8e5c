"""Sides that are processes: a parent sends an order as a line of JSON and waits for the answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


class Side:
    """A process that answers orders by `serve`.

    Args:
        name: the name in messages.
        arguments: the arguments of Python, such as ("-m", "module").
        environment: variables in addition to the variables of this process.
        python: the interpreter.
        quiet: whether its messages are discarded.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        environment: dict[str, str] | None = None,
        python: str = sys.executable,
        quiet: bool = True,
    ) -> None:
        self.name = name
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        if quiet:
            pipes["stderr"] = subprocess.DEVNULL
        whole = {**os.environ, **(environment or {})}
        self.process = subprocess.Popen([python, *arguments], env=whole, text=True, **pipes)

    def ask(self, **order: Any) -> Any:
        """Send an order and return the answer. Raise RuntimeError if the process has ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.name}: the process has ended on {order}")
        return json.loads(answer)

    def cpu_seconds(self) -> float:
        """Return the processor time that the process has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End the process, and wait until its memory is free."""
        self.process.terminate()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


def serve(answer_to: Callable[[dict[str, Any]], Any]) -> None:
    """Read an order from each line of the standard input and print the answer, or null if the order fails."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # other output goes to the standard error
    for line in sys.stdin:
        answer = None
        try:
            answer = answer_to(json.loads(line))
        except Exception:
            traceback.print_exc()
        print(json.dumps(answer), file=answers, flush=True)
