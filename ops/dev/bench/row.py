"""A row of the table: what is measured, and what it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

from ops.dev.bench.lines import Line
from ops.dev.bench.programs import Programs
from ops.dev.bench.stand import Stand, stand


@dataclass(frozen=True)
class Bench:
    """What was asked for on the command line."""

    programs: Programs
    rounds: int
    scale: float
    tls: str

    def rows(self, full: int) -> int:
        """A number of rows, updates or the like, scaled."""
        return max(1000, round(full * self.scale))

    def seconds(self, full: float) -> float:
        """How long writers write, scaled."""
        return max(5.0, full * min(1.0, self.scale))

    @contextmanager
    def stand(self) -> Iterator[Stand]:
        with stand(self.programs, self.tls) as one:
            yield one

    def say(self, text: str) -> None:
        click.echo(f"  {text}", err=True)


@dataclass(frozen=True)
class Row:
    """One subject. `programs`: those it compares with, each left out if it is not found."""

    name: str
    title: str
    measure: Callable[[Bench], Iterable[Line]]
    programs: tuple[str, ...] = ()
    minutes: float = 5.0  # about, at full size, five rounds
