"""The code in README.md and in docs/ runs, and gives the results that the pages show."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from fastconv import datasets, models

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def code_of(page):
    """The blocks of Python of a page."""
    return BLOCK.findall((ROOT / page).read_text())


def examples_of(page):
    """The doctests of a page, which share their names."""
    blocks = [block for block in code_of(page) if block.startswith(">>>")]
    return doctest.DocTestParser().get_doctest("\n".join(blocks), {}, page, page, 0)


PAGES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("page", [page for page in PAGES if examples_of(page).examples])
def test_the_examples_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    runner.run(examples_of(page))
    assert runner.summarize(verbose=False).failed == 0


def test_the_model_of_the_readme_trains(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code,) = code_of("README.md")
    exec(code, {})
    assert "val_accuracy" in capsys.readouterr().out
    (_, _), (images, labels) = datasets.digits.load_data()
    assert models.load_model("digits.npz").evaluate(images[..., None] / 16, labels, verbose=0)[1] > 0.9


LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
GENERATED = {"reference/index.md"}


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *PAGES])
def test_links_to_files_lead_to_files(page):
    targets = set(LINK.findall((ROOT / page).read_text())) - GENERATED
    assert [target for target in targets if not (ROOT / page).parent.joinpath(target).exists()] == []


PATH = re.compile(r"`([\w/]+(?:/|\.(?:py|pyx|pxd|md|h|c|cu|txt)))`")


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md", "docs/convolution.md"])
def test_files_that_a_page_names_are_there(page):
    places = [ROOT, ROOT / "fastconv", ROOT / "fastconv" / "backends" / "cpu" / "algorithms"]
    named = set(PATH.findall((ROOT / page).read_text()))
    assert [path for path in named if not any((place / path).exists() for place in places)] == []
