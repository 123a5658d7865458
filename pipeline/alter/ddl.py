"""Reads from the text of an ALTER what has to be known before a server sees it.

The server parses the change, not we: it is applied to an empty table, and the result is read
back. Only what can't be read back is searched for here, word by word: clauses that would touch
another table or the table's name, and which new column is an old one under a new name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipeline.errors import RefusedError
from pipeline.mysql.tokens import Token, has_executable_comment, tokens

_CLAUSE = "Leave that clause out"
_REFUSED = {
    ("EXCHANGE", "PARTITION"): "exchanges a partition with another table",
    ("DISCARD", "PARTITION"): "discards a tablespace",
    ("DISCARD", "TABLESPACE"): "discards a tablespace",
    ("IMPORT", "PARTITION"): "imports a tablespace",
    ("IMPORT", "TABLESPACE"): "imports a tablespace",
}
_RENAMED_THINGS = ("COLUMN", "INDEX", "KEY")
_NOT_COLUMNS = frozenset(
    ("INDEX", "KEY", "PRIMARY", "FOREIGN", "CONSTRAINT", "CHECK", "PARTITION", "UNIQUE",
     "FULLTEXT", "SPATIAL", "IF")
)  # fmt: skip


@dataclass(frozen=True)
class Wording:
    """Column names as the text spells them, and the first two words of each clause."""

    heads: tuple[tuple[str, ...], ...]
    renamed: tuple[tuple[str, str], ...]
    dropped: tuple[str, ...]
    added: tuple[str, ...]
    sets_counter: bool  # AUTO_INCREMENT = n, which is no attribute of a column


def read_ddl(ddl: str) -> Wording:
    """What the text renames, drops and adds.

    Raises:
        RefusedError: it holds a clause that must not be applied to an empty copy.
    """
    if has_executable_comment(ddl):  # the server may pass over what is read here, and vice versa
        raise RefusedError(
            "The change holds a comment that a server may execute (/*! … */).",
            "Write what is in it without the comment's marks, or leave it out.",
        )
    clauses = list(_clauses(list(tokens(ddl))))
    if not any(clauses):
        raise RefusedError("There is nothing to change.", 'Give it as in: "ADD COLUMN c INT".')
    for clause in clauses:
        _refuse(clause)
    return Wording(
        heads=tuple(tuple(token.word for token in clause[:2]) for clause in clauses),
        renamed=tuple(pair for clause in clauses if (pair := _renamed(clause)) is not None),
        dropped=tuple(name for clause in clauses for name in _columns(clause, "DROP")),
        added=tuple(name for clause in clauses for name in _columns(clause, "ADD")),
        sets_counter=any(_sets_counter(clause) for clause in clauses),
    )


def names(ddl: str, column: str) -> bool:
    """Whether the text names a column, or has a word that may be its name."""
    return any(token.text.lower() == column.lower() for token in tokens(ddl))


def _clauses(found: Sequence[Token]) -> Iterator[list[Token]]:
    """The parts between the commas that are not in parentheses."""
    depth, clause = 0, list[Token]()
    for token in found:
        if not token.is_name:
            if token.text == ";":
                raise RefusedError("The change holds a semicolon.", "Give one change, without it.")
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            if token.text == "," and depth == 0:
                yield clause
                clause = []
                continue
        clause.append(token)
    yield clause


def _refuse(clause: Sequence[Token]) -> None:
    words = [token.word for token in clause]
    for pair in pairwise(words):
        if pair in _REFUSED:
            raise RefusedError(f"The change {_REFUSED[pair]}.", f"{_CLAUSE}; do that separately.")
    if words[:1] == ["RENAME"] and words[1:2] and words[1] not in _RENAMED_THINGS:
        raise RefusedError("The change gives the table another name.", f"{_CLAUSE}.")
    if words[:1] == ["ALTER"] and words[1:2] == ["TABLE"]:
        raise RefusedError(
            "The change begins with ALTER TABLE.", "Give only what follows the table's name."
        )


def _renamed(clause: Sequence[Token]) -> tuple[str, str] | None:
    words, texts = [token.word for token in clause], [token.text for token in clause]
    if words[:2] == ["RENAME", "COLUMN"] and len(texts) >= 5:
        old, new = texts[2], texts[4]
    elif words[:1] == ["CHANGE"]:
        at = 2 if words[1:2] == ["COLUMN"] and len(texts) > 3 else 1
        if len(texts) < at + 2:
            return None
        old, new = texts[at], texts[at + 1]
    else:
        return None
    return (old, new) if old.lower() != new.lower() else None


def _sets_counter(clause: Sequence[Token]) -> bool:
    return any(
        option.word == "AUTO_INCREMENT" and (value.text == "=" or value.text.isdigit())
        for option, value in pairwise(clause)
    )


def _columns(clause: Sequence[Token], verb: str) -> Iterator[str]:
    """The columns that a clause drops or adds: `ADD c …`, `ADD COLUMN c …`, `ADD (c …, d …)`."""
    words = [token.word for token in clause]
    if words[:1] != [verb]:
        return
    named = clause[2 if words[1:2] == ["COLUMN"] else 1 :]
    several = named[:1] == [Token("(")]
    for element in _clauses(named[1:]) if several else [named]:
        if element and element[0].is_name and element[0].word not in _NOT_COLUMNS:
            yield element[0].text
