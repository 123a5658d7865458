"""The control schema's tables, from their definitions."""

from __future__ import annotations

import inspect

from sqlalchemy.dialects import mysql

from ops.dev.reference.markdown import code, head, table
from pipeline.control import schema


def page() -> str:
    """docs/reference/control-schema.md."""
    catalogue = inspect.getdoc(schema) or ""
    parts = [head("Control schema", "pipeline/control/schema.py", _INTRODUCTION), code(catalogue)]
    for one in schema.metadata.sorted_tables:
        rows = [
            (
                f"`{column.name}`" + (" (key)" if column.primary_key else ""),
                column.type.compile(dialect=mysql.dialect()),
                "" if column.nullable else "never NULL",
            )
            for column in one.columns
        ]
        parts.append(f"## {one.name}\n\n{table(('column', 'type', ''), rows)}")
    return "\n".join(parts)


_INTRODUCTION = """
The schema `tranship` on each target. Read it as you like; write to it only through `tranship`. A
version of Tranship that needs other tables raises `schema_version` and refuses these.
"""
