"""The Networks tab without a browser: its messages, its training, its script."""

from __future__ import annotations

import contextlib
import io
import re
import time

import numpy as np
import pytest

from fastconv.playground.curves import MOST, Curves
from fastconv.playground.messages import Message, encode
from fastconv.playground.networks import GRID, Networks, as_bytes, grid
from fastconv.playground.settings import ACTIVATIONS, CHECKS, FEATURES, OPTIMIZERS, Settings
from fastconv.playground.tab import AHEAD

SEEDS = range(4)  # of 400 that were measured
PASSES = 1000


class Page:
    """A page without a browser: keeps the messages of a tab, and answers frames if `draws`."""

    def __init__(self, draws=True):
        self.messages = []
        self.draws = draws
        self.tab = Networks(self.receive)

    def receive(self, message):
        encode(message)
        self.messages.append(message)
        if self.draws and message.kind == "frame":
            self.tab.drawn()

    def send(self, kind, **fields):
        """Send a message; return the answer."""
        self.tab.answer(Message({"type": kind, **fields}))
        return self.messages[-1]

    def set(self, **changes):
        return self.send("set", changes=changes)


@pytest.fixture
def tab():
    page = Page()
    yield page
    page.tab.close()


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def shapes(message):
    return {name: array.shape for name, array in message.arrays.items()}


def test_the_state_is_complete(tab):
    state = tab.send("state")
    assert state.fields["settings"] == Settings().as_dict()
    assert (state.fields["passes"], state.fields["playing"], state.fields["tab"]) == (0, False, "networks")
    assert shapes(state) == {
        "points": (500, 4),
        "features": (7, 32, 32),
        "samples": (6, 150, 4),
        "output": (GRID, GRID),
        "neurons": (6, 32, 32),
        "curves": (1, 3),
        "kernel0": (2, 4, 1),
        "bias0": (4, 1),
        "kernel1": (4, 2, 1),
        "bias1": (2, 1),
        "kernel2": (2, 1, 1),
        "bias2": (1, 1),
    }


def test_maps_show_the_outputs_of_the_neurons(tab):
    state = tab.set(shape=[3], activation="tanh", features=["x1", "x1_x2"])
    x = np.stack([grid()[:, 0], grid().prod(axis=1)], axis=1)
    hidden = np.tanh(x @ state.arrays["kernel0"][..., 0] + state.arrays["bias0"][:, 0])
    output = np.tanh(hidden @ state.arrays["kernel1"][..., 0] + state.arrays["bias1"][:, 0])
    expected = as_bytes(output).reshape(GRID, GRID).astype(int)
    np.testing.assert_allclose(state.arrays["output"], expected, atol=1)
    maps = as_bytes(hidden).reshape(GRID, GRID, 3)[1::3, 1::3].transpose(2, 0, 1).astype(int)
    np.testing.assert_allclose(state.arrays["neurons"], maps, atol=1)


def test_the_map_has_x1_to_the_right_and_x2_upwards(tab):
    x = grid().reshape(GRID, GRID, 2)
    assert (x[0, 0, 0], x[-1, 0, 1]) == pytest.approx((-5.9375, -5.9375))
    assert (x[0, -1, 0], x[0, 0, 1]) == pytest.approx((5.9375, 5.9375))


def test_losses_are_half_squared_errors(tab):
    frame = tab.send("step")
    points = tab.send("state").arrays["points"]
    outputs = tab.tab.net.model.predict_on_batch(points[:, :2])[:, 0]
    squares = (outputs - points[:, 2]) ** 2 / 2
    assert frame.fields["train_loss"] == pytest.approx(squares[points[:, 3] == 0].mean(), rel=1e-5)
    assert frame.fields["test_loss"] == pytest.approx(squares[points[:, 3] == 1].mean(), rel=1e-5)


@pytest.mark.parametrize("problem", ["classification", "regression"])
def test_the_accuracy_is_the_share_of_points_with_the_sign_of_their_class(tab, problem):
    frame = tab.set(problem=problem)
    points = frame.arrays["points"]
    right = np.sign(tab.tab.net.model.predict_on_batch(points[:, :2])[:, 0]) == points[:, 2]
    for part, name in enumerate(("train_accuracy", "test_accuracy")):
        expected = right[points[:, 3] == part].mean() if problem == "classification" else None
        assert frame.fields[name] == expected


