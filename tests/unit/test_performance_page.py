"""The pages are what the data say: a figure is never edited by hand."""

from pathlib import Path

from ops.dev.bench.cited import BEGIN, with_figures
from ops.dev.bench.page import render
from ops.dev.bench.results import load
from ops.dev.bench.rows import TITLES

_DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_is_written_from_the_data() -> None:
    page = (_DOCS / "performance.md").read_text()
    assert page == render(TITLES, load(_DOCS / "performance.json")), "run: make docs"


def test_the_comparison_cites_the_same_data() -> None:
    page = (_DOCS / "comparison.md").read_text()
    assert BEGIN in page
    assert page == with_figures(page, load(_DOCS / "performance.json")), "run: make docs"
