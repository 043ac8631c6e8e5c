"""Graphs of models, as text, and as pictures where Graphviz is installed."""

from __future__ import annotations

import re
import shutil

import pytest

from fastconv import Input, Model, Sequential, layers
from fastconv.utils import model_to_dot, plot_model

pytest.importorskip("pydot")


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


def test_what_boxes_tell():
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


def test_a_model_that_is_not_drawn_is_one_box_and_one_without_weights_none():
    class Own(Model):
        def call(self, x):
            return x

    model = Own(name="own")
    with pytest.raises(ValueError, match=r"must be built .* Received: own"):
        model_to_dot(model)
    model.build((None, 3))
    assert boxes(model_to_dot(model)) == {"own": "{own (Own)}"}


def test_files(tmp_path, monkeypatch):
    plot_model(branched(), tmp_path / "model.dot", show_shapes=True)
    text = (tmp_path / "model.dot").read_text()
    assert re.search(r'label="\{Conv2D\|\{input: ', text)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(FileNotFoundError, match="Graphviz's program 'dot' must be installed"):
        plot_model(branched(), tmp_path / "model.png")


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_pictures(tmp_path):
    plot_model(branched(), tmp_path / "model.png", expand_nested=True, show_shapes=True)
    assert (tmp_path / "model.png").read_bytes().startswith(b"\x89PNG")
