"""The progress line on terminals, in files, and with ASCII only."""

from __future__ import annotations

import io
import re
import sys

import pytest

from fastconv.utils import progbar
from fastconv.utils.progbar import Progbar


class Screen(io.StringIO):
    """A stream that may be a terminal."""

    def __init__(self, terminal, encoding="utf-8"):
        super().__init__()
        self.terminal = terminal
        self._encoding = encoding

    @property
    def encoding(self):
        return self._encoding

    def isatty(self):
        return self.terminal


@pytest.fixture
def clock(monkeypatch):
    """Return a list whose first element is the current time in seconds."""
    now = [0.0]
    monkeypatch.setattr(progbar.time, "monotonic", lambda: now[0])
    return now


def run(screen, monkeypatch, clock, **arguments):
    monkeypatch.setattr(sys, "stdout", screen)
    bar = Progbar(4, **arguments)
    for step in range(1, 5):
        clock[0] += 0.5
        bar.update(step, [("loss", 1 / step), ("tiny", 2.5e-5)])
    return screen.getvalue()


def test_a_file_gets_the_last_line(monkeypatch, clock):
    text = run(Screen(False), monkeypatch, clock)
    assert text == "4/4 " + "━" * 20 + " 2s 500ms/step - loss: 0.2500 - tiny: 2.5000e-05\n"


def test_a_terminal_sees_the_line_change(monkeypatch, clock):
    text = run(Screen(True), monkeypatch, clock, width=4)
    lines = text.rstrip("\n").split("\r")
    assert lines[0] == "1/4 ━    1s 500ms/step - loss: 1.0000 - tiny: 2.5000e-05"
    assert lines[-1] == "4/4 ━━━━ 2s 500ms/step - loss: 0.2500 - tiny: 2.5000e-05"
    assert len(lines) == 4
    assert text.count("\n") == 1


def test_a_shorter_line_covers_the_longer_one(monkeypatch, clock):
    screen = Screen(True)
    monkeypatch.setattr(sys, "stdout", screen)
    bar = Progbar(2, interval=0)
    bar.update(1, [("quantity", 1.0)])
    bar.update(2)
    first, second = screen.getvalue().rstrip("\n").split("\r")
    assert len(first) == len(second)


def test_states_are_shown_at_intervals(monkeypatch, clock):
    screen = Screen(True)
    monkeypatch.setattr(sys, "stdout", screen)
    bar = Progbar(1000, interval=0.05)
    for step in range(1, 1001):
        clock[0] += 0.001
        bar.update(step)
    assert 10 < screen.getvalue().count("\r") < 25


def test_ascii(monkeypatch, clock):
    text = run(Screen(False, "ascii"), monkeypatch, clock)
    assert text.startswith("4/4 " + "=" * 20)
    assert text.isascii()


@pytest.mark.parametrize("terminal", [False, True])
def test_a_single_plain_line(monkeypatch, clock, terminal):
    text = run(Screen(terminal), monkeypatch, clock, verbose=2)
    assert text == "4/4 - 2s - 500ms/step - loss: 0.2500 - tiny: 2.5000e-05\n"


def test_silence(monkeypatch, clock):
    assert run(Screen(True), monkeypatch, clock, verbose=0) == ""


def test_an_unknown_target(monkeypatch, clock):
    screen = Screen(True)
    monkeypatch.setattr(sys, "stdout", screen)
    bar = Progbar(None, unit_name="sample")
    clock[0] = 90.0
    bar.update(3)
    bar.update(3, finalize=True)
    first, last = screen.getvalue().rstrip("\n").split("\r")
    assert re.fullmatch(r"3/Unknown +90s 30s/sample", first)
    assert last.split() == first.split()


@pytest.mark.parametrize(("seconds", "text"), [(5, "5s"), (65, "1:05"), (3723, "1:02:03")])
def test_the_time_that_remains(monkeypatch, clock, seconds, text):
    screen = Screen(True)
    monkeypatch.setattr(sys, "stdout", screen)
    bar = Progbar(2)
    clock[0] = float(seconds)
    bar.update(1)
    assert f" {text} " in screen.getvalue()


def test_microseconds(monkeypatch, clock):
    monkeypatch.setattr(sys, "stdout", Screen(False))
    bar = Progbar(1)
    clock[0] = 25e-6
    bar.update(1)
    assert "25us/step" in sys.stdout.getvalue()
