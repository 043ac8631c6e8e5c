"""The summary table of a model: its columns, its layers, and the totals below it."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, Model, Sequential, layers


def nested():
    inner = Sequential([Input((6,)), layers.Dense(3, name="in1"), layers.Dense(2, name="in2")], name="inner")
    x = Input((4,), name="x")
    h = layers.Dense(6, name="d1")(x)
    return Model(x, layers.add([inner(h), layers.Dense(2, name="d2")(h)], name="sum"), name="outer")


def in_a_row():
    names = ("first", "second", "third")
    return Sequential([Input((4,)), *(layers.Dense(3, name=name) for name in names)], name="row")


def printed(model, *args, **kwargs):
    lines = []
    model.summary(*args, print_fn=lines.append, **kwargs)
    return lines


def cells(lines):
    """Return the texts of the rows, without header and rules."""
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if line.startswith("│")]


def column(lines, number=0):
    return [row[number] for row in cells(lines)]


def test_layers_of_models_inside():
    model = nested()
    outer = ["x (InputLayer)", "d1 (Dense)", "inner (Sequential)", "d2 (Dense)", "sum (Add)"]
    assert column(printed(model)) == outer
    expanded = cells(printed(model, expand_nested=True))
    assert [row[0] for row in expanded] == [*outer[:3], "└ in1 (Dense)", "└ in2 (Dense)", *outer[3:]]
    assert expanded[3][1:] == ["(None, 3)", "21", "-"]


@pytest.mark.parametrize(
    ("layer_range", "expected"),
    [
        (("d1", "d2"), ["d1", "inner", "d2"]),
        (["d2", "d1"], ["d1", "inner", "d2"]),
        (("d.*", "s.*"), ["d1", "inner", "d2", "sum"]),
        (("inner", "inner"), ["inner"]),
    ],
)
def test_a_range_of_layers(layer_range, expected):
    names = column(printed(nested(), layer_range=layer_range))
    assert [name.partition(" ")[0] for name in names] == expected


@pytest.mark.parametrize("layer_range", [("nothing", "d2"), ("d1",), (1, 2), ("d1", "d2", "sum")])
def test_invalid_ranges(layer_range):
    with pytest.raises(ValueError, match="layer_range"):
        printed(nested(), layer_range=layer_range)


@pytest.mark.parametrize("how", [{}, {"show_trainable": True}, {"expand_nested": True}])
@pytest.mark.parametrize("make", [nested, in_a_row])
@pytest.mark.parametrize("length", [80, 121])
def test_lines_have_the_given_length(make, length, how):
    table = [line for line in printed(make(), length, **how) if not line.startswith((" ", "Model"))]
    assert {len(line) for line in table} == {length}


def test_columns_end_at_the_given_positions():
    lines = printed(in_a_row(), 100, [0.2, 0.5, 1.0])
    assert [i + 1 for i, character in enumerate(lines[1]) if character in "┳┓"] == [20, 50, 100]
    assert printed(in_a_row(), positions=[20, 50, 100]) == lines
    assert [i + 1 for i, c in enumerate(printed(in_a_row(), positions=[0.25, 0.5, 1.0])[1]) if c in "┳┓"] == [
        22,
        44,
        88,
    ]


def test_long_texts_are_broken():
    model = Sequential([Input((4,)), layers.Dense(3, name="a_name_that_is_too_long_for_its_column")], name="m")
    rows = cells(printed(model, 40, [0.4, 0.75, 1.0]))
    assert "".join(row[0] for row in rows).replace(" ", "") == "a_name_that_is_too_long_for_its_column(Dense)"
    assert [row[2] for row in rows] == ["15", *[""] * (len(rows) - 1)]


@pytest.mark.parametrize(("length", "positions"), [(20, None), (100, [0.5, 1.0]), (100, [0.01, 0.5, 1.0])])
def test_columns_without_room(length, positions):
    with pytest.raises(ValueError, match="needs a position"):
        printed(in_a_row(), length, positions)


def test_arguments_come_in_the_order_of_keras():
    lines = []
    nested().summary(100, None, lines.append, True, True, ("inner", "inner"))
    assert column(lines) == ["inner (Sequential)", "└ in1 (Dense)", "└ in2 (Dense)"]
    assert column(lines, -1) == ["Y"] * 3


def test_totals_tell_of_the_optimizer():
    model = in_a_row()
    assert [line.strip() for line in printed(model) if "params" in line] == [
        "Total params: 39 (156.00 B)",
        "Trainable params: 39 (156.00 B)",
        "Non-trainable params: 0 (0.00 B)",
    ]
    model.compile("adam", "mse")
    model.fit(np.ones((2, 4)), np.ones((2, 3)), verbose=0)
    state = model.optimizer.variables
    found = [line for line in printed(model) if line.startswith(" Optimizer params: ")]
    assert found[0].startswith(f" Optimizer params: {sum(v.size for v in state)} (")
    assert any(line.startswith(f" Total params: {39 + sum(v.size for v in state)} (") for line in printed(model))


def test_layers_that_are_not_built():
    assert cells(printed(Sequential([layers.Dense(3, name="dense")]))) == [["dense (Dense)", "?", "0 (unbuilt)"]]
