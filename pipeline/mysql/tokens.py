"""Splits the text of a statement into tokens.

It knows comments, quotes and names, and no grammar. Executable comments (`/*! … */`) are read
as part of the statement, whatever version they name: a statement hidden in one still changes a
table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.errors import known

_ANSI_QUOTES, _NO_BACKSLASH_ESCAPES = 4, 1 << 20


@dataclass(frozen=True)
class Token:
    """One token. `word` is in upper case, and empty for what can't be a keyword."""

    text: str
    word: str = ""
    is_name: bool = False


_SPACE = re.compile(r"(?:\s+|--(?=[\x00-\x20\x7f]|\Z)[^\n]*|\#[^\n]*)+", re.ASCII)
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.S)
_EXECUTABLE = re.compile(r"/\*M?!\d*")
_WORD = re.compile(r"[\w$\u0080-\U0010ffff]+")
_QUOTED = {
    quote: re.compile(rf"{quote}((?:[^{quote}]|{quote}{quote})*)(?:{quote}|\Z)", re.S)
    for quote in "`'\""
}
_ESCAPED = {
    quote: re.compile(rf"{quote}((?:[^{quote}\\]|\\.|{quote}{quote})*)(?:{quote}|\\?\Z)", re.S)
    for quote in "'\""
}


_OPENED = Token("/*!")  # not yielded by `tokens`


def tokens(sql: str, sql_mode: int = 0) -> Iterator[Token]:
    """The tokens of a statement, without comments and white space."""
    return (token for token in _scan(sql, sql_mode) if token is not _OPENED)


def has_executable_comment(sql: str) -> bool:
    """Whether it depends on the server's version which of the tokens it reads."""
    return any(token is _OPENED for token in _scan(sql, 0))


def _scan(sql: str, sql_mode: int) -> Iterator[Token]:
    at, executable = 0, 0
    while at < len(sql):
        if found := _SPACE.match(sql, at):
            at = found.end()
        elif found := _EXECUTABLE.match(sql, at):
            executable += 1
            at = found.end()
            yield _OPENED
        elif executable and sql.startswith("*/", at):
            executable -= 1
            at += 2
        elif found := _COMMENT.match(sql, at):
            at = found.end()
        elif found := _WORD.match(sql, at):
            yield Token(found[0], found[0].upper(), is_name=True)
            at = found.end()
        elif sql[at] in "`'\"":
            token, at = _quoted(sql, at, sql_mode)
            yield token
        else:
            yield Token(sql[at])
            at += 1


def _quoted(sql: str, at: int, sql_mode: int) -> tuple[Token, int]:
    quote = sql[at]
    is_name = quote == "`" or (quote == '"' and bool(sql_mode & _ANSI_QUOTES))
    escapes = not is_name and not sql_mode & _NO_BACKSLASH_ESCAPES
    form = (_ESCAPED if escapes else _QUOTED)[quote]
    found = known(form.match(sql, at), "the end of a quotation")
    text = found[1].replace(quote * 2, quote)
    return Token(text if is_name else "'", is_name=is_name), found.end()
