"""The comparison on a GPU runs, on CuPy's stand-in and without a rival; what it measures there means nothing."""

from __future__ import annotations

import pytest

from benchmarks import gpu as benchmark
from benchmarks.cases import expand, load
from fastconv import device


def test_convolutions_and_steps_are_measured(gpu_stand_in, monkeypatch):
    monkeypatch.setattr(device, "_chosen", "gpu")
    row = "conv tiny image=4x4x2 window=3x3 filters=3 padding=same batch=2"
    cases = [*expand("tests", row), next(c for c in load("model") if c.batch == min(c.batch for c in load("model")))]
    peak = benchmark.measure_peak(gpu_stand_in, blocks=2, rounds=3)
    lines = list(benchmark.run(gpu_stand_in, cases, None, 1, peak))
    assert len(lines) == 2 + len(cases)
    assert "tests-tiny-conv-backward_kernel-2" in lines[4]
    assert lines[4].rstrip().endswith("%")


def test_without_a_gpu_it_says_so(monkeypatch, capsys):
    def missing(name):
        raise device.MissingGpuError("CuPy finds no GPU in this machine")

    monkeypatch.setattr(device, "set_device", missing)
    assert benchmark.main([]) == 2
    assert "no GPU" in capsys.readouterr().err


@pytest.mark.parametrize("theirs", [None, 2e-6])
def test_a_row_compares(theirs):
    (case,) = expand("tests", "conv tiny image=4x4x2 window=1x1 filters=3 direction=forward batch=1")
    text = benchmark.Row(case, 1e-6, theirs).text(peak=1e9)
    assert ("2.00" in text) == (theirs is not None)
    assert "19.2%" in text
