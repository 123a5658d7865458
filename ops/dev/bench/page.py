"""Writes the table: for the terminal, and as docs/performance.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ops.dev.bench.in_turn import brief
from ops.dev.bench.lines import Line, Target
from ops.dev.bench.results import Measured, Results

_HEAD = """# Performance

<!-- Written by `make bench` from performance.json. -->

Absolute figures drift with the machine, so each line is a ratio of two things that were measured
in turn on the same servers, or a time or share with a limit of its own. A value is the median, with
the smallest and the largest of so many values in parentheses. Both sides of a ratio have the same
durability (`sync_binlog = 1`, `innodb_flush_log_at_trx_commit = 1`) and the same TLS mode.

`make bench` measures everything (hours); `make bench BENCH="--rows copy,apply"` some rows, which
are then replaced here. Programs of others are found on the PATH, or named by
`--program gh-ost=/opt/bin/gh-ost`.
"""
_WORDS = {True: "met", False: "**not met**", None: ""}


def render(titles: Mapping[str, str], results: Results) -> str:
    """The page; `titles` are the rows in the order of the table."""
    shown = {name: results[name] for name in titles if name in results}
    parts = [_HEAD, "\n".join(_table(shown)), "## How each row was measured\n"]
    parts.append("\n".join(_circumstances(titles, shown)))
    if absent := [name for name in titles if name not in results]:
        parts.append("Not measured yet: " + ", ".join(absent) + ".")
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _table(results: Results) -> Iterable[str]:
    yield "| row | what | must reach | aim | measured | | |"
    yield "|---|---|---|---|---|---|---|"
    for name, measured in results.items():
        for line in measured.lines:
            yield _cells(name, *_of(line))
        if not measured.lines:
            yield _cells(name, "nothing to hold it against was found", "", "", "–", "", "")


def _of(line: Line) -> tuple[str, ...]:
    limit, aim = targets(line.target, line.unit)
    return line.what, limit, aim, value(line), _WORDS[line.is_met], line.figures


def targets(target: Target | None, unit: str) -> tuple[str, str]:
    """What must be reached, and the aim."""
    if target is None:
        return "", ""
    sign = "≥" if target.at_least else "≤"
    aim = "" if target.aim is None else f"{sign} {_number(target.aim, unit)}"
    return f"{sign} {_number(target.limit, unit)}", aim


def value(line: Line) -> str:
    spread = f"{brief(line.low)}–{brief(line.high)} of {line.count}"
    return f"{_number(line.value, line.unit)} ({spread})"


def _number(one: float, unit: str) -> str:
    return f"{brief(one)} {unit}".rstrip()


def _circumstances(titles: Mapping[str, str], results: Results) -> Iterable[str]:
    yield "| row | | rounds | sizes | TLS | not found | commit | day |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, measured in results.items():
        at = measured.circumstances
        sizes = "full" if at.scale == 1 else f"× {at.scale:g}: not what the targets are about"
        missing = ", ".join(measured.missing) or "–"
        yield _cells(
            name, titles[name], str(at.rounds), sizes, at.tls, missing, at.commit, str(at.day)
        )
    yield ""
    for place, names in places(results).items():
        yield f"- {', '.join(names)}: {place}."


def places(results: Results) -> Mapping[str, Sequence[str]]:
    """Machine and versions, each with the rows that were measured there."""
    found: dict[str, list[str]] = {}
    for name, measured in results.items():
        at = measured.circumstances
        versions = ", ".join(f"{what} {version}" for what, version in sorted(at.versions.items()))
        found.setdefault(f"{at.machine}; {versions}", []).append(name)
    return found


def for_terminal(name: str, measured: Measured) -> str:
    """One row, as it has just been measured."""
    lines = [
        f"  {line.what}: {value(line)}  must reach {targets(line.target, line.unit)[0] or '–'}"
        f"  {_WORDS[line.is_met].strip('*')}  {line.figures}".rstrip()
        for line in measured.lines
    ]
    if measured.missing:
        lines.append(f"  not found: {', '.join(measured.missing)}")
    return "\n".join([name, *lines])


def _cells(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
