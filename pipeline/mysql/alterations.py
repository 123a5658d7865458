"""Tells from the tokens of an ALTER TABLE, after the name, what it leaves as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.mysql.tokens import Token

# Options that recreate a table at most. A value that is new shows in the definition.
_OPTIONS = frozenset(
    {"ENGINE", "INNODB", "FORCE", "COMMENT", "AUTO_INCREMENT", "STATS_PERSISTENT",
     "STATS_AUTO_RECALC", "STATS_SAMPLE_PAGES", "DEFAULT", "ALGORITHM", "INPLACE", "INSTANT",
     "LOCK", "NONE", "SHARED", "EXCLUSIVE"}
)  # fmt: skip
# A new unique index is none of them: MariaDB's ALTER IGNORE deletes what is twice.
_OF_INDEXES = frozenset(
    (verb, what) for verb in ("ADD", "DROP") for what in ("INDEX", "KEY", "FULLTEXT", "SPATIAL")
)


def only_options(items: Sequence[Token]) -> bool:
    """Whether it sets nothing but options: by itself it changes nothing of the table."""
    return all(
        one.word in _OPTIONS or one.word.isdigit() or (not one.is_name and one.text in "=,'")
        for one in items
    )


def only_indexes(items: Sequence[Token]) -> bool:
    """Whether it adds and drops indexes alone: each row stays as it is."""
    return all(head in _OF_INDEXES or head[0] in ("ALGORITHM", "LOCK") for head in _heads(items))


def _heads(items: Sequence[Token]) -> Iterator[tuple[str, str]]:
    """The first two words of each change."""
    depth, begins = 0, True
    for one, following in zip(items, [*items[1:], Token("")], strict=True):
        if begins:
            yield one.word, following.word
        mark = "" if one.is_name else one.text
        depth += {"(": 1, ")": -1}.get(mark, 0)
        begins = mark == "," and depth == 0
