"""The names that a migration gives to retired tables, shadows, scratch tables and triggers."""

from __future__ import annotations

import secrets
from hashlib import blake2s

from pipeline.mysql.table import TableName

# Of 64 characters, less `_` and `_del`, or `_tranship_new`, and less `_ibfk_999`: a server gives a
# renamed table's checks and foreign keys its name, too, and a RENAME fails if those get too long.
_RETIRED_KEEPS = 50
_SHADOW_KEEPS = 42
_TRIGGER_SUFFIX = "_tranship"
_LONGEST = 64


def retired_name_of(name: TableName) -> TableName:
    """`_t_del`, as gh-ost calls it, within the 64 characters that a name may have.

    A name too long for that keeps its beginning and gets a digest of all of it, so that no two
    tables share one.
    """
    return TableName(name.schema, f"_{_shortened(name.name, _RETIRED_KEEPS)}_del")


def shadow_name(name: TableName) -> TableName:
    """`t_tranship_new`: the table that an alter fills."""
    return _sorted_after(name, "new")


def alter_retired_name(name: TableName) -> TableName:
    """`t_tranship_old`: first the sentry of an alter, then the old table."""
    return _sorted_after(name, "old")


def retired_beside(name: TableName, filled: TableName) -> TableName:
    """What `name` will be called once `filled`, one of the two tables beside it, has its name.

    An alter fills `t_tranship_new`, its way back `t_tranship_old`: the other name is free.
    """
    retired = alter_retired_name(name)
    return shadow_name(name) if filled == retired else retired


def scratch_name(name: TableName) -> TableName:
    """A table on which a change is tried; not the shadow, since several may try at once."""
    return _sorted_after(name, secrets.token_hex(2)[:3])


def _sorted_after(name: TableName, suffix: str) -> TableName:
    """A name of at most 64 characters that sorts after `name`, byte by byte.

    A server takes the locks of a RENAME in the order of the names. So the rename of a swap
    waits for the table itself, first in line, and holds no lock on the shadow until then
    (cutover/alter_locks.py).
    """
    kept = name.name
    if len(kept) > _SHADOW_KEEPS:
        place = _SHADOW_KEEPS - 9
        higher = "~" if kept[place] < "~" else "\uffee"
        kept = f"{kept[:place]}{higher}{_digest(kept)}"
    return TableName(name.schema, f"{kept}_tranship_{suffix}")


def _digest(text: str) -> str:
    return blake2s(text.encode(), digest_size=4).hexdigest()


def other_name(name: str) -> str:
    """Another name for a trigger; for that name, the first one again.

    The name of a trigger is unique in its schema, and the old table keeps its own until it is
    dropped.
    """
    if name.endswith(_TRIGGER_SUFFIX) and name != _TRIGGER_SUFFIX:
        return name.removesuffix(_TRIGGER_SUFFIX)
    return _shortened(name, _LONGEST - len(_TRIGGER_SUFFIX)) + _TRIGGER_SUFFIX


def _shortened(name: str, length: int) -> str:
    """At most `length` characters; a longer name gets a digest of all of it, so none share one."""
    return name if len(name) <= length else f"{name[: length - 9]}_{_digest(name)}"
