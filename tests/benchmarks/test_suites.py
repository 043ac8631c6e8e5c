"""The suites of pytest-benchmark: their names, the default selection, and comparisons with stored runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.rivals import OURS, SIDES
from benchmarks.support import suite_table, suites
from benchmarks.support.baseline import Baseline
from benchmarks.support.cases import OPS, Conv, expand, load
from benchmarks.support.goals import kind
from benchmarks.support.measure import reference_seconds

ROOT = Path(__file__).parents[2]
CASES = {suites.name_of(case): case for case in load()}


def test_every_case_has_a_name_and_a_suite():
    assert len(CASES) == len(load())
    assert {suites.suite_of(case) for case in CASES.values()} == set(suites.SUITES)
    operations = {member for members in suites.SUITES.values() for member in members}
    assert operations == (set(OPS) - {"model"}) | {"train", "inference"}


def test_the_full_suite_has_every_case():
    assert suites.full() == load()


def test_the_default_suite_is_small_and_has_each_kind_of_work():
    chosen = suites.default()
    assert 50 <= len(chosen) <= 70
    assert sum(case.flops for case in chosen) < 30e9  # a pass takes less than a second on a thread
    assert {kind(case) for case in chosen} == {kind(case) for case in load()}
    assert {case.direction for case in chosen} == {case.direction for case in load()}


def test_a_line_of_the_default_suite_must_name_a_case(monkeypatch, tmp_path):
    monkeypatch.setattr(suites, "DEFAULT", tmp_path / "default.txt")
    suites.DEFAULT.write_text("# heading\npredict-lenet5-1  # reason\n\npredict-lenet-1\n")
    with pytest.raises(ValueError, match=r"must begin with the name of a case. Received: \['predict-lenet-1'\]"):
        suites.default()


@pytest.mark.parametrize("select", suites.SELECTIONS.values())
def test_each_group_begins_with_fastconv_and_has_each_side_once(select, monkeypatch):
    for side in SIDES:
        monkeypatch.setattr(type(side), "available", lambda self: True)
    groups: dict[str, list] = {}
    for case, side in suites.pairs(select()):
        groups.setdefault(suites.name_of(case), []).append(suites.name_of_side(side))
    assert len(groups) == len(select())
    for sides in groups.values():
        assert sides[0] == "ours"
        assert len(set(sides)) == len(sides)


def of_conv(condition):
    return lambda case: isinstance(case, Conv) and condition(case)


def of_net(net):
    return lambda case: net in (case.family, case.name)


def of_direction(direction):
    return lambda case: case.direction == direction and case.op != "model"


WORDS = {  # a word, and the cases that `pytest -k word` must select
    **{suite: lambda case, suite=suite: suites.suite_of(case) == suite for suite in suites.SUITES},
    **{net: of_net(net) for net in ("lenet5", "alexnet", "vgg16", "googlenet", "resnet18", "resnet20", "resnet50")},
    **{net: of_net(net) for net in ("resnext50", "mobilenet_v1", "mobilenet_v2", "unet", "dcgan", "c3d")},
    "mnist": of_net("mnist_convnet"),
    **{word: of_conv(lambda case, word=word: kind(case) == word) for word in ("depthwise", "grouped")},
    "first_layer": of_conv(lambda case: kind(case) == "first layer"),
    "conv1d": of_conv(lambda case: kind(case) == "1-D"),
    "conv3d": of_conv(lambda case: kind(case) == "3-D"),
    "transposed": lambda case: case.op == "conv_transpose",
    **{op: lambda case, op=op: case.op == op for op in ("relu", "gelu", "softmax", "cross_entropy")},
    **{direction: of_direction(direction) for direction in ("forward", "backward_input", "backward_kernel")},
}


@pytest.mark.parametrize("word", WORDS)
def test_a_word_selects_what_it_says(word):
    """pytest selects the tests whose name contains the word."""
    found = {name for name in CASES if word in name.lower()}
    assert found == {name for name, case in CASES.items() if WORDS[word](case)}


def test_words_of_sides_are_in_no_name():
    words = [suites.name_of_side(side) for side in SIDES]
    assert words == ["ours", "pytorch_nchw", "pytorch_channels_last", "scipy", "opencv"]
    assert not [name for name in CASES for word in ("ours", "pytorch", "scipy", "opencv") if word in name]
    assert not [word for word in words for suite in (*suites.SUITES, "train") if suite in word]


def collect(*arguments):
    command = [sys.executable, "-m", "pytest", "benchmarks", "--collect-only", "-q", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


def test_pytest_collects_the_default_suite():
    answer = collect("-k", "ours and not training")
    wanted = [name for name in map(suites.name_of, suites.default()) if not name.startswith("training")]
    assert [line.split("[")[1] for line in answer.stdout.splitlines() if "[" in line] == [f"{n}-ours]" for n in wanted]


def test_an_unknown_suite_is_an_error():
    answer = collect("--suite=quick")
    assert answer.returncode == 4
    assert "invalid choice: 'quick' (choose from" in answer.stderr


@pytest.mark.parametrize(
    "row",
    [
        "resize a image=5x7x3 size=9x6 batch=2",
        "cross_entropy a classes=7 batch=3",
        "layer a image=6x6x3 filters=4 batch=2",
        "layer a image=5 filters=4 batch=2",
        "conv a image=24x20x1 window=9x9 filters=1 padding=same batch=1",
    ],
)
def test_sides_compute_the_same(row):
    for case in expand("tests", row):
        sides = [side for _, side in suites.pairs([case])]
        report.check_agreement(case, sides, [side.prepare(case)() for side in sides])


@pytest.mark.parametrize("name", ["dataset", "augmented"])
def test_a_pass_over_batches_gives_the_last_batch(name):
    (case,) = expand("tests", f"batches {name} image=4x4x3 samples=10 batch=4")
    for _, side in suites.pairs([case]):
        assert side.as_numpy(case, side.prepare(case)()).shape[0] == 2


# ---- comparisons -----------------------------------------------------------------------------------------------------


def stored(fullname, seconds, reference):
    stats = {
        **dict.fromkeys(("min", "max", "mean", "stddev", "median", "iqr", "q1", "q3"), seconds),
        "ops": 1 / seconds,
    }
    stats.update(dict.fromkeys(("ld15iqr", "hd15iqr", "total"), seconds), rounds=5, iterations=1)
    return {"fullname": fullname, "stats": stats, "extra_info": {"reference_seconds": reference}}


def test_stored_times_are_those_of_a_machine_with_the_present_speed():
    baseline = Baseline()
    baseline.add([stored("a", 1.0, 0.5), stored("b", 1.0, 0.5), {"fullname": "c", "extra_info": {}}])
    assert baseline.corrected("a", 1.0) == 2.0  # the machine is half as fast now
    assert baseline.corrected("c", 1.0) is None
    a, b = baseline.stored
    assert (a["stats"]["min"], a["stats"]["median"], a["stats"]["ops"], a["stats"]["rounds"]) == (2.0, 2.0, 0.5, 5)
    assert b["stats"]["min"] == 1.0
    assert baseline.corrected("a", 1.0) == 2.0


def test_the_reference_is_measured_on_any_number_of_threads():
    assert 0 < reference_seconds(1) < 1
    assert 0 < reference_seconds(2) < 1


def measured(case, library, seconds, before=None):
    return suite_table.Measured(case, library, "NCHW", seconds, 1e-3, before)


def test_the_table_shows_the_fastest_rival_and_the_change():
    lines = suite_table.lines_of(
        [
            measured("slower", OURS.name, 3e-3, before=2e-3),
            measured("slower", "PyTorch", 9e-3),
            measured("slower", "PyTorch", 6e-3),
            measured("alone", OURS.name, 1e-3, before=1e-3),
            measured("not ours", "PyTorch", 1e-3),
        ]
    )
    assert [line.ours.case for line in lines] == ["alone", "slower"]
    text = suite_table.table(lines).splitlines()
    assert text[1].split() == ["-", "+0.0%", "1000.0", "us", "1.000", "alone"]
    assert text[2].split() == ["2.00", "+50.0%", "3000.0", "us", "3.000", "PyTorch", "NCHW", "slower"]
    assert text[3].split()[0] == "2.00"
    assert text[4].split()[0] == "+22.5%"


def test_a_run_without_a_comparison_keeps_its_order():
    lines = suite_table.lines_of([measured("b", OURS.name, 2e-3), measured("a", OURS.name, 1e-3)])
    assert [line.ours.case for line in lines] == ["b", "a"]
    assert "changes" not in suite_table.table(lines)
