"""The animation of a kernel."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import ops, visualize

pytest.importorskip("matplotlib")

X = np.random.default_rng(0).integers(-3, 4, (6, 7)).astype("float64")
W = np.random.default_rng(1).integers(-2, 3, (3, 2)).astype("float64")


@pytest.mark.parametrize(
    "how", [{}, {"strides": 2}, {"padding": "same"}, {"padding": ((0, 1), (2, 0)), "dilation_rate": 2}]
)
def test_the_output_is_the_convolution(how):
    found = visualize.sliding_kernel(X, W, **how)
    wanted = np.asarray(ops.conv(X[None, :, :, None], W[:, :, None, None], **how))[0, :, :, 0]
    np.testing.assert_array_equal(found["output"], wanted)
    np.testing.assert_array_equal(found["products"].sum(axis=(1, 2)), wanted.ravel())


def test_the_products_of_a_window():
    found = visualize.sliding_kernel(X, W, padding=1, strides=(2, 3))
    assert found["corners"][:3].tolist() == [[-1, -1], [-1, 2], [-1, 5]]
    window = found["corners"].tolist().index([1, 2])
    np.testing.assert_array_equal(found["products"][window], X[1:4, 2:4] * W)


def test_files(tmp_path):
    image = pytest.importorskip("PIL.Image")
    picture = visualize.sliding_kernel(X[:3, :4], W, path=tmp_path / "slide.gif", seconds=0.2)
    with image.open(tmp_path / "slide.gif") as gif:
        assert gif.n_frames == picture["output"].size
        assert gif.info["duration"] == 200
    visualize.sliding_kernel(X[:3, :3], W, path=tmp_path / "slide.html")
    page = (tmp_path / "slide.html").read_text()
    assert page.count("iVBOR") == 2  # a PNG for each frame
    assert page.isascii()
    assert "http" not in page
    assert "<script" in picture._repr_html_()
    with pytest.raises(ValueError, match=r"path must end in \.gif, \.html"):
        visualize.sliding_kernel(X, W, path=tmp_path / "slide.png")
    with pytest.raises(OSError, match="missing"):
        visualize.sliding_kernel(X[:3, :3], W, path=tmp_path / "missing" / "slide.gif")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["slide.gif", "slide.html"]


def test_axes_may_be_given():
    from matplotlib.figure import Figure

    figure = Figure()
    ax = figure.subplots()
    assert visualize.sliding_kernel(X, W, ax=ax).figure is figure
    assert len(ax.child_axes) == 3


def test_errors():
    with pytest.raises(ValueError, match="the window must fit"):
        visualize.sliding_kernel(X, np.ones((7, 2)))
    with pytest.raises(ValueError, match="must have two axes"):
        visualize.sliding_kernel(X[None], W)
    with pytest.raises(ValueError, match="there must be at most 400 windows"):
        visualize.sliding_kernel(np.ones((30, 30)), W)
    with pytest.raises(ValueError, match="and 1600 pixels with padding"):
        visualize.sliding_kernel(X, W, padding=10**6, strides=10**6)
    with pytest.raises(ValueError, match="seconds must be"):
        visualize.sliding_kernel(X, W, seconds=0)
