"""Errors, split by what the caller must do about them.

Every error that leaves `pipeline` is one of four kinds, so that a task needs no knowledge of
MySQL to know what to do: try again, give up for good, ask a person, or stop quietly because
somebody else holds the role now. `explanation` is the line that a person on call reads;
`remedy` says what to do about it.
"""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


class TranshipError(Exception):
    """Base of all errors: one line of explanation and one of remedy."""

    def __init__(self, explanation: str, remedy: str = "") -> None:
        super().__init__(explanation)
        self.explanation = explanation
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.explanation} {self.remedy}".rstrip()


class RetryableError(TranshipError):
    """Trouble that passes (deadlock, lost connection): the same call may succeed later."""


class UnreachableError(RetryableError):
    """A server is away, or lets nobody in now: what was asked for was not even begun."""


class NewDuplicateError(RetryableError):
    """A row has the same value of a new unique key as one that is there: itself, or another."""


class FatalError(TranshipError):
    """The migration can't go on until a person has changed something."""


class DoesNotFitError(FatalError):
    """A row has a value that the target can't hold; a later change of the row may correct that."""


class StartOverError(FatalError):
    """What was copied can't be made right any more: only a new migration helps, not a resume."""

    def __init__(self, explanation: str, remedy: str = "") -> None:
        super().__init__(explanation, f"{remedy} Abort, clean up and start again.".lstrip())


class RefusedError(FatalError):
    """Found before the first write: this can't be moved exactly, or not with this set-up."""


class AmbiguousError(TranshipError):
    """The servers are in a state that no rule covers. It is never retried; a person decides."""


class FencedError(TranshipError):
    """Somebody else has the role now (a later epoch, or a later attempt). Stop quietly."""


class DefectError(FatalError):
    """Something that holds by construction does not hold: a defect of Tranship's own."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"A defect of Tranship: {what}.",
            "Nothing is lost. The worker's log says where; report it. To try again: tranship"
            " resume ID.",
        )


def known(value: T | None, what: str) -> T:
    """Return `value`, which is not None by construction; `what` names it.

    Unlike an assert it stays under `-O`.

    Raises:
        DefectError: it is None.
    """
    if value is None:
        raise DefectError(f"{what} is not known")
    return value


def defect(error: Exception) -> FatalError:
    """Turn an error that no rule foresees into one that stops the migration and can be resumed."""
    return FatalError(
        f"A defect of Tranship: {type(error).__name__}: {error}.",
        "Nothing is lost. The worker's log says where; report it. To try again: tranship resume.",
    )


def document_refused(where: str) -> FatalError:
    """The refusal of a JSON document that can't be built again on the target."""
    return FatalError(
        f"{where} holds binary inside a JSON document, which would become a string.",
        "If that is acceptable (a dump does the same): tranship resume ID --json-as-text, or start"
        " with `json_as_text=True`.",
    )
