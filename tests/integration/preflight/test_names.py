"""A name that a migration will need and can't have is found before it starts, not at the swap."""

from __future__ import annotations

import pytest

from pipeline.domain.names import shadow_name
from pipeline.errors import FatalError
from pipeline.mysql.constraints import after_rename, constraints_of_schema, of_one_name
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.table import TableName
from pipeline.preflight.findings import Finding, Scope
from tests.integration.preflight.test_refusals import against, do
from tests.support.alters import SERVER, alter_request
from tests.support.moves import SOURCE, TARGET, move_request

NAMES = "names of constraints"
CHECKED = "CREATE TABLE {}.{} (id INT PRIMARY KEY, v INT, CONSTRAINT {} CHECK (v > 0))"


def refusal(found: dict[str, Finding], check: str) -> str:
    """What the one check that refuses says."""
    assert list(found) == [check]
    return found[check].explanation


def test_a_check_whose_name_the_targets_schema_has_is_found_before_the_start(
    pools: Pools, schema: str
) -> None:
    do(pools, TARGET, f"CREATE DATABASE {schema}", CHECKED.format(schema, "other", "Positive"))
    do(pools, SOURCE, CHECKED.format(schema, "t", "positive"))
    said = refusal(against(pools, move_request(schema, "t")), NAMES)
    assert f"CHECK Positive of other and CHECK positive of {schema}.t" in said


def test_a_check_of_a_target_table_that_is_there_is_its_own(pools: Pools, schema: str) -> None:
    do(pools, TARGET, f"CREATE DATABASE {schema}", CHECKED.format(schema, "t", "positive"))
    do(pools, SOURCE, CHECKED.format(schema, "t", "positive"))
    assert against(pools, move_request(schema, "t")) == {}


def test_an_old_tables_check_whose_name_is_taken_is_found_before_writes_are_refused(
    pools: Pools, schema: str
) -> None:
    do(pools, SOURCE, CHECKED.format(schema, "t", "t_chk_1"))
    do(pools, SOURCE, CHECKED.format(schema, "other", "_t_del_chk_1"))
    for scope in (Scope.START, Scope.CUT_OVER):
        said = refusal(against(pools, move_request(schema, "t"), scope), NAMES)
        assert "CHECK _t_del_chk_1 of other and CHECK _t_del_chk_1 of _t_del" in said


def test_an_old_tables_foreign_key_whose_name_gets_too_long_is_found_before_writes_are_refused(
    pools: Pools, schema: str
) -> None:
    name = "t_ibfk_" + "x" * 55
    do(
        pools, SOURCE,
        f"CREATE TABLE {schema}.p (id INT PRIMARY KEY)",
        f"CREATE TABLE {schema}.t (id INT PRIMARY KEY,"
        f" CONSTRAINT {name} FOREIGN KEY (id) REFERENCES {schema}.p (id))",
    )  # fmt: skip
    said = refusal(against(pools, move_request(schema, "p", "t")), NAMES)
    assert f"FOREIGN KEY _t_del{name[1:]} of _t_del would have a name of more than 64" in said


def test_a_column_that_the_chunk_map_has_too_is_refused(pools: Pools, schema: str) -> None:
    do(pools, SOURCE, f"CREATE TABLE {schema}.t (_TRANSHIP_CHUNK INT PRIMARY KEY)")
    said = refusal(against(pools, move_request(schema, "t")), "tables")
    assert "_TRANSHIP_CHUNK" in said


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("t_chk_1", id="that of the new table's, once it is `t`"),
        pytest.param("t_tranship_old_chk_1", id="that of the old table's, once it is retired"),
        pytest.param("t_tranship_new_chk_1", id="that of the shadow's"),
    ],
)
def test_an_alters_check_whose_name_is_taken_is_found_before_the_start(
    pools: Pools, schema: str, name: str
) -> None:
    first = "positive" if name == "t_chk_1" else "t_chk_1"
    do(pools, SERVER, f"CREATE DATABASE {schema}", CHECKED.format(schema, "t", first))
    do(pools, SERVER, CHECKED.format(schema, "other", name))
    said = refusal(against(pools, alter_request(schema, "t", "ADD COLUMN n INT")), "change")
    assert f"CHECK {name} of " in said
    assert "would have one name" in said


