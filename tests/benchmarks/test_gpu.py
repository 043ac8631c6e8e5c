"""benchmarks.gpu runs on the fake CuPy and without a rival; its figures mean nothing here."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks import gpu as benchmark
from benchmarks.support.cases import expand, load
from fastconv import applications, device
from fastconv.applications import residual, vgg


def test_convolutions_and_steps_are_measured(fake_gpu, monkeypatch):
    monkeypatch.setattr(device, "_chosen", "gpu")
    row = "conv tiny image=4x4x2 window=3x3 filters=3 padding=same batch=2"
    cases = [*expand("tests", row), next(c for c in load("model") if c.batch == min(c.batch for c in load("model")))]
    peak = benchmark.measure_peak(fake_gpu, blocks=2, rounds=3)
    lines = list(benchmark.run(fake_gpu, cases, None, 1, peak))
    assert len(lines) == 2 + len(cases)
    assert "tests-tiny-conv-backward_kernel-2" in lines[4]
    assert lines[4].rstrip().endswith("%")


@pytest.mark.parametrize("name", ["resnet50", "vgg16"])
def test_large_nets_are_measured(fake_gpu, monkeypatch, name):
    """The nets have few channels and blocks, and the smallest images that they accept."""
    monkeypatch.setattr(device, "_chosen", "gpu")
    monkeypatch.setattr(residual, "FILTERS", (2, 3, 4, 5))
    monkeypatch.setattr(applications.ResNet50, "blocks", (1, 1, 1, 1))
    monkeypatch.setattr(vgg.VGG, "FILTERS", (2, 3, 4, 5, 6))
    monkeypatch.setattr(applications.VGG16, "convolutions", (1, 1, 1, 1, 1))
    case = next(replace(case, image=(32, 32, 3), classes=3, batch=2) for case in benchmark.LARGE if case.name == name)
    assert benchmark.compare(fake_gpu, None, case, 1).ours > 0


def test_without_a_gpu_the_exit_status_is_2(monkeypatch, capsys):
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
