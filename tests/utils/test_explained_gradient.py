"""Graphs of functions against backpropagation by hand, and gradients against differences."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from fastconv import Variable, ops, utils
from fastconv.utils import check_gradient, explain_gradient


def loss(x1, x2, w1, w2, w3, w4, v1, v2):
    h1 = (w1 * x1 + w2 * x2) ** 2
    h2 = (w3 * x1 + w4 * x2) ** 2
    p = v1 * h1 + v2 * h2
    error = 1.0 - p
    return error**2


POINT = {"x1": 2, "x2": -1, "w1": 0.5, "w2": 0.25, "w3": -0.25, "w4": 0.5, "v1": 0.5, "v2": -0.5}


def test_backpropagation_by_hand():
    """The point (2, -1) with the label 1, two hidden neurons, and phi(s) = s^2 with the derivative 2s."""
    graph = explain_gradient(loss, **POINT)
    s1, s2 = 0.5 * 2 - 0.25, -0.25 * 2 - 0.5
    p = 0.5 * s1**2 - 0.5 * s2**2
    dp = -2 * (1 - p)
    ds1, ds2 = dp * 0.5 * 2 * s1, dp * -0.5 * 2 * s2
    expected = {
        "h1": (s1**2, dp * 0.5), "h2": (s2**2, dp * -0.5), "p": (p, dp), "error": (1 - p, -dp),
        "v1": (0.5, dp * s1**2), "v2": (-0.5, dp * s2**2),
        "w1": (0.5, ds1 * 2), "w2": (0.25, ds1 * -1), "w3": (-0.25, ds2 * 2), "w4": (0.5, ds2 * -1),
        "x1": (2, ds1 * 0.5 + ds2 * -0.25), "x2": (-1, ds1 * 0.25 + ds2 * 0.5),
    }  # fmt: skip
    for name, numbers in expected.items():
        np.testing.assert_allclose((graph[name].value, graph[name].derivative), numbers, rtol=1e-13)
    assert graph["p"].formula == "t4 + t8"
    assert graph["error"].formula == "1 - p"
    assert graph["w1"].formula == "input"
    assert graph["t1"].sources == ("w1", "x1")
    assert graph.nodes[-1].derivative == 1
    assert str(graph).splitlines()[0].split() == ["node", "formula", "value", "derivative"]


def test_functions_have_their_names_in_formulas():
    def f(x, w):
        score = ops.matmul(x, w)
        p = ops.sigmoid(score)
        return -ops.sum(ops.log(p))

    graph = explain_gradient(f, x=np.array([[2.0, -1.0]]), w=np.array([[0.5], [0.25]]))
    assert [node.formula for node in graph.nodes] == [
        "input",
        "input",
        "x @ w",
        "sigmoid(score)",
        "log(p)",
        "sum(t1)",
        "-t2",
    ]
    np.testing.assert_allclose(graph["score"].derivative, 1 / (1 + np.exp(-0.75)) - 1)
    np.testing.assert_allclose(graph["w"].derivative, [[2 * (p := 1 / (1 + np.exp(-0.75)) - 1)], [-p]])


def test_results_that_are_used_twice_and_not_at_all():
    def f(x, unused):
        y = x * x
        z = y + y * 2.0
        z * 5.0
        return z

    graph = explain_gradient(f, x=3, unused=[1.0, 2.0])
    assert [node.name for node in graph.nodes] == ["x", "unused", "y", "t1", "z"]
    assert graph["x"].derivative == 18
    assert graph["y"].derivative == 3
    assert graph["unused"].derivative.tolist() == [0, 0]
    with pytest.raises(KeyError, match="no node has this name"):
        graph["w"]


def test_each_name_belongs_to_one_node():
    def doubled(x):
        for _ in range(2):
            x = x * 2.0
        return x

    graph = utils.explain_gradient(doubled, x=1.0)
    assert [(node.name, node.formula) for node in graph.nodes] == [("x", "input"), ("t1", "x * 2"), ("t2", "t1 * 2")]
    assert graph["x"].derivative == 4
    graph = utils.explain_gradient(lambda t1: t1 * 2.0 * 3.0, t1=1.0)
    assert [(node.name, node.formula) for node in graph.nodes] == [("t1", "input"), ("t2", "t1 * 2"), ("t3", "t2 * 3")]


def test_large_arrays_have_their_shape():
    graph = explain_gradient(lambda x: ops.mean(x), x=Variable(np.zeros((4, 5), "float32")))
    assert "array (4, 5)" in str(graph)
    assert "-0" not in str(explain_gradient(lambda x: -x * 0.0, x=1.0)).replace("-x", "").split()


@pytest.mark.parametrize("f", [lambda x: x, lambda x: np.float64(3.0), lambda x: 3.0, lambda x: None])
def test_results_that_are_no_scalar_of_ops(f):
    with pytest.raises(ValueError, match=r"^explain_gradient: the function must return a scalar .*Received: "):
        explain_gradient(f, x=np.ones(3))


def test_the_profiling_function_is_restored():
    before = sys.getprofile()
    with pytest.raises(ZeroDivisionError):
        explain_gradient(lambda x: 1 / 0, x=1.0)
    assert sys.getprofile() is before
    with pytest.raises(TypeError, match="floats"):
        explain_gradient(lambda x: x, x=1j)


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_a_picture(tmp_path, ending):
    pytest.importorskip("matplotlib")
    path = tmp_path / f"graph.{ending}"
    graph = explain_gradient(loss, **POINT)
    graph.plot(path, rankdir="TB")
    assert path.stat().st_size > 1000
    assert graph._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match=r"^explain_gradient: rankdir must be"):
        graph.plot(path, rankdir="XY")
    with pytest.raises(ValueError, match=r"^explain_gradient: to_file must end in"):
        graph.plot(tmp_path / "graph")


def test_pictures_without_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"explain_gradient: pictures need Matplotlib: pip install fastconv\[plot\]"):
        explain_gradient(lambda x: x * x, x=1.0).plot(tmp_path / "graph.png")


def test_right_gradients_have_small_errors():
    x, w = np.random.default_rng(0).normal(size=(2, 5, 5, 2)), np.random.default_rng(1).normal(size=(3, 3, 2, 2))
    assert check_gradient(lambda x, w: ops.sum(ops.tanh(ops.conv(x, w))), x, w) < 1e-7
    assert check_gradient(lambda p: p["a"] * p["b"][0], {"a": 2, "b": [3.0]}) < 1e-9
    assert check_gradient(lambda x: ops.sum(x * 0.0), np.ones(3)) == 0


def test_wrong_gradients_are_found():
    def f(x):
        return ops.sum(ops.stop_gradient(x) * x)  # the gradient is x, half of the difference

    with pytest.raises(
        AssertionError, match=r"array 0 of the arguments at \[1\]: derivative=-3, difference=-6, error=0.5"
    ):
        check_gradient(f, np.array([1.0, -3.0]))
    with np.errstate(all="ignore"), pytest.raises(AssertionError, match="nan"):
        check_gradient(lambda x: ops.sqrt(x - 1.0), 1.0)
    with pytest.raises(ValueError, match="must return a scalar"):
        check_gradient(lambda x: x, np.ones(2))
    for given in ({"step": 0}, {"tolerance": -1.0}):
        with pytest.raises(ValueError, match=r"^check_gradient: (step|tolerance) must be a number above 0"):
            check_gradient(utils.explain_gradient, 1.0, **given)
