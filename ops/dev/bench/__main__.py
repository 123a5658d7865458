"""python -m ops.dev.bench: measures the rows that are asked for, and writes docs/performance.md.

The comparison with others' tools cites some of its figures, and gets them at the same time.

A row that fails is named at the end; what was there of it before stays. Each row is written as soon
as it is measured.
"""

from __future__ import annotations

import platform
import signal
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from ops.dev.bench.cited import with_figures
from ops.dev.bench.machine import commit, machine
from ops.dev.bench.page import for_terminal, render
from ops.dev.bench.programs import Programs
from ops.dev.bench.results import Circumstances, Measured, load, merge, save
from ops.dev.bench.row import Bench, Row
from ops.dev.bench.rows import ROWS, TITLES
from ops.dev.sandbox.errors import SandboxError
from ops.dev.sandbox.sandbox import default_root

_DOCS = Path(__file__).resolve().parents[3] / "docs"


def _chosen(_context: click.Context, _parameter: click.Parameter, text: str | None) -> list[Row]:
    names = list(ROWS) if text is None else text.split(",")
    if unknown := [name for name in names if name not in ROWS]:
        raise click.BadParameter(f"no such row: {', '.join(unknown)}. There are: {', '.join(ROWS)}")
    return [ROWS[name] for name in names]


def _named(
    _context: click.Context, _parameter: click.Parameter, given: Sequence[str]
) -> dict[str, Path]:
    pairs = [one.partition("=") for one in given]
    if any(not path for _, _, path in pairs):
        raise click.BadParameter("give NAME=PATH")
    return {name: Path(path) for name, _, path in pairs}


@click.command()
@click.option("--rows", callback=_chosen, metavar="NAME,…", help="Only these rows.")
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--scale", type=click.FloatRange(min=0.001, max=1), default=1.0, show_default=True,
              help="Of all sizes. The targets are about 1.")  # fmt: skip
@click.option("--tls", type=click.Choice(["disabled", "required"]), default="disabled",
              show_default=True, help="On both sides of each ratio.")  # fmt: skip
@click.option("--program", "named", multiple=True, callback=_named, metavar="NAME=PATH",
              help="Where a program of others is, if not on the PATH.")  # fmt: skip
@click.option("--docs", type=click.Path(path_type=Path, file_okay=False), default=_DOCS,
              show_default=True, help="Where performance.json and performance.md are.")  # fmt: skip
@click.option(
    "--list", "listing", is_flag=True, help="Only name the rows, and the minutes they take."
)
@click.option("--render", "rendering", is_flag=True, help="Only write the page again.")
def main(
    rows: list[Row],
    rounds: int,
    scale: float,
    tls: str,
    named: dict[str, Path],
    docs: Path,
    listing: bool,
    rendering: bool,
) -> None:
    """Measure, print, and replace the rows in docs/performance.md."""
    if listing:
        for row in rows:
            click.echo(f"{row.name:12} {row.minutes:5.0f} min  {row.title}")
        return
    if rendering:
        _write_pages(docs)
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # files and servers go, too
    bench = Bench(Programs(named, default_root() / "cache"), rounds, scale, tls)
    failed = list(_measured(bench, rows, docs))
    if failed:
        raise SystemExit("not measured: " + "; ".join(failed))


def _measured(bench: Bench, rows: list[Row], docs: Path) -> Iterator[str]:
    """Measures each row and writes it; yields why one could not be."""
    for row in rows:
        click.echo(f"{row.name}: {row.title}", err=True)
        try:
            measured = _measure(bench, row)
        except (SystemExit, SandboxError) as error:
            yield f"{row.name}: {error}"
            continue
        click.echo(for_terminal(row.name, measured))
        _write(docs, row.name, measured)


def _measure(bench: Bench, row: Row) -> Measured:
    lines = tuple(row.measure(bench))
    return Measured(
        lines=lines,
        missing=bench.programs.missing(row.programs),
        circumstances=Circumstances(
            day=datetime.now(UTC).date(), commit=commit(), machine=machine(),
            versions=_versions(bench, row), rounds=bench.rounds, scale=bench.scale, tls=bench.tls,
        ),
    )  # fmt: skip


def _versions(bench: Bench, row: Row) -> dict[str, str]:
    server = bench.programs.need("mysqld").version
    found = bench.programs.versions()
    used = {name: found[name] for name in row.programs if name in found}
    return {"Python": platform.python_version(), "MySQL": server, **used}


def _write(docs: Path, name: str, measured: Measured) -> None:
    docs.mkdir(parents=True, exist_ok=True)
    data = docs / "performance.json"
    save(data, merge(load(data), {name: measured}))
    _write_pages(docs)


def _write_pages(docs: Path) -> None:
    results, comparison = load(docs / "performance.json"), docs / "comparison.md"
    (docs / "performance.md").write_text(render(TITLES, results))
    if comparison.exists():  # not where only the figures are wanted
        comparison.write_text(with_figures(comparison.read_text(), results))


if __name__ == "__main__":
    main()
