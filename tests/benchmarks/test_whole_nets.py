"""The comparison of whole nets: arguments, turns, tables; with PyTorch, twins and a small comparison."""

from __future__ import annotations

import argparse
import importlib
import json
import os
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import fastconv
from benchmarks.nets import __main__ as program
from benchmarks.nets import compare, results
from benchmarks.nets.catalogue import NETS
from benchmarks.support import plots
from benchmarks.support.machine import RESTRICTIONS
from benchmarks.support.printed import printed_by
from fastconv import _core

ROW = results.Row(
    net="lenet5",
    work="predict",
    size=28,
    batch=1,
    threads=1,
    flops=1_000_000,
    peak_gflops=100.0,
    others=0.0,
    seconds={"fastconv": 5e-5, "PyTorch": 1e-4, "OpenVINO": 4e-5},
    rival="OpenVINO",
    ratio=0.8,
    low=0.75,
    high=0.85,
    peak_bytes={"fastconv": 50_000_000, "PyTorch": 250_000_000},
    instruction_sets={"fastconv": "avx2", "PyTorch": "AVX2 jit:avx2"},
)
SERVICE = results.Service(net="lenet5", threads=2, clients=16, rates={"fastconv": 1000.0}, slowest={"fastconv": 0.0123})
ABOUT = {"processor": "any", "instruction_set": "avx512"}


# ---- arguments -------------------------------------------------------------------------------------------------------


def jobs(*given):
    asked = program.arguments(given)
    return [(job.work, job.batch, job.threads, job.size) for job in program.jobs(asked, "mobilenet_v2")]


def test_without_arguments_everything_is_measured():
    predictions = [("predict", batch, threads, 224) for threads in (1, 2) for batch in (1, 16)]
    training = [("train", 32, threads, 96) for threads in (1, 2)]
    assert jobs() == [*predictions, ("serve", 1, 2, 224), *training]


def test_concurrent_predictions_are_measured_by_themselves():
    assert jobs("--concurrent", "1,4", "--threads", "1") == [("serve", 1, 1, 224)]
    assert jobs("--concurrent", "4", "--batch", "1", "--threads", "2") == [("predict", 1, 2, 224), ("serve", 1, 2, 224)]


def test_figures_of_a_service():
    assert SERVICE.text("fastconv") == "1000 (12.3)"
    assert replace(SERVICE, peak_bytes={"fastconv": 50_000_000}).text("fastconv") == "1000 (12.3), 50 MB"
    assert SERVICE.text("OpenVINO") == ""


def test_arguments_restrict_the_jobs():
    assert jobs("--batch", "4", "--threads", "1") == [("predict", 4, 1, 224)]
    assert jobs("--train", "--threads", "2") == [("train", 32, 2, 96)]
    assert jobs("--train", "--batch", "1", "--threads", "2") == [("predict", 1, 2, 224), ("train", 32, 2, 96)]
    assert program.arguments(["--nets", "lenet5,resnet50"]).nets == ["lenet5", "resnet50"]


@pytest.mark.parametrize("given", [("--nets", "lenet"), ("--batch", "0"), ("--threads", "1,x"), ("--rivals", "jax")])
def test_wrong_arguments_are_refused(given, capsys):
    with pytest.raises(SystemExit):
        program.arguments(given)
    assert "Received" in capsys.readouterr().err


def test_a_missing_rival_is_named_with_the_command_to_install_it(monkeypatch):
    monkeypatch.setattr(program, "find_spec", lambda name: None if name == "openvino" else name)
    assert program.missing(["torch"]) == []
    assert program.missing(["torch", "openvino"]) == ["openvino"]
    monkeypatch.setattr(program, "arguments", lambda: argparse.Namespace(rivals=["openvino"], isa=None))
    with pytest.raises(SystemExit, match=r"no openvino. Run: pip install 'fastconv\[bench\]'"):
        program.main()


# ---- turns -----------------------------------------------------------------------------------------------------------


class FakeOthers:
    share, peak = 0.0, 100.0

    def __init__(self, threads, own):
        self.own = own

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.own()


class FakeSide:
    """A side that needs some seconds, and notes who computes."""

    def __init__(self, name, seconds, asked):
        self.name, self.seconds, self.asked = name, seconds, asked

    def ask(self, **order):
        self.asked.append(self.name)
        return {"peak_bytes": 7, "run": self.seconds}[order["method"]]

    def cpu_seconds(self):
        return 0.0


@pytest.fixture
def fakes(monkeypatch, tmp_path):
    """Replace the processes; return the names of the sides in the order in which they computed."""
    asked = []
    seconds = {"fastconv": 2.0, "PyTorch": 3.0, "OpenVINO": 1.0, "ONNX Runtime": 0.5}

    @contextmanager
    def loaded(contestant, job, folder):
        np.save(folder / f"{contestant.library}.npy", np.arange(3.0))
        isa = "jit_avx512_gemm" if contestant.library == "openvino" else "avx2"
        yield FakeSide(contestant.title, seconds[contestant.title], asked), {"kernels": isa, "seconds": {}}

    (tmp_path / "facts.json").write_text(json.dumps({"flops": 10}))
    monkeypatch.setattr(compare, "loaded", loaded)
    monkeypatch.setattr(compare, "Others", FakeOthers)
    return asked


