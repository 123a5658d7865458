"""Checks triggers of the moved tables: refused, or created on the target (`with_triggers`).

On the source they may fire: what they do is in the binary log. On the target they must not
exist while we write, since our writes would fire them.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from pipeline.mysql.catalogue import taken_names, trigger_names, triggers_of_schema
from pipeline.mysql.table import TableName
from pipeline.preflight.findings import CheckContext, Finding, info, refused


def triggers(context: CheckContext) -> Iterator[Finding]:
    """There are none on the target; the source's are moved only with `--with-triggers`."""
    request = context.request
    with context.source() as source, context.target() as target:
        for table in request.tables:
            there = request.target_name(table)
            firing = trigger_names(target, there)
            if firing:
                yield refused(
                    f"{there} on {request.target} has triggers ({', '.join(firing)}), which our"
                    " writes would fire.",
                    "Drop them; `with_triggers=True` creates the source's at the cut-over.",
                )
            found = trigger_names(source, table)
            if found:
                yield from _of_source(context, target, table, found)
    if request.with_triggers:
        yield from _two_of_one_name(context)


def _two_of_one_name(context: CheckContext) -> Iterator[Finding]:
    """A trigger's name is unique in its schema, and two schemas may become one."""
    seen: dict[tuple[str, str], str] = {}
    with context.source() as source:
        for table in context.request.tables:
            schema = context.request.target_name(table).schema
            for name in trigger_names(source, table):
                other = seen.setdefault((schema, name.casefold()), f"{table.schema}.{name}")
                if other != f"{table.schema}.{name}":
                    yield refused(
                        f"The triggers {other} and {table.schema}.{name} would have one name in"
                        f" schema {schema} on {context.request.target}.",
                        "Rename one, or move these tables in two moves, to two schemas.",
                    )


def _of_source(
    context: CheckContext, target: Connection, table: TableName, found: list[str]
) -> Iterator[Finding]:
    request = context.request
    shown = ", ".join(found)
    if not request.with_triggers:
        yield refused(
            f"{table} on {request.source} has triggers ({shown}), which would not move with it.",
            "Use `with_triggers=True`, which creates them on the target at the cut-over; or drop"
            " them.",
        )
        return
    schema = request.target_name(table).schema
    taken = taken_names(found, triggers_of_schema(target, schema))
    if taken:
        yield refused(
            f"Schema {schema} on {request.target} already has triggers with the same names"
            f" ({', '.join(taken)}).",
            "Rename or drop them there.",
        )
    else:
        yield info(f"{table}: triggers {shown} will be created on the target at the cut-over.")
