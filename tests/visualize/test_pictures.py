"""What all pictures share: figure, axes, files, notebooks, imports."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import fastconv
from fastconv import optimizers, visualize
from tests.visualize.nets import classifier, images

pytest.importorskip("matplotlib")

KERNEL = np.ones((2, 2))

# A call of each function, with the arguments `ax` and `path` left to the test.
CALLS = {
    "activation_functions": lambda **how: visualize.activation_functions(["relu", "tanh"], **how),
    "activations": lambda **how: visualize.activations(classifier(), images(2), "conv1", **how),
    "confusion_matrix": lambda **how: visualize.confusion_matrix([0, 1, 2], [0, 1, 1], **how),
    "convolution_matrix": lambda **how: visualize.convolution_matrix(KERNEL, (3, 3), **how),
    "deconvnet": lambda **how: visualize.deconvnet(classifier(), images(), "conv2", **how),
    "decision_boundary": lambda **how: visualize.decision_boundary(plane(), resolution=9, **how),
    "feature_maps": lambda **how: visualize.feature_maps(classifier(), images(), **how),
    "filters": lambda **how: visualize.filters(classifier(), **how),
    "grad_cam": lambda **how: visualize.grad_cam(classifier(), images(), **how),
    "history": lambda **how: visualize.history({"loss": [2.0, 1.0], "val_loss": [2.0, 1.5]}, **how),
    "image_grid": lambda **how: visualize.image_grid(images(3), [0, 1, 2], [0, 2, 2], **how),
    "integrated_gradients": lambda **how: visualize.integrated_gradients(classifier(), images(), steps=2, **how),
    "maximize": lambda **how: visualize.maximize(classifier(), 1, steps=2, **how),
    "occlusion": lambda **how: visualize.occlusion(classifier(), images(), **how),
    "receptive_field": lambda **how: visualize.receptive_field(classifier(), "pool1", **how),
    "saliency": lambda **how: visualize.saliency(classifier(3), images(1, 3), **how),
    "schedule": lambda **how: visualize.schedule(optimizers.schedules.CosineDecay(0.1, 20), steps=30, **how),
    "smooth_grad": lambda **how: visualize.smooth_grad(classifier(), images(), samples=2, **how),
    "top_patches": lambda **how: visualize.top_patches(classifier(), images(4), "conv1", **how),
}
STILL = sorted(CALLS)


def plane():
    from fastconv import Input, Sequential, layers

    return Sequential([Input((2,)), layers.Dense(1, activation="sigmoid")])


def test_each_function_has_a_call_here():
    assert {*CALLS, "sliding_kernel"} == {name for name in visualize.__all__ if name[0].islower()}


@pytest.mark.parametrize("name", STILL)
def test_a_file_is_written_whole_or_not_at_all(name, tmp_path):
    path = tmp_path / f"{name}.png"
    picture = CALLS[name](path=path)
    assert path.read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(ValueError, match="path must end in"):
        CALLS[name](path=tmp_path / "picture.unknown")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert all(isinstance(array, (np.ndarray, np.generic)) for array in picture.arrays.values())
    assert picture._repr_png_()[:4] == b"\x89PNG"


@pytest.mark.parametrize("name", STILL)
def test_axes_may_be_given(name):
    from matplotlib.figure import Figure

    figure = Figure()
    left, _ = figure.subplots(1, 2)
    picture = CALLS[name](ax=left)
    assert picture.figure is figure
    assert left.images or left.lines or left.child_axes
    part = Figure().subfigures(1, 2)[0].subplots()
    assert CALLS[name](ax=part).figure is part.figure.canvas.figure
    with pytest.raises(TypeError, match="ax must be an Axes"):
        CALLS[name](ax=figure)


def test_a_folder_must_exist(tmp_path):
    with pytest.raises(OSError, match=r"missing/picture\.png"):
        visualize.convolution_matrix(KERNEL, (3, 3), path=tmp_path / "missing" / "picture.png")


@pytest.mark.parametrize("ending", ["svg", "pdf", "jpg", "PNG"])
def test_formats(ending, tmp_path):
    path = tmp_path / f"matrix.{ending}"
    visualize.convolution_matrix(KERNEL, (3, 3), path=str(path))
    assert path.stat().st_size > 1000


def test_arrays_are_found_by_name():
    picture = CALLS["grad_cam"]()
    assert repr(picture) == "Picture(heatmap=(4, 4), weights=(6,))"
    with pytest.raises(KeyError, match="must be one of heatmap, weights"):
        picture["heat"]


def test_visualize_and_matplotlib_are_imported_late(tmp_path):
    code = (
        "import sys, fastconv; assert 'fastconv.visualize' not in sys.modules; v = fastconv.visualize; "
        "assert 'matplotlib' not in sys.modules; assert callable(v.filters); from fastconv import visualize"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)  # the installed package
    with pytest.raises(AttributeError, match="no attribute 'visualise'"):
        fastconv.visualise  # noqa: B018


def test_a_missing_matplotlib_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.axes", None)
    with pytest.raises(ImportError, match=r"pip install fastconv\[plot\]"):
        visualize.filters(classifier())