def chosen(*titles):
    return [each for each in (compare.OURS, *compare.RIVALS) if each.title in titles]


def test_sides_take_turns_and_the_fastest_rival_counts(fakes, tmp_path):
    sides = chosen("fastconv", "PyTorch", "OpenVINO")
    row = compare.measure(compare.Job("lenet5", "train", 32, 2), sides, tmp_path, (4, 1.0, 100.0), False)
    assert row.seconds == {"fastconv": 2.0, "PyTorch": 3.0, "OpenVINO": 1.0}
    assert (row.rival, row.ratio, row.low, row.high) == ("OpenVINO", 0.5, 0.5, 0.5)
    assert (row.flops, row.peak_bytes["PyTorch"]) == (3 * 32 * 10, 7)
    turns = [name for name, after in pairwise([*fakes, ""]) if name != after]
    assert turns[3:6] == ["fastconv", "PyTorch", "OpenVINO"]
    assert turns[9:-3] == ["fastconv", "OpenVINO"] * 2  # PyTorch has left


def test_with_restricted_instructions_each_side_must_obey_and_the_free_side_does_not_count(fakes, tmp_path):
    job = compare.Job("lenet5", "predict", 1, 1)
    sides = chosen("fastconv", "PyTorch", "ONNX Runtime")
    row = compare.measure(job, sides, tmp_path, (3, 1.0, 100.0), True)
    assert (row.rival, row.ratio, row.seconds["ONNX Runtime"]) == ("PyTorch", 1.5, 0.5)
    with pytest.raises(RuntimeError, match="OpenVINO must be restricted to AVX2"):
        compare.measure(job, chosen("fastconv", "OpenVINO"), tmp_path, (3, 1.0, 100.0), True)


@pytest.mark.parametrize("theirs", [np.array([0.0, 1.0, 2.01]), np.zeros(4), np.full(3, np.nan)])
def test_results_that_differ_are_not_timed(theirs, tmp_path):
    np.save(tmp_path / "ours.npy", np.arange(3.0))
    np.save(tmp_path / "pytorch.npy", theirs)
    with pytest.raises(compare.DisagreementError, match="PyTorch and fastconv compute different results"):
        compare.check_agreement(chosen("fastconv", "PyTorch"), tmp_path)


def test_the_ratio_compares_the_sides_round_by_round():
    rounds = {"fastconv": [1.0, 2.0, 4.0], "PyTorch": [2.0, 4.0, 8.0], "OpenVINO": [9.0, 9.0]}
    found = compare.against_best(rounds, ["PyTorch", "OpenVINO"])
    assert found == {"rival": "PyTorch", "ratio": 2.0, "low": 2.0, "high": 2.0}


# ---- results ---------------------------------------------------------------------------------------------------------


def test_tables_show_losses_like_wins():
    rows = [ROW, replace(ROW, threads=2, ratio=1.25, rival="PyTorch")]
    text = results.markdown(ABOUT, rows, [SERVICE])
    assert (
        "| LeNet-5 | 28x28 | inference | 1 | 1 | 0.05 | 0.1 | 0.04 | 0.80 | 0.75 to 0.85 | 1.4 | 20% | 0.00 |" in text
    )
    assert "- inference, batch 1, threads: 2: geometric mean 1.25, 0 of 1 lost" in text
    assert "| LeNet-5 | inference | 1 | 1 | 50 | 250 |" in text
    assert "| LeNet-5 | 2 | 16 | 1000 (12.3) |" in text
    assert "Cold start" not in text


def test_the_kernels_of_all_rows_are_listed_once():
    other = replace(ROW, instruction_sets={"PyTorch": "AVX2 brgemm:avx2", "ONNX Runtime": "unknown"})
    line = "Kernels: fastconv: `avx2`; PyTorch: `AVX2` `brgemm:avx2` `jit:avx2`; ONNX Runtime: `unknown`."
    assert results.kernels([ROW, other, ROW]) == line
    assert line in results.markdown(ABOUT, [ROW, other], [])


def test_a_report_keeps_the_rows_of_earlier_runs(monkeypatch, tmp_path):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    monkeypatch.setattr(plots, "bars", lambda ratios, label, path: path.write_text(str(dict(ratios))))
    started = replace(ROW, net="vgg16", starts={"fastconv": {"import": 0.1, "load and predict": 0.5}})
    first, second = results.Report("nets", ABOUT), results.Report("nets", ABOUT)
    first.add([started, SERVICE])
    first.save()
    second.read()
    second.add([ROW])
    second.save()
    assert list(json.loads((tmp_path / "nets.json").read_text())) == ["machine", "rows", "services"]
    assert [*second.rows.values()] == [started, ROW]
    assert "| VGG-16 | 1 | 0.10 + 0.50 |" in (tmp_path / "nets.md").read_text()
    bars = "{'LeNet-5, inference, batch 1': {1: 0.8}, 'VGG-16, inference, batch 1': {1: 0.8}}"
    assert (tmp_path / "nets.svg").read_text() == bars
    with pytest.raises(ValueError, match="move it away"):
        results.Report("nets", {"processor": "another"}).read()


