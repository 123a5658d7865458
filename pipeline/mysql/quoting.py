"""The one place where identifiers and literals are quoted."""

from __future__ import annotations

from pipeline.mysql.table import TableName


def quote(identifier: str) -> str:
    """`identifier` in backticks, with those inside it doubled."""
    return "`" + identifier.replace("`", "``") + "`"


def quote_name(name: TableName) -> str:
    return f"{quote(name.schema)}.{quote(name.name)}"


def quote_list(identifiers: tuple[str, ...] | list[str]) -> str:
    return ", ".join(quote(identifier) for identifier in identifiers)


def text_literal(text: str) -> str:
    """A string literal that no sql_mode and no character set can misread."""
    return f"_utf8mb4 x'{text.encode().hex()}'"


def names_table(name: TableName, schema: str = "table_schema", table: str = "table_name") -> str:
    """The condition that finds a table in information_schema, by its columns of those names."""
    return f"{schema} = {text_literal(name.schema)} AND {table} = {text_literal(name.name)}"
