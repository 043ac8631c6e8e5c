"""Compare training steps of whole nets with Keras on its CPU backends.

``python -m benchmarks.keras [--nets lenet5] [--rivals jax=python3 torch=other/python]`` measures some nets, keeps the
rows of the others, and writes benchmarks/results/keras.md.

A process can use only one backend of Keras, so each side is a process of its own (support/trainer.py) and trains the
same nets (support/nets.py) by the same code. The sides take turns: one computes while the others wait for their next
order. A side trains by `train_on_batch` and by `fit`; the faster of the two counts.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks.support.measure import HOPELESS, SETTLE
from benchmarks.support.nets import NETS
from benchmarks.support.processes import Side

RESULTS = Path(__file__).parent / "results"
BACKENDS = ("jax", "tensorflow", "tensorflow-xla", "torch")
METHODS = ("train_on_batch", "fit")
ROUNDS = 3


def side(name: str, python: str = sys.executable) -> Side:
    """Return a process that trains: fastconv, or Keras on a backend."""
    backend, _, xla = name.partition("-")
    more = {} if name == "fastconv" else {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if backend == "tensorflow":
        more["JIT"] = "1" if xla else "0"
    library = "fastconv" if name == "fastconv" else "keras"
    return Side(name, ["-m", "benchmarks.support.trainer", library], more, python)


def measure(net: str, batch: int, sides: list[Side]) -> dict[str, float]:
    """Return the seconds per step of each side, by its faster method; hopeless sides leave after a round.

    A side that cannot train the net is left out.
    """
    sides = [side for side in sides if side.ask(net=net, batch=batch)]
    times: dict[str, dict[str, list[float]]] = {side.name: {method: [] for method in METHODS} for side in sides}
    playing = list(sides)
    for _ in range(ROUNDS):
        for side in playing:
            for method in METHODS:
                time.sleep(SETTLE)
                times[side.name][method].append(side.ask(method=method))
        best = min((fastest(times[side.name]) for side in sides[1:]), default=0.0)
        playing = [side for side in playing if side is sides[0] or fastest(times[side.name]) < HOPELESS * best]
    return {name: fastest(seconds) for name, seconds in times.items()}


def fastest(times: dict[str, list[float]]) -> float:
    return min(median(seconds) for seconds in times.values())


def table(rows: dict[str, dict[str, float]]) -> str:
    """Return milliseconds per step, and each rival's multiple of ours."""
    lines = ["| net | batch | fastconv | " + " | ".join(BACKENDS) + " | ratio to the best |"]
    lines.append("|" + "---|" * (len(BACKENDS) + 4))
    for key, times in rows.items():
        ours = times["fastconv"]
        rivals = {name: times[name] for name in BACKENDS if name in times}
        cells = [f"{rivals[n] * 1e3:.2f} ({rivals[n] / ours:.2f}x)" if n in rivals else "" for n in BACKENDS]
        best = f"{min(rivals.values()) / ours:.2f}" if rivals else ""
        lines.append(f"| {key.replace('/', ' | ')} | {ours * 1e3:.2f} | " + " | ".join([*cells, best]) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", nargs="+", default=list(NETS), choices=NETS)
    parser.add_argument("--rivals", nargs="+", default=[f"jax={sys.executable}"], metavar="BACKEND=PYTHON")
    arguments = parser.parse_args()
    kept = RESULTS / "keras.json"
    rows = json.loads(kept.read_text()) if kept.exists() else {}
    sides = [side("fastconv"), *(side(*rival.split("=", 1)) for rival in arguments.rivals)]
    for net in arguments.nets:
        for batch in NETS[net][1]:
            key = f"{net}/{batch}"
            rows[key] = measure(net, batch, sides)
            print(key, {name: f"{seconds * 1e3:.2f} ms" for name, seconds in rows[key].items()}, flush=True)
            in_order = {k: rows[k] for k in (f"{n}/{b}" for n in NETS for b in NETS[n][1]) if k in rows}
            kept.write_text(json.dumps(in_order, indent=1) + "\n")
            (RESULTS / "keras.md").write_text(HEAD + table(in_order) + "\n")
    for asked in sides:
        asked.close()


HEAD = """# Training steps of whole nets beside Keras

Milliseconds a step with Adam, on all cores, and their multiple of fastconv's: above 1x fastconv is faster. Measured by
`python -m benchmarks.keras`; a side that is far slower after a round was measured once. tensorflow-xla is TensorFlow
with jit_compile=True; JAX always compiles; PyTorch runs operation by operation. An empty cell is a net that the side
could not train.

"""

if __name__ == "__main__":
    main()