def test_the_same_ratios_give_the_same_picture(tmp_path):
    pytest.importorskip("matplotlib", reason="the chart needs it")
    for name in ("a.svg", "b.svg"):
        plots.bars({"LeNet-5": {1: 0.8, 2: 1.5}, "VGG-16": {2: 1.9}}, "ratio", tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert "1.90" in (tmp_path / "a.svg").read_text()


def test_the_text_that_a_call_prints(capfd):
    assert printed_by(lambda: os.write(1, b"a\nb\n")) == "a\nb\n"
    with pytest.raises(ZeroDivisionError):
        printed_by(lambda: os.write(1, b"c") / 0)
    os.write(1, b"d")
    assert capfd.readouterr().out == "d"


# ---- with PyTorch ----------------------------------------------------------------------------------------------------


@pytest.fixture
def prepare():
    pytest.importorskip("torch", reason="PyTorch, the rival, is not installed")
    return importlib.import_module("benchmarks.nets.prepare")


@pytest.mark.parametrize("net", [net for net in NETS if net != "vgg16"])  # which has no layer of its own
def test_a_twin_computes_the_same_outputs(net, prepare, rng):
    twin = importlib.import_module("benchmarks.nets.twin")
    model = NETS[net].build(NETS[net].training_size if NETS[net].training_size < 200 else 64)
    x = rng.random((4, *model.input_shape[1:]), np.float32)
    prepare.settle(model, x)
    images = prepare.torch.from_numpy(x).movedim(-1, 1)
    with prepare.torch.inference_mode():
        found = twin.twin_of(model).eval()(images).movedim(1, -1).numpy()
    wanted = np.asarray(model(x))
    np.testing.assert_allclose(found, wanted, atol=1e-3 * np.ptp(wanted))


def test_a_layer_without_a_rule_is_refused(prepare):
    twin = importlib.import_module("benchmarks.nets.twin")
    layers = fastconv.layers
    model = fastconv.Sequential([fastconv.Input((8, 8, 3)), layers.UpSampling2D(), layers.Flatten(), layers.Dense(2)])
    with pytest.raises(ValueError, match="there is no rule for a layer"):
        twin.twin_of(model)


def test_a_net_is_compared_with_the_installed_rivals(prepare, monkeypatch, tmp_path):
    monkeypatch.chdir(Path(fastconv.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    for name, value in {"SERVING": 0.05, "TURNS": 1}.items():
        monkeypatch.setattr(compare, name, value)
    is_exported = find_spec("onnx") is not None
    titles = ["PyTorch", *(["ONNX Runtime", "OpenVINO"] if is_exported else [])]
    rivals = [each for each in chosen(*titles) if find_spec(each.package)]
    prepare.prepare("lenet5", 28, tmp_path, onnx=is_exported)
    for work in ("predict", "train"):
        sides = [compare.OURS, *(each for each in rivals if each.trains or work == "predict")]
        row = compare.measure(compare.Job("lenet5", work, 2, 1), sides, tmp_path, (3, 0.001, 0.0), False)
        assert [*row.seconds] == [each.title for each in sides]
        assert row.low <= row.ratio <= row.high
        assert 10e6 < row.peak_bytes["fastconv"] < row.peak_bytes["PyTorch"]
    (few,) = compare.serve(compare.Job("lenet5", "serve", 1, 1), [compare.OURS, *rivals], tmp_path, [3])
    assert min(few.rates.values()) > 0


@pytest.mark.skipif("avx2" not in _core.usable_isas(), reason="this processor has no AVX2")
@pytest.mark.parametrize("work", ["predict", "train"])
def test_restricted_sides_tell_kernels_of_avx2(work, prepare, monkeypatch, tmp_path):
    monkeypatch.chdir(Path(fastconv.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    for name, value in RESTRICTIONS["avx2"].items():
        monkeypatch.setenv(name, value)
    prepare.prepare("lenet5", 28, tmp_path, onnx=False)
    sides = chosen("fastconv", "PyTorch", "PyTorch, channels last")
    row = compare.measure(compare.Job("lenet5", work, 2, 1), sides, tmp_path, (3, 0.001, 0.0), True)
    ours, *theirs = row.instruction_sets.values()
    assert ours == "avx2"
    for own, *of_onednn in (names.split() for names in theirs):
        assert own == "AVX2"
        assert any(name.endswith(":avx2") for name in of_onednn)