def test_a_step_is_a_pass_of_gradient_descent(tab):
    before = tab.set(shape=[2], batch_size=25)
    w, b, v, c = (before.arrays[name].astype(np.float64)[..., 0] for name in ("kernel0", "bias0", "kernel1", "bias1"))
    points = before.arrays["points"][before.arrays["points"][:, 3] == 0].astype(np.float64)
    for batch in np.split(points, 10):
        x, y = batch[:, :2], batch[:, 2:3]
        hidden = np.tanh(x @ w + b)
        output = np.tanh(hidden @ v + c)
        error = (output - y) * (1 - output**2) / len(x)
        hidden_error = error @ v.T * (1 - hidden**2)
        v, c = v - 0.03 * hidden.T @ error, c - 0.03 * error.sum(axis=0)
        w, b = w - 0.03 * x.T @ hidden_error, b - 0.03 * hidden_error.sum(axis=0)
    after = tab.send("step")
    assert after.fields["passes"] == 1
    for name, expected in {"kernel0": w, "bias0": b, "kernel1": v, "bias1": c}.items():
        np.testing.assert_allclose(after.arrays[name][..., 0], expected, rtol=1e-4, atol=1e-5)


def test_playing_trains_on_a_thread_until_pause(tab):
    assert tab.send("play").fields["playing"]
    wait_for(lambda: tab.messages[-1].fields.get("passes", 0) >= 20)
    tab.send("pause")
    passes = tab.tab.passes
    time.sleep(0.1)
    assert tab.tab.passes == passes
    assert tab.send("state").fields["test_loss"] < tab.messages[2].fields["test_loss"]


def test_training_waits_for_a_page_that_does_not_draw():
    page = Page(draws=False)
    page.send("play")
    wait_for(lambda: page.tab.passes == AHEAD)
    time.sleep(0.2)
    assert page.tab.passes == AHEAD
    page.send("drawn")
    wait_for(lambda: page.tab.passes == AHEAD + 1)
    for _ in range(50):
        page.send("drawn")  # more than there were frames
    wait_for(lambda: page.tab.passes > AHEAD + 1)
    time.sleep(0.2)
    assert page.tab.passes <= 2 * AHEAD + 1
    page.tab.close()


def test_settings_change_while_it_plays(tab):
    tab.send("play")
    for changes in ({"shape": [8, 8]}, {"dataset": "xor"}, {"activation": "maxout"}, {"problem": "regression"}):
        state = tab.set(**changes)
        assert state.kind == "state"
        assert state.fields["playing"]
        seen = len(tab.messages)
        wait_for(lambda seen=seen: any(m.fields.get("passes", 0) >= 2 for m in tab.messages[seen:]))


def test_rates_and_views_keep_the_weights(tab):
    tab.send("step")
    before = tab.send("state").arrays["kernel0"]
    state = tab.set(learning_rate=0.3, batch_size=20, show_test=True, discretize=True)
    assert state.fields["passes"] == 1
    np.testing.assert_array_equal(state.arrays["kernel0"], before)
    assert float(tab.tab.net.model.optimizer.learning_rate) == pytest.approx(0.3)


def test_reset_draws_other_weights_and_regenerate_other_points(tab):
    first = tab.send("state")
    tab.send("play")
    reset = tab.send("reset")
    assert (reset.fields["playing"], reset.fields["passes"]) == (False, 0)
    assert (reset.arrays["kernel0"] != first.arrays["kernel0"]).all()
    np.testing.assert_array_equal(reset.arrays["points"], first.arrays["points"])
    other = tab.send("regenerate")
    assert (other.arrays["points"] != first.arrays["points"]).any()


def test_weights_set_by_hand(tab):
    before = tab.send("state").arrays
    frame = tab.send("edit", layer=0, unit=3, source=1, piece=0, value=2.5)
    frame = tab.send("edit", layer=2, unit=0, source=None, piece=0, value=-1)
    assert (frame.arrays["kernel0"][1, 3, 0], frame.arrays["bias2"][0, 0]) == (2.5, -1)
    assert (frame.arrays["kernel0"] != before["kernel0"]).sum() == 1
    assert (frame.arrays["output"] != before["output"]).any()
    assert "set by hand" in tab.send("script").fields["script"]
    tab.send("step")
    tab.send("reset")
    assert "set by hand" not in tab.send("script").fields["script"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"layer": 3},
        {"layer": -1},
        {"unit": 4},
        {"source": 2},
        {"piece": 1},
        {"value": 1e3},
        {"value": None},
        {"source": "x"},
    ],
)
def test_weights_that_do_not_exist_are_refused(tab, wrong):
    before = tab.send("state").arrays["kernel0"]
    with pytest.raises(ValueError, match="Received"):
        tab.send("edit", **{"layer": 0, "unit": 0, "source": 0, "piece": 0, "value": 1, **wrong})
    np.testing.assert_array_equal(tab.send("state").arrays["kernel0"], before)


def test_a_link_opens(tab):
    tab.send("step")
    link = tab.send("state").fields["link"]
    assert tab.send("open", link=link).fields["passes"] == 1  # the net on the screen continues
    state = tab.send("open", link="#networkShape=3&dataset=gauss")
    assert (state.fields["settings"]["shape"], state.fields["passes"]) == ((3,), 0)


