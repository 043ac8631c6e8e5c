"""Sides that are processes, with a dummy that counts its orders."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.support.processes import Side

DUMMY = """
import sys
from benchmarks.support.processes import serve

count = 0

def answer_to(order):
    global count
    count += 1
    print("noise of a library")
    if order.get("end"):
        sys.exit()
    return [count, 1 / order["divisor"], sys.argv[1:]]

serve(answer_to)
"""


@pytest.fixture
def dummy(tmp_path):
    (tmp_path / "dummy.py").write_text(DUMMY)
    environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
    side = Side("dummy", [str(tmp_path / "dummy.py"), "word"], environment)
    yield side
    side.close()


def test_a_side_answers_its_orders_in_turn(dummy):
    assert dummy.ask(divisor=2) == [1, 0.5, ["word"]]
    assert dummy.ask(divisor=4) == [2, 0.25, ["word"]]
    assert 0 < dummy.cpu_seconds() < 60


def test_an_order_that_fails_has_no_answer(dummy):
    assert dummy.ask(divisor=0) is None
    assert dummy.ask(divisor=1) == [2, 1.0, ["word"]]


def test_a_process_that_has_ended_is_an_error(dummy):
    with pytest.raises(RuntimeError, match="dummy: the process has ended"):
        dummy.ask(end=True)
