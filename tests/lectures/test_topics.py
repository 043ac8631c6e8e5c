"""Every topic of the lectures has a place on a page and a test of its numbers."""

from __future__ import annotations

import ast
import re

import pytest

from tests.lectures.pages import PAGES

TOPICS = {"A": 7, "B": 12, "C": 6, "D": 5, "E": 9}  # numbers of topics of the five lectures
ROW = re.compile(r"^\| ([A-E])(\d+) \| .+ \| \[.+\]\((\w+)\.md#(\w+)\) \|$", re.MULTILINE)
ROWS = ROW.findall((PAGES / "index.md").read_text())


def test_the_table_has_a_row_for_each_topic():
    expected = [(lecture, str(number + 1)) for lecture, count in TOPICS.items() for number in range(count)]
    assert [row[:2] for row in ROWS] == expected


@pytest.mark.parametrize(("lecture", "number", "page", "target"), ROWS)
def test_a_topic_has_a_place_on_its_page_and_a_test(lecture, number, page, target):
    assert target == (lecture + number).lower()
    assert f"({target})=" in (PAGES / f"{page}.md").read_text().splitlines()
    source = (PAGES.parents[1] / "tests" / "lectures" / f"test_{page}.py").read_text()
    tests = [node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    assert any(name.startswith(f"test_{target}_") for name in tests)
