"""The nets of benchmarks.keras, and the turns of its sides; nothing is measured here."""

from __future__ import annotations

import pytest

import fastconv
from benchmarks import keras
from benchmarks.support.nets import NETS


@pytest.mark.parametrize(
    ("net", "weights"),
    [("lenet5", 61_706), ("mnist_convnet", 34_826), ("resnet20", 274_826), ("mobilenet_v2", 3_538_984)],
)
def test_nets_have_the_published_number_of_weights(net, weights):
    model, _, _ = NETS[net][0](fastconv)
    assert model.count_params() == weights


@pytest.mark.parametrize("net", NETS)
def test_targets_fit_the_outputs(net):
    model, shape, classes = NETS[net][0](fastconv)
    assert model.output_shape == (None, *shape, classes)


def test_sides_take_turns_by_both_ways_and_the_hopeless_leave(monkeypatch):
    monkeypatch.setattr(keras.time, "sleep", lambda seconds: None)
    asked = []

    class Fake:
        def __init__(self, name, seconds):
            self.name, self.seconds = name, seconds

        def ask(self, **order):
            asked.append(self.name + order.get("method", "")[:1])
            return self.seconds if self.seconds is None or order.get("method") == "fit" else 9.0

    sides = [Fake("fastconv", 5.0), Fake("jax", 1.0), Fake("tensorflow", None), Fake("torch", 2.0)]
    times = keras.measure("lenet5", 32, sides)
    assert times == {"fastconv": 5.0, "jax": 1.0, "torch": 2.0}
    made, first = ["fastconv", "jax", "tensorflow", "torch"], ["fastconvt", "fastconvf", "jaxt", "jaxf"]
    assert asked == [*made, *first, "torcht", "torchf", *first, *first]


def test_the_table_shows_multiples_of_our_time():
    text = keras.table({"lenet5/32": {"fastconv": 0.001, "jax": 0.003, "torch": 0.002}})
    assert text.splitlines()[-1] == "| lenet5 | 32 | 1.00 | 3.00 (3.00x) |  |  | 2.00 (2.00x) | 2.00 |"
