"""A cursor over the tokens of a statement, which knows what a table's name looks like."""

from __future__ import annotations

from pipeline.mysql.table import TableName
from pipeline.mysql.tokens import Token


class TokenReader:
    """A cursor over tokens."""

    def __init__(self, items: list[Token], schema: str) -> None:
        self.items, self.at, self.schema = items, 0, schema

    @property
    def token(self) -> Token:
        return self.items[self.at] if self.at < len(self.items) else Token("")

    def take(self, *words: str) -> bool:
        """Step over one of `words`, if it is next."""
        if self.token.word in words:
            self.at += 1
            return True
        return False

    def skip(self, *words: str) -> None:
        while self.take(*words):
            pass

    def punctuation(self, text: str) -> bool:
        if self.token.text == text and not self.token.is_name:
            self.at += 1
            return True
        return False

    def until(self, *words: str) -> bool:
        """Move past the next of `words` outside parentheses."""
        depth = 0
        while self.at < len(self.items):
            depth += self._step()
            if depth <= 0 and self.take(*words):
                return True
            self.at += 1
        return False

    def _step(self) -> int:
        return 0 if self.token.is_name else {"(": 1, ")": -1}.get(self.token.text, 0)

    def name(self) -> list[TableName]:
        """A table's name, if one is next; in the default schema if it names none."""
        schema = self.schema
        if self.punctuation("."):  # `.t` is an old spelling of `t`
            pass
        if not self.token.is_name:
            return []
        first = self._part()
        if self.punctuation("."):
            return [TableName(first, self._part())]
        return [TableName(schema, first)]

    def _part(self) -> str:
        text = self.token.text
        self.at += 1
        return text

    def names(self) -> list[TableName]:
        found = self.name()
        while self.punctuation(","):
            found += self.name()
        return found
