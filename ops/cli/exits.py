"""Exit codes: what a script that calls `tranship` may rely on."""

from __future__ import annotations

from enum import IntEnum

from pipeline.errors import AmbiguousError, FencedError, RefusedError, RetryableError, TranshipError


class ExitCode(IntEnum):
    """One code for each thing that a caller may want to do next."""

    OK = 0
    FAILED = 1
    REFUSED = 2
    RETRY = 3
    PERSON = 4
    INTERRUPTED = 130


# In words, for `tranship --help`; the order is the order of the codes.
MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.FAILED: "the migration failed or was aborted, or Tranship has a defect",
    ExitCode.REFUSED: "wrong usage, wrong configuration, or refused before anything was changed",
    ExitCode.RETRY: "a server is out of reach or busy: the same command may succeed later",
    ExitCode.PERSON: "a state that no rule covers: manual intervention needed",
    ExitCode.INTERRUPTED: "interrupted with Ctrl-C; a migration that was started goes on",
}

_BY_KIND: tuple[tuple[type[TranshipError], ExitCode], ...] = (
    (RefusedError, ExitCode.REFUSED),
    (RetryableError, ExitCode.RETRY),
    (FencedError, ExitCode.RETRY),
    (AmbiguousError, ExitCode.PERSON),
)


def exit_code(error: TranshipError) -> ExitCode:
    """The code for an error of the pipeline; by its kind, never by its text."""
    for kind, code in _BY_KIND:
        if isinstance(error, kind):
            return code
    return ExitCode.FAILED
