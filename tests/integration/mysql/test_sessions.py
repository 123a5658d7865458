"""A session of ours inherits nothing that could change a result."""

from __future__ import annotations

from pipeline.mysql.flavours import is_mariadb
from pipeline.mysql.pools import Pools, run_raw
from tests.support.moves import SOURCE
from tests.support.strange import made_strange, strange_settings


def test_no_setting_that_changes_a_result_is_inherited(pools: Pools) -> None:
    with pools.begin(SOURCE) as source:
        settings = strange_settings(mariadb=is_mariadb(source))
    wanted = {name: one.ours for name, one in settings.items() if one.ours is not None}
    with made_strange(pools, [SOURCE]):
        connection = pools.connect(SOURCE)
        names = ", ".join(f"@@SESSION.{name}" for name in wanted)
        (found,) = run_raw(connection, f"SELECT {names}").rows
        connection.close()
    assert dict(zip(wanted, found, strict=True)) == wanted
