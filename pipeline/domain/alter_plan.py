"""The plan of an alter: which columns are kept, as what, and which values fill the new ones."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pipeline.mysql.table import Column, Table, ValueKind


@dataclass(frozen=True)
class Fill:
    """An added column without a default, and the literal that ALTER TABLE would put there."""

    column: str
    literal: str


@dataclass(frozen=True)
class AlterPlan:
    """`kept.columns` and `shadow.columns` run in parallel: each of the first becomes its partner.

    `kept` is a part of the original's definition, `shadow` a part of the shadow's. Their keys are
    the same columns, under the names that they have on each side. Neither holds generated
    columns, which the server computes.
    """

    ddl: str
    kept: Table
    shadow: Table
    fills: tuple[Fill, ...]
    retyped: bool  # a kept column has another type, character set or collation
    checked: tuple[str, ...]  # kept columns whose conversion might lose something silently
    # Unique keys of the shadow that rows may violate which the original allows.
    new_unique: tuple[str, ...]
    # Way back only: what the filled table's rows hold beyond that. They keep it as long as they
    # exist; a new row gets the default.
    carried: tuple[Column, ...] = ()
    # Way back only: the filled table has generated columns that the source does not have.
    computes: bool = False
    # The original's AUTO_INCREMENT at the start, if the change sets another one.
    counter_at_start: int | None = field(default=None, compare=False)

    @property
    def checks(self) -> tuple[tuple[Column, Column], ...]:
        """The pairs of columns whose values have to survive the conversion there and back."""
        pairs = zip(self.kept.columns, self.shadow.columns, strict=True)
        return tuple(pair for pair in pairs if pair[0].name in self.checked)

    @property
    def may_warn_on_write(self) -> bool:
        """Way back only: a write to the filled table may warn because of what the source lacks."""
        return self.computes or any(column.kind is ValueKind.ENUM for column in self.carried)

    def documents_as_text(self) -> AlterPlan:
        return replace(
            self, kept=self.kept.documents_as_text(), shadow=self.shadow.documents_as_text()
        )
