"""The table of shapes of the benchmarks, and the report on given measurements; nothing is measured here."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from benchmarks import report
from benchmarks.rivals import OURS
from benchmarks.support import bounds, measure, rows, summary
from benchmarks.support.cases import Conv, Windowed, expand, load
from benchmarks.support.goals import GOALS, kind
from fastconv import explain_conv
from fastconv.window import output_size, resolve_padding

CASES = load()


def test_names_of_cases_are_unique():
    assert len({rows.key(case, 1) for case in CASES}) == len({str(case) for case in CASES}) == len(CASES)


def test_no_case_is_measured_twice():
    names = ("family", "name")
    shapes = [tuple(getattr(c, f.name) for f in fields(c) if f.name not in names) for c in CASES if c.op != "model"]
    assert len(set(shapes)) == len(shapes)


def test_every_case_has_a_goal():
    assert {kind(case) for case in CASES} == set(GOALS)


def test_windows_match_the_library():
    for case in (case for case in CASES if isinstance(case, Windowed) and case.op != "conv_transpose"):
        how = (case.window, case.strides, case.dilation)
        if case.padding != "causal":
            asked = case.padding if isinstance(case.padding, str) else case.sides
            assert resolve_padding("conv", asked, case.image[:-1], *how) == case.sides, case
        size, strides, dilation = how
        assert output_size(case.image[:-1], size, strides, case.sides, dilation) == case.output_size, case


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("conv a image=8x8x64 window=3x3 filters=64 batch=1", "3x3"),
        ("conv a image=8x8x64 window=3x3 filters=63 batch=1", "other"),
        ("conv a image=8x8x64 window=3x3 filters=64 strides=2x2 batch=1", "other"),
        ("conv a image=8x8x64 window=3x3 filters=64 dilation=2x2 batch=1", "other"),
        ("conv a image=8x8x3 window=3x3 filters=16 batch=1", "first layer"),
        ("conv a image=8x8x4 window=3x3 filters=16 batch=1", "few outputs"),
        ("conv a image=8x8x4 window=1x1 filters=16 batch=1", "other"),
        ("conv a image=8x8x64 window=3x3 filters=64 groups=64 batch=1", "depthwise"),
        ("conv a image=8x8x64 window=3x3 filters=64 groups=32 batch=1", "grouped"),
        ("conv a image=8x64 window=3 filters=64 batch=1", "1-D"),
        ("conv a image=8x8x8x1 window=3x3x3 filters=64 batch=1", "3-D"),
    ],
)
def test_kinds_of_convolutions(row, expected):
    assert {kind(case) for case in expand("family", row)} == {expected}


def test_a_row_is_expanded_into_directions_and_batch_sizes():
    cases = expand("net", "conv a image=9x3 window=3 filters=5 padding=causal dilation=2 batch=1,4")
    assert [(c.direction, c.batch) for c in cases[:3]] == [("forward", 1), ("forward", 4), ("backward_input", 1)]
    assert len(cases) == 6
    (case,) = (case for case in cases if str(case) == "net-a-conv-forward-4")
    assert case.shapes == {"x": (4, 9, 3), "w": (3, 3, 5), "dy": (4, 9, 5)}
    assert case.sides == ((4, 0),)
    assert case.flops == 2 * 4 * (9 + 7 + 5) * 3 * 5  # the taps meet 9, 7 and 5 pixels that are not padding
    assert (case.depth, case.columns) == (3 * 3, 5)
    assert case.bytes == 4 * (4 * 9 * 3 + 3 * 3 * 5 + 4 * 9 * 5)


def test_our_side_names_the_algorithm_of_each_direction():
    same = "image=28x28x64 window=3x3 filters=64 padding=1x1 batch=8"
    assert {OURS.algorithm(case) for case in expand("net", f"conv a {same}")} == {"winograd"}
    assert [OURS.algorithm(case) for case in expand("net", "conv a image=64x64x8 window=5x5 filters=6 batch=8")] == [
        explain_conv((8, 64, 64, 8), (5, 5, 8, 6))[direction].algorithm for direction in Conv.DIRECTIONS
    ]
    transposed = expand("net", "conv_transpose a image=32x32x6 window=2x2 filters=8 strides=2x2 batch=8")
    read_backwards = explain_conv((8, 64, 64, 8), (2, 2, 8, 6), 2)
    assert [OURS.algorithm(case) for case in transposed] == [
        read_backwards[direction].algorithm for direction in ("backward_input", "forward", "backward_kernel")
    ]
    assert {OURS.algorithm(case) for case in expand("net", "relu a image=64 batch=8")} == {""}


def test_a_quick_report_has_every_kind_and_direction():
    chosen = report.representative(CASES)
    assert {(kind(c), c.direction) for c in chosen} == {(kind(c), c.direction) for c in CASES}
    assert len(chosen) < len(CASES) / 5
    assert max(case.flops for case in chosen) <= report.QUICK_FLOPS


ROW = rows.Row(
    family="net",
    name="conv1",
    op="conv",
    direction="forward",
    batch=1,
    threads=1,
    kind="3x3",
    algorithm="direct",
    depth=576,
    columns=64,
    flops=30_000_000,
    bytes=1000,
    others=0.0,
    peak_gflops=100.0,
    bandwidth_gbytes=40.0,
    seconds=1e-3,
    rival="PyTorch",
    layout="NCHW",
    rival_seconds=2e-3,
)


def test_rows_are_read_as_they_were_written(tmp_path):
    written = [ROW, replace(ROW, threads=2, seconds=5e-4, algorithm="")]
    rows.write_rows(tmp_path / "report.csv", written)
    assert rows.read_rows(tmp_path / "report.csv") == written
    (tmp_path / "old.csv").write_text("family,name\nnet,conv1\n")
    with pytest.raises(ValueError, match=r"no columns .*'depth'.*: move it away"):
        rows.read_rows(tmp_path / "old.csv")


def test_a_file_is_replaced_only_by_a_complete_file(tmp_path):
    path = tmp_path / "report.csv"
    path.write_text("before")

    def write_half():
        with rows.replaced(path) as part:
            part.write_text("ha")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "before"
    with rows.replaced(path) as part:
        part.write_text("after")
    assert path.read_text() == "after"


def test_the_table_begins_with_lost_rows_and_shows_the_gain_of_the_second_thread():
    lost = replace(ROW, name="conv2", seconds=4e-3)
    lines = summary.table([ROW, replace(ROW, threads=2, seconds=5e-4), lost]).splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["0.50", "2.00", "4.00"]
    assert " 2.00 " in lines[2]
    assert summary.speedups([ROW, replace(ROW, threads=2, flops=10)]) == {}


def test_verdicts_hold_rows_against_goals():
    both = [ROW, replace(ROW, threads=2, rival_seconds=1.8e-3)]
    convolution, everything = summary.verdicts(both)
    assert convolution["mean"] == {"1": 2.0, "2": 1.8}
    assert convolution["met"]
    assert everything["what"] == "all convolutions"
    lost = replace(ROW, name="conv2", rival_seconds=0.9e-3)
    verdict = summary.verdicts([*both, lost])[0]
    assert not verdict["met"]
    assert verdict["lost"] == 1
    assert verdict["lowest_row"] == "net conv2 conv forward 1 1"
    assert "no   0.90 net conv2" in summary.overview([*both, lost])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ""),
        ({"rival_seconds": 0.97e-3}, "level"),
        ({"rival_seconds": 0.9e-3}, "open"),
        ({"rival_seconds": 0.9e-3, "others": 0.5}, "disturbed"),
        ({"rival_seconds": 0.9e-3, "flops": 80_000_000}, "roof"),
        ({"rival_seconds": 0.9e-3, "bytes": 38_000_000}, "roof"),
        ({"rival_seconds": 0.9e-3, "bytes": 33_000_000}, "open"),
        ({"seconds": 10e-6, "rival_seconds": 9e-6, "flops": 0}, "call"),
    ],
)
def test_the_bound_of_a_lost_row(changes, expected):
    assert bounds.bound(replace(ROW, **changes)) == expected


def test_rows_that_are_lost_twice_are_listed():
    once, twice = (replace(ROW, name=name, seconds=4e-3) for name in ("once", "twice"))
    again = {rows.key(once): replace(once, seconds=1e-3), rows.key(twice): replace(twice, seconds=5e-3)}
    text = summary.markdown([ROW, once, twice, replace(ROW, threads=2)], again)
    assert "| 3x3 forward | 1.7 | 0.79 | 2.00 | 4 | 2 |" in text
    assert "Of 4 rows 2 were lost; 2 of these were measured again, and 1 lost again." in text
    assert "| 0.50 | 0.40 | 6% | 15% | open | 1 | direct | net twice conv forward 1 |" in text


def test_ratios_to_the_limits_of_the_machine():
    direct = replace(ROW, kind="other", flops=90_000_000)
    (line,) = summary.full_depth([direct, replace(direct, name="conv2", flops=80_000_000), replace(direct, depth=500)])
    assert "median 85%" in line
    assert "1 of 2 below; lowest 80% net conv2" in line
    passes = replace(ROW, op="relu", flops=0, bytes=40_000_000)
    (line,) = summary.large_arrays([passes, replace(passes, bytes=1000)])
    assert "median 100%, the rival's 50%" in line


def test_a_disturbed_row_is_measured_again_and_the_quietest_counts(monkeypatch):
    shares, times = iter([0.5, 0.2, 0.3, 0.4, 0.05]), iter(range(1, 6))

    class FakeOthers(measure.Others):
        def __exit__(self, *_):
            self.share, self.peak = next(shares), 100.0

    class FakeSide:
        name, layout = "any", "NCHW"
        set_num_threads = staticmethod(lambda threads: None)

    monkeypatch.setattr(report, "Others", FakeOthers)
    monkeypatch.setattr(measure, "fma_peak", lambda threads: 100.0)
    monkeypatch.setattr(report, "bandwidth", lambda threads: 40.0)
    monkeypatch.setattr(report, "alternate", lambda *_: [float(next(times)), 1.0])

    def row():
        return report.measure_threads(CASES[0], [FakeSide(), FakeSide()], [], 1, ())

    assert (row().seconds, row().seconds) == (2.0, 5.0)
    assert summary.disturbed([ROW]) == []
    (line,) = summary.disturbed([ROW, replace(ROW, name="conv2", others=0.5)])
    assert line.startswith("1 of 2 rows")
    assert "net conv2" in line


def test_a_missing_processor_is_noticed_by_the_peak(monkeypatch):
    peaks = iter([200.0, 100.0])
    monkeypatch.setattr(measure, "undisturbed_peak", lambda: 100.0)
    monkeypatch.setattr(measure, "fma_peak", lambda threads: next(peaks))
    monkeypatch.setattr(measure.Others, "busy", lambda self: 0.0)  # a tick of /proc/stat is longer than the empty block
    with measure.Others(2) as others:
        pass
    assert (others.peak, others.share) == (200.0, 1.0)


def test_contestants_take_turns_and_the_hopeless_leave(monkeypatch):
    monkeypatch.setattr(measure, "seconds_a_call", lambda call, calls: call())
    monkeypatch.setattr(measure.time, "sleep", lambda seconds: None)
    turns = []

    def contestant(name, seconds):
        return lambda: turns.append(name) or seconds

    slow_but_ours = contestant("ours", 9.0)
    medians = measure.alternate([slow_but_ours, contestant("a", 1.0), contestant("b", 2.0)], 5, 0.1, 100.0)
    assert medians == [9.0, 1.0, 2.0]
    assert "".join(name[0] for name in turns) == "oab" + "oab" * 2 + "oa" * 3


def test_an_interrupted_report_is_resumed(monkeypatch, tmp_path):
    pytest.importorskip("matplotlib", reason="the report ends with a plot")
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    limits = {"1": 90.0, "2": 180.0}
    monkeypatch.setattr(report, "roof", lambda: {"peak_gflops": limits, "bandwidth_gbytes": limits})
    done, failing, open_ = CASES[0], CASES[2], CASES[-1]
    names = ("family", "name", "op", "direction", "batch")
    of = {case: replace(ROW, **{name: getattr(case, name) for name in names}) for case in (done, open_)}
    about = {"processor": "any"}
    before = report.Report("report", about)
    before.add([of[done], replace(of[done], threads=2)])
    before.save()

    def fake_measure(case, rivals, effort):
        if case == failing:
            raise report.DisagreementError("differs")
        return [of[case], replace(of[case], threads=2)]

    monkeypatch.setattr(report, "measure", fake_measure)
    after = report.Report("report", about)
    after.read()
    wrong = report.run([done, failing, open_], [], after, None, skip=True)
    assert [line.split(" is left out")[0] for line in wrong] == [str(failing)]
    after.finish([])
    assert {row.name for row in rows.read_rows(tmp_path / "report.csv")} == {done.name, open_.name}
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv", ".json", ".md", ".png"}
    with pytest.raises(ValueError, match="move it away"):
        report.Report("report", {"processor": "another"}).read()
