"""Errors, split by what the caller must do about them.

Every error that leaves `pipeline` is one of four kinds, so that a task needs no
knowledge of MySQL to know what to do: try again, give up for good, ask a person,
or stop quietly because somebody else holds the role now. `explanation` is the line
that a person on call reads; `remedy` says what to do about it.
"""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


class TranshipError(Exception):
    """Base of all: one line of explanation and one of remedy."""

    def __init__(self, explanation: str, remedy: str = "") -> None:
        super().__init__(explanation)
        self.explanation = explanation
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.explanation} {self.remedy}".rstrip()


class RetryableError(TranshipError):
    """Passing trouble (deadlock, lost connection): the same call may succeed later."""


class FatalError(TranshipError):
    """The migration cannot go on as it is; a person must change something first."""


class RefusedError(FatalError):
    """Found before the first write: this cannot be moved exactly, or not with this set-up."""


class AmbiguousError(TranshipError):
    """The servers are in a state that no rule covers. Never retried; a person decides."""


class FencedError(TranshipError):
    """Another holder has the role (a later epoch, or a later attempt). Stop quietly."""


class DefectError(FatalError):
    """Something that holds by construction does not: a defect of Tranship's own."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"A defect of Tranship: {what}.",
            "Nothing is lost. The worker's log says where; report it. To try again: tranship"
            " resume ID.",
        )


def known(value: T | None, what: str) -> T:
    """`value`, which is there by construction; `what` names it. Unlike an assert, `-O` keeps it.

    Raises:
        DefectError: it is not.
    """
    if value is None:
        raise DefectError(f"{what} is not known")
    return value


def defect(error: Exception) -> FatalError:
    """An error that no rule foresaw, as one that stops the migration and can be resumed."""
    return FatalError(
        f"A defect of Tranship: {type(error).__name__}: {error}.",
        "Nothing is lost. The worker's log says where; report it. To try again: tranship resume.",
    )


def document_refused(where: str) -> FatalError:
    """A JSON document that can't be made again."""
    return FatalError(
        f"{where} holds binary inside a JSON document, which as text becomes a string.",
        "If that may be (it is what a dump does): tranship resume ID --json-as-text, or give"
        " `json_as_text=True`.",
    )
