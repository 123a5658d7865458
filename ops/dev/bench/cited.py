"""The figures that docs/comparison.md cites: of the rows that hold Tranship against others' tools.

They are written whenever the page of all figures is, from the same data: no figure is in a second
place that somebody has to remember.
"""

from __future__ import annotations

from collections.abc import Iterator

from ops.dev.bench.page import value
from ops.dev.bench.results import Results
from ops.dev.reference.markdown import table

BEGIN = "<!-- measured: written by `make docs` from performance.json -->\n"
END = "<!-- /measured -->\n"
_ROWS = ("copy", "columns", "texts", "blobs", "copy-verify", "apply")
_RATIO = "×"


def with_figures(page: str, results: Results) -> str:
    """`page` with what was measured, between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    cells = [one for name in _ROWS for one in _of(name, results)]
    return before + BEGIN + table(("row", "what", "measured", "figures"), cells) + END + after


def _of(name: str, results: Results) -> Iterator[tuple[str, ...]]:
    measured = results.get(name)
    ratios = [] if measured is None else [one for one in measured.lines if one.unit == _RATIO]
    for line in ratios:
        yield f"*{name}*", line.what, value(line), line.figures
    if measured is None:
        yield f"*{name}*", "not measured yet", "–", ""
    elif measured.missing:
        yield f"*{name}*", f"not found: {', '.join(measured.missing)}", "–", ""