WRONG = [
    {"changes": {"noise": 51}},
    {"changes": {"noise": "1"}},
    {"changes": {"shape": [9]}},
    {"changes": {"shape": [1] * 7}},
    {"changes": {"shape": [[1]]}},
    {"changes": {"shape": "3"}},
    {"changes": {"features": []}},
    {"changes": {"features": ["__class__"]}},
    {"changes": {"features": [["x1"]]}},
    {"changes": {"activation": "eval"}},
    {"changes": {"learning_rate": 1e400}},
    {"changes": {"as_dict": 1}},
    {"changes": {"seed": -1}},
    {"changes": {"show_test": 1}},
    {"changes": [1]},
    {},
]


@pytest.mark.parametrize("message", WRONG)
def test_wrong_changes_are_refused_and_change_nothing(tab, message):
    before = tab.tab.settings
    with pytest.raises(ValueError, match=r"Received|unknown"):
        tab.send("set", **message)
    assert tab.tab.settings is before


@pytest.mark.parametrize("link", [None, 3, "#networkShape=99", "x" * 10_000])
def test_a_wrong_link_is_refused_and_changes_nothing(tab, link):
    before = tab.tab.settings
    with pytest.raises(ValueError):
        tab.send("open", link=link)
    assert tab.tab.settings is before


def test_every_setting_has_a_check():
    assert CHECKS.keys() == Settings().as_dict().keys()


@pytest.mark.parametrize("problem", ["classification", "regression"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_all_activations_learn(tab, activation, problem):
    before = tab.set(activation=activation, problem=problem, dataset="gauss", shape=[4])
    for _ in range(20):
        after = tab.send("step")
    assert after.fields["train_loss"] < 0.6 * before.fields["train_loss"]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_all_optimizers_learn(tab, optimizer):
    before = tab.set(optimizer=optimizer, dataset="gauss")
    for _ in range(10):
        after = tab.send("step")
    assert after.fields["train_loss"] < 0.6 * before.fields["train_loss"]


@pytest.mark.parametrize("regularization", ["L1", "L2"])
def test_penalties_shrink_the_weights(tab, regularization):
    def size(**changes):
        tab.set(dataset="gauss", **changes)
        for _ in range(30):
            after = tab.send("step")
        return np.abs(after.arrays["kernel0"]).sum()

    assert size(regularization=regularization, regularization_rate=0.03) < 0.8 * size(regularization="none")


def test_weights_that_overflow_are_no_error(tab):
    tab.set(activation="linear", problem="regression", learning_rate=10.0, features=list(FEATURES), shape=[8] * 6)
    for _ in range(5):
        frame = tab.send("step")
    assert frame.fields["train_loss"] == 1e9


def test_zero_weights(tab):
    state = tab.set(init_zero=True)
    assert not state.arrays["kernel0"].any()
    assert (state.arrays["output"] == 128).all()


def test_maps_of_bytes():
    assert as_bytes(np.array([-9, -1, 0, 1, 9, np.nan])).tolist() == [0, 0, 128, 255, 255, 128]


def test_curves_are_bounded():
    curves = Curves()
    for passes in range(5000):
        curves.add(passes, 1 / (passes + 1), 0)
    points = curves.array()
    assert len(points) <= MOST
    assert (points[0, 0], points[-1, 0]) == (0, 4992)
    np.testing.assert_allclose(points[:, 1], 1 / (points[:, 0] + 1), rtol=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_three_tanh_units_solve_the_circle(tab, seed):
    tab.set(shape=[3], seed=seed, weights_seed=seed)
    tab.tab.net.model.fit(tab.tab.train_x, tab.tab.train_y, 10, PASSES, shuffle=False, verbose=0)
    tab.send("step")
    assert tab.tab.test_loss < 0.05


SCRIPTS = {
    "plain": {},
    "deep": {
        "shape": [8, 8, 8],
        "dataset": "spiral",
        "activation": "relu",
        "optimizer": "adam",
        "learning_rate": 0.003,
    },
    "linear": {"shape": [], "features": list(FEATURES), "dataset": "xor", "noise": 20, "train_percent": 30},
    "penalties": {
        "regularization": "L1",
        "regularization_rate": 0.003,
        "activation": "sigmoid",
        "optimizer": "momentum",
    },
    "L2": {"regularization": "L2", "regularization_rate": 0.003, "activation": "elu", "weights_seed": 3},
    "maxout": {"activation": "maxout", "optimizer": "rmsprop", "learning_rate": 0.003, "dataset": "gauss"},
    "regression": {"problem": "regression", "reg_dataset": "reg-gauss", "activation": "leaky_relu", "seed": 9},
    "zero": {"problem": "regression", "init_zero": True},
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_script_reaches_the_losses_of_the_tab(tab, name):
    tab.set(**SCRIPTS[name])
    for _ in range(30):
        tab.send("step")
    script = tab.send("script").fields["script"]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(script, {})
    losses = [float(text) for text in re.findall(r"loss: ([\d.]+)", printed.getvalue())]
    np.testing.assert_allclose(losses, [tab.tab.train_loss, tab.tab.test_loss], rtol=0.05, atol=1e-4)
