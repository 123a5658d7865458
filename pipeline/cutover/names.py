"""The names of triggers after an alter."""

from __future__ import annotations

_SUFFIX = "_tranship"
_LONGEST = 64


def other_name(name: str) -> str:
    """A name that the trigger does not have yet; of that, the first one again.

    The name of a trigger is unique in its schema, and the old table keeps its own until it is
    dropped.
    """
    if name.endswith(_SUFFIX) and name != _SUFFIX:
        return name.removesuffix(_SUFFIX)
    return name[: _LONGEST - len(_SUFFIX)] + _SUFFIX
