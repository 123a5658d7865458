"""python -m ops.dev.compatibility: writes docs/compatibility.md from the tests.

The page calls exact what the random tables are made of, and refused what a test expects to be
refused, with the words that the test expects to read. A page that is not what the tests say
fails a test of its own.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "compatibility.md"
_SHOWN_BY = {
    "Documents": "tests/acceptance/test_documents.py",
    "Values on their way": "tests/integration/copy/test_every_value_arrives.py",
    "Tables at the limits": "tests/acceptance/test_extreme_tables.py",
    "Servers that differ": "tests/acceptance/test_servers_differ.py",
    "The binary log": "tests/integration/stream_decoding/test_transactions.py",
    "Foreign keys": "tests/acceptance/test_foreign_keys.py",
    "Triggers": "tests/acceptance/test_triggers.py",
    "Between flavours": "tests/flavours/test_refusals.py",
}
_HEAD = """# What moves exactly, and what is refused

Written by `make docs` from the tests; a test fails when it is not what they say. Exact means the
same bytes row by row, and the same `CHECKSUM TABLE`, `SHOW CREATE TABLE` and dump, for random
tables of these types, moved under random writes (`tests/acceptance/test_random_tables.py` and,
for MariaDB and between the two, `tests/flavours/test_random_tables.py`; where the two flavours
write dumps and checksums differently, row by row only). MySQL is 9.7, MariaDB 10.11.
"""
_NOTES = """
## What to know

- **JSON** keeps DECIMALs, dates and times inside documents. Binary inside a document can't be
  built again and is refused by name; with `--json-as-text` documents become what their text says,
  as in a dump. Documents over 4 MiB are not examined.
- **Stored generated columns** are computed again on the target, in a session with time zone UTC.
  One that depends on the session that wrote it (a TIMESTAMP as text) comes out differently; the
  verification finds that, and the move stops with the keys.
- **ENUM's error value** (index 0) is kept, although a strict session could not write it.
- **FLOAT and DOUBLE** keep their bits. MariaDB has no minus zero: a MySQL row that holds one does
  not pass the verification on its way there.
- **Foreign keys** move with their tables if all of these move together; with `CASCADE` and
  `SET NULL` only if the source logs what they do (MySQL 9.6 and later).
- **Keys that begin with an ENUM or a SET** are exact, but each chunk reads the entire index: the
  servers can't use a range over them.
- **Rows** must fit `max_allowed_packet` of both servers, escapes included; one that does not stops
  the copy by name.
- **MariaDB's** JSON is LONGTEXT with a check, and moves as that. Its UUID, INET4, INET6 and
  COMPRESSED columns are refused by name, and so are system-versioned tables and sequences.
- `CHECKSUM TABLE` of a MariaDB table with generated columns changes from call to call, and proves
  nothing there.
"""


def page() -> str:
    """The page's text."""
    sections = (_HEAD, _types(), _texts(), _keys(), _refusals(), _between(), _shown(), _NOTES)
    return "\n".join(section.strip("\n") + "\n" for section in sections)


def _module(name: str) -> Any:
    sys.path.insert(0, str(ROOT))
    return importlib.import_module(name)


def _types() -> str:
    tables = _module("tests.support.random_tables")
    known = {
        flavour: _definitions(tables.cases_of(flavour)) for flavour in ("mysql", "mariadb", "both")
    }
    rows = [
        (name, *("exact" if name in known[flavour] else "—" for flavour in known))
        for name in sorted(known["mysql"])
    ]
    head = ("type", "MySQL → MySQL", "MariaDB → MariaDB", "between the two")
    options = ", ".join(f"`{option}`" for option in tables._OPTIONS if option)
    return (
        "## Column types\n\n" + _table(head, rows) + "\nEach with and without NULL, comments,"
        " `INVISIBLE` (not between flavours), and beside virtual and stored generated columns,"
        " checks, descending and secondary indexes, `PARTITION BY KEY`, generated invisible primary"
        f" keys (MySQL), and {options}. Names hold spaces, quotes, backticks, dots, Unicode,"
        " reserved words and 64 characters.\n"
    )  # fmt: skip


def _definitions(cases: Iterable[Any]) -> set[str]:
    return {_short(case.definition) for case in cases}


def _short(definition: str) -> str:
    """A definition with long lists of members shortened."""
    if definition.startswith(("enum", "set")):
        return f"{definition.partition('(')[0]} of {definition.count(',') + 1}"
    return definition.partition(" character set")[0]


def _texts() -> str:
    texts = _module("tests.support.texts")
    rows = [
        (
            one.name,
            ", ".join(texts.collations_of(one, "mysql")),
            "—" if one.mysql_only else ", ".join(texts.collations_of(one, "mariadb")),
        )
        for one in texts.CHARSETS
    ]
    return (
        "## CHAR, VARCHAR and TEXT\n\nIn every length, with these character sets and collations;"
        " between the flavours, those that both know.\n\n"
        + _table(("character set", "on MySQL", "on MariaDB"), rows)
    )


def _keys() -> str:
    from random import Random

    tables = _module("tests.support.random_tables")
    kinds = sorted({_short(one) for one, _ in tables._key_types(Random(0), "mysql")})
    plain = [kind for kind in kinds if "CHARACTER SET" not in kind]
    return (
        "## Keys\n\nA primary key, or a unique key over NOT NULL columns, of one to three columns,"
        " ascending or descending, of " + ", ".join(f"`{kind}`" for kind in plain) + ", and CHAR"
        " and VARCHAR in every character set above. Not over prefixes, expressions or generated"
        " columns; a table without such a key is refused.\n"
    )


def _refusals() -> str:
    module = _module("tests.integration.preflight.test_refusals")
    test = module.test_a_table_that_cannot_be_moved_is_refused_by_name
    rows = [
        (" ".join(f"`{one.replace('{s}.', '')}`" for one in statements) or "no such table", said)
        for statements, _, said in _parameters(test)
    ]
    return "## Refused before the first write\n\n" + _table(("table", "the message says"), rows)


def _parameters(test: Any) -> list[Any]:
    marks = [mark for mark in test.pytestmark if mark.name == "parametrize"]
    return list(marks[0].args[1])


def _between() -> str:
    module = _module("tests.flavours.test_refusals")
    names = {"mysql": "MySQL → MariaDB", "mariadb": "MariaDB → MySQL"}
    rows = [
        (names[flavour], f"`{columns}`", reason)
        for flavour, cases in module.CASES.items()
        for columns, reason in cases
    ]
    return "## Refused between the flavours\n\n" + _table(
        ("from → to", "a table with", "the message says"), rows
    )


def _shown() -> str:
    parts = ["## Shown by tests\n"]
    for title, path in _SHOWN_BY.items():
        parts.append(f"**{title}** (`{path}`)\n")
        parts.extend(f"- {sentence}" for sentence in _sentences(ROOT / path))
        parts.append("")
    return "\n".join(parts)


def _sentences(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name.removeprefix("test_").replace("_", " ")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines
    )


if __name__ == "__main__":
    PAGE.write_text(page())
