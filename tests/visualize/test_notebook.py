"""Forms of models, histories and profiles for notebooks."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from fastconv import Input, Sequential, layers
from fastconv.callbacks import History
from fastconv.visualize.notebook import history_html


def trained(metrics=("accuracy",)):
    model = Sequential([Input((3,)), layers.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=list(metrics))
    return model.fit(np.ones((4, 3)), np.arange(4) % 2, epochs=2, verbose=0)


def test_a_history_shows_its_curves():
    pytest.importorskip("matplotlib")
    assert trained()._repr_html_().startswith('<img alt="learning curves" src="data:image/png;base64,')


def test_a_history_without_matplotlib_is_a_table(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.axes", None)
    history = trained()
    html = history._repr_html_()
    assert "<th>epoch</th><th>accuracy</th><th>loss</th>" in html or "<th>loss</th>" in html
    assert html.count("<tr>") == 3
    assert f"<td>{history.history['loss'][1]:.4f}</td>" in html


def test_an_empty_history_is_a_table():
    assert history_html(History()) == "<table><thead><tr><th>epoch</th></tr></thead><tbody></tbody></table>"


def test_a_model_is_a_table_of_its_layers():
    model = Sequential([Input((3,)), layers.Dense(2, name="a<b")], name="net")
    html = model._repr_html_()
    assert html.startswith("<b>Model: net</b><table>")
    assert "a&lt;b (Dense)" in html
    assert '<td style="text-align: right">8</td>' in html
    assert "Total params: 8 (32.00 B)<br>Trainable params: 8" in html
    assert "0 (unbuilt)" in Sequential([layers.Dense(2)])._repr_html_()


def test_a_profile_is_its_tables():
    profile = Sequential([Input((3,)), layers.Dense(2)]).profile(np.ones((1, 3)), passes=1, verbose=0)
    assert profile._repr_html_().startswith("<pre>layers ")
