"""The server's half of the CNN tab."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv.playground.digits import STEPS_OF_A_PASS, Digits, data
from fastconv.playground.messages import Message, decode, encode
from tests.playground.strokes import DIGITS


@pytest.fixture
def pushed():
    return []


@pytest.fixture
def tab(pushed):
    tab = Digits(pushed.append)
    tab._random = np.random.default_rng(0)
    yield tab
    tab.close()


@pytest.fixture(scope="module")
def trained():
    """Return a tab that has trained for 8 passes."""
    tab = Digits(lambda message: None)
    tab._random = np.random.default_rng(0)
    for _ in range(8 * STEPS_OF_A_PASS):
        tab.advance()
    return tab


def ask(tab, type, **fields):
    """Return the answer as the page receives it."""
    return decode(encode(tab.handle(Message({"type": type, **fields}))))


def test_the_state_has_maps_kernels_and_the_beginning_of_the_curves(tab):
    state = ask(tab, "state")
    assert state.fields["playing"] is False
    assert state.fields["label"] == int(data().test_labels[0])
    (point,) = state.fields["curve"]
    assert point[0] == 0
    assert 1.5 < point[1] < 5  # near log 10
    assert list(state.fields["stages"]) == [name for name in state.arrays if name in state.fields["stages"]]
    for name in ("conv1", "conv2"):
        np.testing.assert_array_equal(state.arrays[f"before/{name}"], state.arrays[f"kernel/{name}"])


def test_training_changes_kernels_and_keeps_those_from_before(tab):
    before = ask(tab, "state").arrays
    frame = ask(tab, "step")
    assert frame.fields["type"] == "frame"
    assert frame.fields["step"] == 1
    assert np.abs(frame.arrays["kernel/conv1"] - before["kernel/conv1"]).max() > 0
    np.testing.assert_array_equal(ask(tab, "state").arrays["before/conv1"], before["kernel/conv1"])


def test_it_learns(trained):
    first, last = trained._curve[0], trained._curve[-1]
    assert last[0] == pytest.approx(8, abs=0.2)
    assert last[3] < 0.3 < first[3]
    assert last[4] > 0.93


def test_it_reads_drawn_digits(trained):
    read = [int(np.argmax(ask(trained, "draw", strokes=DIGITS[d]).arrays["probabilities"])) for d in range(10)]
    assert sum(np.equal(read, range(10))) >= 8


def test_the_next_mistake_is_misread(trained):
    seen = [ask(trained, "mistake") for _ in range(3)]
    assert all(int(np.argmax(m.arrays["probabilities"])) != m.fields["label"] for m in seen)
    assert len({m.fields["index"] for m in seen}) == 3


def test_without_mistakes_the_page_is_told(tab, monkeypatch):
    ask(tab, "state")
    monkeypatch.setattr(tab._net, "labels", lambda images: data().test_labels)
    with pytest.raises(ValueError, match="read correctly"):
        ask(tab, "mistake")


def test_a_drawing_has_a_place_on_the_canvas_and_a_scan_has_a_label(tab):
    drawn = ask(tab, "draw", strokes=DIGITS[3])
    assert drawn.fields["index"] is None
    assert np.shape(drawn.fields["place"]) == (2, 3)
    scan = ask(tab, "scan", index=358)
    np.testing.assert_array_equal(scan.arrays["scan"], data().test_scans[358])
    assert scan.fields["label"] == data().test_labels[358]


def test_a_selected_pixel_stays_selected_while_the_net_trains(tab):
    chosen = {"layer": "conv2", "channel": 7, "row": 2, "column": 9}
    assert ask(tab, "select", **chosen).arrays["window/inputs"].shape == (5, 5, 6)
    window = ask(tab, "step").fields["window"]
    assert {name: window[name] for name in chosen} == chosen
    assert window["box"] == [2, 9, 5, 5]
    assert window["field"] == [4, 18, 14, 14]
    assert "window" not in ask(tab, "select", layer=None).fields


def test_gradients_are_sent_for_the_chosen_class_only(tab):
    assert not [name for name in ask(tab, "state").arrays if name.startswith("gradient")]
    shown = ask(tab, "gradient", **{"class": 4})
    assert shown.arrays["gradient/conv1"].shape == (28, 28, 6)
    assert shown.fields["class"] == 4
    assert not [name for name in ask(tab, "gradient").arrays if name.startswith("gradient")]


def test_a_reset_begins_again_with_the_other_net(tab, pushed):
    ask(tab, "step")
    state = ask(tab, "reset", kind="tanh", rate=0.003)
    assert (state.fields["step"], state.fields["activation"], state.fields["pooling"]) == (0, "tanh", "mean")
    assert len(state.fields["curve"]) == 1
    assert pushed[-1].fields["playing"] is False


def test_training_pauses_by_itself(tab, pushed, monkeypatch):
    monkeypatch.setattr("fastconv.playground.digits.MOST_PASSES", 1)
    ask(tab, "state")
    tab._step = STEPS_OF_A_PASS - 1
    tab._order = np.arange(1438)
    tab._run = object()
    tab.advance()
    assert not tab.playing
    assert pushed[-1].fields == {"type": "playing", "playing": False, "tab": "digits"}


@pytest.mark.parametrize(
    ("type", "fields"),
    [
        ("select", {"layer": "conv9"}),
        ("select", {"layer": "input", "channel": 0, "row": 0, "column": 0}),
        ("select", {"layer": ["conv1"]}),
        ("select", {"layer": "conv1", "channel": 6, "row": 0, "column": 0}),
        ("select", {"layer": "conv1", "channel": 0, "row": 28, "column": 0}),
        ("select", {"layer": "conv1", "channel": 0, "row": 0, "column": -1}),
        ("select", {"layer": "conv1", "channel": 0, "row": 0.5, "column": 0}),
        ("select", {"layer": "dense1", "channel": 120}),
        ("gradient", {"class": 10}),
        ("gradient", {"class": "3"}),
        ("scan", {}),
        ("scan", {"index": 359}),
        ("draw", {}),
        ("draw", {"strokes": [[[2, 2]]]}),
        ("reset", {}),
        ("reset", {"kind": "relu", "rate": 1}),
        ("reset", {"kind": "x", "rate": 0.001}),
        ("unknown", {}),
    ],
)
def test_wrong_messages_are_refused(tab, type, fields):
    with pytest.raises(ValueError, match=r": .*Received: "):
        ask(tab, type, **fields)
    assert ask(tab, "state").fields["step"] == 0