def test_a_check_that_a_long_tables_name_leaves_no_room_for_is_found_before_the_start(
    pools: Pools, schema: str
) -> None:
    """The server makes its name up once more at the swap, from the table's name."""
    table = "t" * 60
    do(pools, SERVER, f"CREATE DATABASE {schema}", CHECKED.format(schema, table, "c"))
    said = refusal(against(pools, alter_request(schema, table, "ADD COLUMN n INT")), "change")
    assert f"CHECK {table}_chk_1 of {table} would have a name of more than 64" in said
    shadow = quote_name(shadow_name(TableName(schema, table)))
    do(pools, SERVER, f"CREATE TABLE {shadow} LIKE {schema}.{table}")
    rename = f"RENAME TABLE {schema}.{table} TO {schema}.old, {shadow} TO {schema}.{table}"
    with pytest.raises(FatalError, match="too long"):
        do(pools, SERVER, rename)


def test_a_name_that_is_taken_while_a_shadow_is_filled_is_found_before_writes_wait(
    pools: Pools, schema: str
) -> None:
    do(pools, SERVER, f"CREATE DATABASE {schema}", CHECKED.format(schema, "t", "positive"))
    do(pools, SERVER, f"CREATE TABLE {schema}.t_tranship_new LIKE {schema}.t")
    request = alter_request(schema, "t", "ADD COLUMN n INT")
    assert against(pools, request, Scope.CUT_OVER) == {}
    do(pools, SERVER, CHECKED.format(schema, "late", "t_chk_1"))
    assert "of late" in refusal(against(pools, request, Scope.CUT_OVER), NAMES)


def test_a_trigger_that_names_a_column_that_goes_is_found_before_the_start(
    pools: Pools, schema: str
) -> None:
    do(
        pools, SERVER,
        f"CREATE DATABASE {schema}",
        f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v INT)",
        f"CREATE TRIGGER {schema}.g BEFORE INSERT ON {schema}.t FOR EACH ROW SET NEW.v = 1",
    )  # fmt: skip
    change = {"renames": {"v": "w"}, "with_triggers": True}
    request = alter_request(schema, "t", "RENAME COLUMN v TO w", **change)
    said = refusal(against(pools, request), "change")
    assert "Trigger g can't be created on the changed table: Unknown column 'v'" in said
    kept = alter_request(schema, "t", "ADD COLUMN n INT", with_triggers=True)
    assert against(pools, kept) == {}
    with pools.begin(SERVER) as server:  # nothing of the rehearsal is left
        triggers = run(server, f"SHOW TRIGGERS FROM {schema}").rows
        tables = run(server, f"SHOW TABLES FROM {schema}").rows
    assert [row[0] for row in triggers] == ["g"]
    assert tables == (("t",),)


def test_a_rename_gives_the_names_that_are_checked(pools: Pools, schema: str) -> None:
    """The server's own rule: what begins as it makes names up follows the table, case and all."""
    with pools.begin(SERVER) as server:
        run(server, f"CREATE DATABASE {schema}")
        run(server, f"CREATE TABLE {schema}.p (id INT PRIMARY KEY)")
        checks = ", ".join(
            f"CONSTRAINT `{name}` CHECK (id > {number})"
            for number, name in enumerate(["t_chk_1", "T_chk_2", "t_chk_03", "t_chk_x", "c"])
        )
        keys = ", ".join(
            f"CONSTRAINT `{name}` FOREIGN KEY (id) REFERENCES {schema}.p (id)"
            for name in ["t_ibfk_1", "T_ibfk_2", "t_ibfk_x", "c"]
        )
        run(server, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, {checks}, {keys})")
        before = constraints_of_schema(server, schema)
        run(server, f"RENAME TABLE {schema}.t TO {schema}.u")
        assert set(after_rename(before, {"t": "u"})) == set(constraints_of_schema(server, schema))
        assert len(before) == 9
        assert of_one_name(before) == []
