"""Graphs of models as text, and as pictures if Graphviz is installed."""

from __future__ import annotations

import itertools
import re
import shutil
import sys

import pytest

from fastconv import Input, Model, Sequential, layers
from fastconv.utils import model_drawing, model_to_dot, plot_model
from fastconv.utils.model_graph import Box

pytest.importorskip("pydot")
pytest.importorskip("matplotlib")
Image = pytest.importorskip("PIL.Image")


def branched():
    x = Input((8, 8, 3), name="x")
    shared = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")
    inner = Sequential([layers.Input((8, 8, 4)), layers.ReLU(name="relu"), layers.Dropout(0.5, name="drop")], name="in")
    y = layers.Add(name="add")([inner(shared(x)), shared(x) * 2.0])
    return Model(x, layers.Dense(2, name="dense", trainable=False)(y), name="model")


def boxes(graph):
    return {node.get_name().strip('"'): node.get_label().strip('"') for node in graph.get_nodes() if node.get_label()}


def arrows(graph):
    return {(edge.get_source().strip('"'), edge.get_destination().strip('"')) for edge in graph.get_edges()}


def test_boxes_and_arrows():
    graph = model_to_dot(branched())
    assert boxes(graph)["conv"] == "{conv (Conv2D)}"
    assert {("x", "conv"), ("x", "conv_1"), ("conv", "in"), ("conv_1", "multiply"), ("add", "dense")} <= arrows(graph)
    assert arrows(graph) >= {("in", "add"), ("multiply", "add")}
    assert len(arrows(graph)) == 7


def test_contents_of_boxes():
    graph = model_to_dot(branched(), True, True, False, show_layer_activations=True, show_trainable=True)
    shapes = "{input: (None, 8, 8, 3)|output: (None, 8, 8, 4)}"
    assert boxes(graph)["conv"] == f"{{Conv2D|activation: relu|{shapes}|float32|trainable}}"
    assert boxes(graph)["dense"].endswith("|non-trainable}")
    assert boxes(graph)["multiply"].startswith("{multiply|")


def test_names_with_signs_of_graphviz():
    x = Input((3,))
    graph = model_to_dot(Model(x, layers.ReLU(name='a|b "<c>"')(x)))
    assert r"{a\|b \"\<c\>\" (ReLU)}" in boxes(graph).values()


def test_models_within_models():
    graph = model_to_dot(branched(), expand_nested=True)
    (inner,) = graph.get_subgraphs()
    relu, drop = "in/relu", "in/drop"
    assert {relu, drop} < boxes(inner).keys()
    assert (relu, drop) in arrows(inner)
    (entry,) = [end for start, end in arrows(graph) if start == "conv"]
    assert entry in boxes(inner)
    assert (drop, "add") in arrows(graph)
    assert "in" not in boxes(graph)
    cluster = model_to_dot(branched(), subgraph=True)
    assert "model/conv" in boxes(cluster)


def test_a_subclassed_model_is_a_single_box():
    class Own(Model):
        def call(self, x):
            return x

    model = Own(name="own")
    with pytest.raises(ValueError, match=r"must be built .* Received: own"):
        model_to_dot(model)
    model.build((None, 3))
    assert boxes(model_to_dot(model)) == {"own": "{own (Own)}"}


@pytest.fixture
def no_graphviz(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)


@pytest.mark.parametrize("name", ["model.dot", "MODEL.DOT", "model.raw"])
def test_text_needs_no_program(tmp_path, no_graphviz, name):
    plot_model(branched(), tmp_path / name, show_shapes=True)
    assert re.search(r'label="\{Conv2D\|\{input: ', (tmp_path / name).read_text())


@pytest.mark.parametrize("rankdir", ["TB", "BT", "LR", "RL"])
@pytest.mark.parametrize("expand", [False, True])
def test_matplotlib_draws_when_graphviz_is_missing(tmp_path, no_graphviz, rankdir, expand):
    plot_model(branched(), tmp_path / "model", expand_nested=expand, rankdir=rankdir, dpi=50)
    assert (tmp_path / "model.png").read_bytes().startswith(b"\x89PNG")
    plot_model(branched(), tmp_path / "model.svg", True, True, True, rankdir, expand)
    text = (tmp_path / "model.svg").read_text()
    kinds = ["x (InputLayer)", "conv (Conv2D)", "conv_1 (Conv2D)", "multiply (multiply)", "add (Add)", "dense (Dense)"]
    kinds += ["relu (ReLU)", "drop (Dropout)"] if expand else ["in (Sequential)"]
    assert {kind for kind in kinds if f"<!-- {kind} -->" in text} == set(kinds)
    assert text.count("(None, 8, 8, 4) | output: (None, 8, 8, 4)") >= 2


def test_boxes_do_not_overlap_and_arrows_point_down():
    rows = [
        ("a", []),
        ("b", ["a"]),
        ("c", ["a"]),
        ("d", ["b", "c"]),
        ("e", ["d", "a"]),  # past two layers
        ("f", ["e", "b"]),
    ]
    given = [(Box(name, None, (), sources), [[name * 9]]) for name, sources in rows]
    layers = model_drawing._in_layers(given, across=False)
    model_drawing._order(layers)
    width, height = model_drawing._arrange(layers, across=False, backwards=False)
    named = {place.lines[0][0][0]: place for layer in layers for place in layer if place.lines}
    assert [named[name].layer for name in "abcdef"] == [0, 1, 1, 2, 3, 4]
    assert [len(layer) for layer in layers] == [1, 3, 3, 2, 1]
    for layer in layers:
        for left, right in itertools.pairwise(layer):
            assert left.x + left.size[0] / 2 < right.x - right.size[0] / 2
    for place in (place for layer in layers for place in layer):
        assert place.size[0] / 2 < place.x < width - place.size[0] / 2
        assert place.size[1] / 2 < place.y < height - place.size[1] / 2
        assert all(below.layer == place.layer + 1 and below.y > place.y for below in place.below)


def test_a_single_box_and_a_deep_model(tmp_path, no_graphviz):
    plot_model(Sequential([layers.Input((3,))] + [layers.ReLU() for _ in range(300)]), tmp_path / "deep.png", dpi=300)
    with Image.open(tmp_path / "deep.png") as image:
        assert 10_000 < image.height <= model_drawing.MAX_PIXELS


def test_options_that_matplotlib_lacks(tmp_path, no_graphviz, monkeypatch):
    with pytest.raises(ValueError, match=r"must end in \.dot, .*\.pdf, .*program 'dot' is not installed.*model\.xdot"):
        plot_model(branched(), tmp_path / "model.xdot")
    with pytest.raises(ValueError, match="rankdir must be"):
        plot_model(branched(), tmp_path / "model.png", rankdir="XY")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install fastconv\[plot\]"):
        plot_model(branched(), tmp_path / "model.png")
    monkeypatch.setitem(sys.modules, "pydot", None)
    with pytest.raises(ImportError, match=r"pip install fastconv\[plot\]"):
        plot_model(branched(), tmp_path / "model.dot")
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_pictures(tmp_path):
    plot_model(branched(), tmp_path / "model.png", expand_nested=True, show_shapes=True)
    assert (tmp_path / "model.png").read_bytes().startswith(b"\x89PNG")


def test_how_edges_are_drawn():
    assert model_to_dot(branched()).get("splines") == "ortho"
    assert model_to_dot(branched(), splines="curved").get("splines") == "curved"
