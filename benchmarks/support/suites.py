"""The suites of pytest-benchmark: the cases of each suite, their names, and the selections of `--suite`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.rivals import OURS, SIDES, Side
from benchmarks.support.cases import Case, Conv, ConvTranspose, Windowed, load
from benchmarks.support.goals import kind

DEFAULT = Path(__file__).parents[1] / "default.txt"

SUITES = {  # the operations of a suite; whole nets, which are a single operation, by direction
    "conv": ("conv", "conv_transpose"),
    "pooling": ("max_pool", "average_pool", "global_max_pool", "global_average_pool"),
    "padding": ("pad",),
    "normalization": ("batch_norm",),
    "activation": ("relu", "sigmoid", "tanh", "gelu", "silu"),
    "loss": ("softmax", "cross_entropy"),
    "dense": ("dense",),
    "resize": ("resize",),
    "training": ("train",),
    "predict": ("inference",),
    "eager": ("layer",),
    "data": ("batches",),
}
SUITE_OF = {member: suite for suite, members in SUITES.items() for member in members}

# `pytest -k` selects by parts of names, so no name may contain the name of another suite.
OTHER_NAMES = {"mnist_convnet": "mnist", "densenet": "transition", "dense": "features"}
KINDS = {"1-D": "conv1d", "3-D": "conv3d", "first layer": "first_layer", "image filter": "image_filter"}


def suite_of(case: Case) -> str:
    return SUITE_OF[case.direction if case.op == "model" else case.op]


def name_of(case: Case) -> str:
    """Return the name by which `pytest -k` finds a case: its suite, its kind, its net, its row, direction and batch."""
    family, row = (OTHER_NAMES.get(name, name) for name in (case.family, case.name))
    if case.op == "model":
        return f"{suite_of(case)}-{row}-{case.batch}"
    words = [suite_of(case), *kinds_of(case), family, row, case.direction, str(case.batch)]
    return "-".join(words)


def name_of_side(side: Side) -> str:
    """Return "ours", which no other name contains, or the name and the layout of a rival."""
    return "ours" if side is OURS else "_".join(filter(None, (side.name, side.layout))).lower()


def kinds_of(case: Case) -> list[str]:
    """Return the words between the suite and the net: the kind of a convolution, or the operation."""
    if isinstance(case, (Conv, ConvTranspose)):
        return kinds_of_conv(case)
    return [case.op] if len(SUITES[suite_of(case)]) > 1 else []


def kinds_of_conv(case: Windowed) -> list[str]:
    """Return the kind in the report, or the window if the kind does not tell it; strides and dilation."""
    window = "pointwise" if case.window == (1, 1) else "x".join(map(str, case.window))
    words = [window if kind(case) in ("3x3", "other", "few outputs") else KINDS.get(kind(case), kind(case))]
    words += ["strided"] if max(case.strides) > 1 else []
    return words + (["dilated"] if max(case.dilation) > 1 else [])


def default_names(text: str) -> list[str]:
    """Return the names in default.txt, which gives a name and the reason for it on each line."""
    lines = (re.sub(r"#.*", "", line).strip() for line in text.splitlines())
    return [line for line in lines if line]


def full() -> list[Case]:
    return load()


def default() -> list[Case]:
    """Return the cases of default.txt. Raise ValueError if it has a name that no case has."""
    cases = {name_of(case): case for case in load()}
    wanted = default_names(DEFAULT.read_text())
    if unknown := [name for name in wanted if name not in cases]:
        raise ValueError(f"{DEFAULT.name}: each line must begin with the name of a case. Received: {unknown}")
    return [cases[name] for name in wanted]


def pairs(cases: Iterable[Case]) -> Iterator[tuple[Case, Side]]:
    """Yield each case with fastconv first, then with each installed rival that computes it."""
    installed = [side for side in SIDES if side.available()]
    return ((case, side) for case in cases for side in installed if side.takes(case))


SELECTIONS = {"default": default, "full": full}
