"""What can't be moved exactly is refused before the first write, with reason and remedy (I8)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from pipeline.commands.start import Plan, make_plan, preview, start
from pipeline.configuration.load import load_settings
from pipeline.domain.request import AlterRequest
from pipeline.errors import RefusedError, RetryableError
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.table import TableName
from pipeline.preflight import binlog, rehearsal
from pipeline.preflight.findings import CheckContext, Scope, Severity
from pipeline.preflight.registry import run_preflight
from tests.support.moves import SOURCE, TARGET, begin_move, move_request
from tests.support.preflight import PLAIN, against, asked, do, setting


def state(pools: Pools) -> list[object]:
    """Everything that a start could have written."""
    answers: list[object] = []
    for server in (SOURCE, TARGET):
        with pools.begin(server) as connection:
            answers.append(run(connection, "SHOW DATABASES").rows)
            answers.append(run(connection, "SELECT @@GLOBAL.gtid_executed").rows)
    return answers


def test_a_plain_table_has_no_problems_and_checking_it_writes_nothing(
    pools: Pools, schema: str
) -> None:
    do(pools, SOURCE, PLAIN.format(f"{schema}.t"))
    before = state(pools)
    for scope in Scope:
        assert against(pools, asked(schema), scope) == {}
    plan = make_plan(pools, asked(schema))
    assert [new.target for new in plan.tables] == [TableName(schema, "t")]
    assert state(pools) == before


def test_a_refused_start_writes_nothing(pools: Pools, schema: str) -> None:
    do(pools, SOURCE, f"CREATE TABLE {schema}.t (id INT)")
    before = state(pools)
    with pytest.raises(RefusedError, match="no usable key"):
        start(pools, asked(schema), "test")
    assert state(pools) == before


@pytest.mark.parametrize(
    ("statements", "check", "said"),
    [
        (["CREATE TABLE {s}.t (id INT)"], "tables", "no usable key"),
        (["CREATE TABLE {s}.t (id INT UNIQUE)"], "tables", "id may be NULL"),
        (["CREATE TABLE {s}.t (v TEXT NOT NULL, UNIQUE (v(9)))"], "tables", "prefix"),
        (["CREATE TABLE {s}.t (id INT PRIMARY KEY) ENGINE = MyISAM"], "tables", "MyISAM"),
        (
            ["CREATE TABLE {s}.t (f FLOAT PRIMARY KEY) PARTITION BY KEY (f) PARTITIONS 2"],
            "tables",
            "0 and -0 are one key to an index",
        ),
        ([PLAIN.format("{s}.u"), "CREATE VIEW {s}.t AS SELECT * FROM {s}.u"], "tables", "view"),
        ([], "tables", "no table"),
        (
            [PLAIN.format("{s}.t"), PLAIN.format("{s}._t_del")],
            "retired names",
            "_t_del exists",
        ),
        (
            [PLAIN.format("{s}.t"), "CREATE TRIGGER {s}.g BEFORE INSERT ON {s}.t FOR EACH ROW"
             " SET NEW.v = 'x'"],
            "triggers",
            "triggers (g)",
        ),
        (
            [PLAIN.format("{s}.t"), "CREATE TABLE {s}.c (id INT PRIMARY KEY, p INT,"
             " CONSTRAINT f FOREIGN KEY (p) REFERENCES {s}.t (id))"],
            "foreign keys",
            "by foreign key f",
        ),
        (
            [PLAIN.format("{s}.p"), "CREATE TABLE {s}.t (id INT PRIMARY KEY, p INT,"
             " CONSTRAINT f FOREIGN KEY (p) REFERENCES {s}.p (id))"],
            "foreign keys",
            "by foreign key f",
        ),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_moved_is_refused_by_name(
    pools: Pools, schema: str, statements: list[str], check: str, said: str
) -> None:
    do(pools, SOURCE, *(statement.format(s=schema) for statement in statements))
    found = against(pools, asked(schema))
    assert list(found) == [check]
    assert said in found[check].explanation
    assert schema in found[check].explanation


def test_a_table_named_twice_is_refused(pools: Pools, schema: str) -> None:
    do(pools, SOURCE, PLAIN.format(f"{schema}.t"))
    assert "twice" in against(pools, asked(schema, "t", "t"))["tables"].explanation


def test_a_system_schema_is_refused(pools: Pools) -> None:
    assert "belongs" in against(pools, asked("mysql", "user"))["tables"].explanation


@pytest.mark.parametrize(
    ("server", "name", "value", "check"),
    [
        (SOURCE, "binlog_row_image", "MINIMAL", "binary log"),
        (SOURCE, "binlog_row_value_options", "PARTIAL_JSON", "binary log"),
        (SOURCE, "binlog_format", "MIXED", "binary log"),
        (TARGET, "binlog_format", "MIXED", "binary log of the target"),
        (SOURCE, "gtid_mode", "ON_PERMISSIVE", "gtid"),
        (SOURCE, "super_read_only", "ON", "read-only"),
        (TARGET, "super_read_only", "ON", "read-only"),
    ],
)
def test_a_server_that_is_set_up_otherwise_is_refused(
    pools: Pools, schema: str, server: str, name: str, value: str, check: str
) -> None:
    do(pools, SOURCE, PLAIN.format(f"{schema}.t"))
    with setting(pools, server, name, value):
        found = against(pools, asked(schema))
    if name == "super_read_only":
        do(pools, server, "SET GLOBAL read_only = OFF")
    assert list(found) == [check]
    assert found[check].remedy


@pytest.mark.parametrize(
    ("server", "name", "value", "check"),
    [
        (TARGET, "local_infile", "OFF", "local_infile"),
        (TARGET, "max_allowed_packet", "1048576", "packets"),
        (SOURCE, "binlog_expire_logs_seconds", "3600", "binlog retention"),
        (TARGET, "auto_increment_offset", "2", "auto_increment"),
    ],
)
def test_what_only_slows_down_or_may_bite_later_is_a_warning(
    pools: Pools, schema: str, server: str, name: str, value: str, check: str
) -> None:
    do(pools, SOURCE, PLAIN.format(f"{schema}.t"))
    with setting(pools, server, name, value):
        findings = run_preflight(pools, asked(schema), Scope.START)
    warnings = {found.check for found in findings if found.severity is Severity.WARNING}
    assert warnings - {"durability"} == {check}  # the servers of tests are not durable


def test_a_move_to_the_same_server_is_refused(pools: Pools, schema: str) -> None:
    do(pools, SOURCE, PLAIN.format(f"{schema}.t"))
    request = replace(asked(schema), target=SOURCE, target_schema=f"{schema}_2")
    assert "same server" in against(pools, request)["two servers"].explanation


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (["CREATE TABLE {s}.t (id INT PRIMARY KEY, v VARCHAR(9))", "INSERT {s}.t VALUES (1, '')"],
         "holds rows"),
        (["CREATE TABLE {s}.t (id BIGINT PRIMARY KEY, v VARCHAR(9))"], "`id` bigint"),
        (["CREATE TABLE {s}.t (id INT PRIMARY KEY, v VARCHAR(9) COLLATE latin1_bin)"], "latin1"),
        (["CREATE TABLE {s}.t (id INT PRIMARY KEY, v VARCHAR(9), UNIQUE (v))"], "UNIQUE"),
    ],
)  # fmt: skip
def test_a_target_table_that_is_not_empty_or_not_the_same_is_refused(
    pools: Pools, schema: str, there: list[str], said: str
) -> None:
    do(pools, SOURCE, PLAIN.format(f"{schema}.t"))
    do(pools, TARGET, f"CREATE DATABASE {schema}", *(text.format(s=schema) for text in there))
    found = against(pools, asked(schema))
    assert list(found) == ["target tables"]
    assert said in found["target tables"].explanation


def test_a_table_that_the_target_can_not_create_is_refused_before_the_start(
    pools: Pools, schema: str
) -> None:
    do(pools, SOURCE, f"{PLAIN.format(f'{schema}.t')} ROW_FORMAT = COMPRESSED")
    with setting(pools, TARGET, "innodb_file_per_table", "OFF"):
        with pytest.raises(RefusedError, match=r"t can't be created on new: .*have this option"):
            start(pools, asked(schema), "test")
        plan = preview(pools, asked(schema))  # after it, so that the control schema is there
        assert (plan.tables, said(plan, "definitions")) == ((), [Severity.REFUSED])
        with pools.begin(TARGET) as target:
            assert run(target, "SHOW TABLES FROM tranship LIKE 'rehearsed%'").rows == ()
    assert said(preview(pools, asked(schema)), "definitions") == [Severity.OK]
    start(pools, asked(schema), "test")


def said(plan: Plan, check: str) -> list[Severity]:
    return [finding.severity for finding in plan.findings if finding.check == check]


def test_a_dry_run_without_a_control_schema_creates_none_and_says_what_it_has_not_tried(
    pools: Pools, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    do(pools, SOURCE, PLAIN.format(f"{schema}.t"))
    before = state(pools)
    monkeypatch.setattr(rehearsal, "is_installed", lambda *_: False)
    plan = preview(pools, asked(schema))
    assert len(plan.tables) == 1
    assert said(plan, "definitions") == [Severity.INFO]
    assert state(pools) == before


def test_an_empty_target_table_that_is_the_same_is_used(pools: Pools, schema: str) -> None:
    do(pools, SOURCE, PLAIN.format(f"{schema}.t") + " AUTO_INCREMENT = 7")
    do(pools, TARGET, f"CREATE DATABASE {schema}", PLAIN.format(f"{schema}.t"))
    assert against(pools, asked(schema)) == {}


def test_two_tables_never_meet_in_one_target_table(pools: Pools, schema: str) -> None:
    do(pools, SOURCE, PLAIN.format(f"{schema}.t"))
    request = replace(asked(schema), target_schema="tranship")
    assert "another schema" in against(pools, request)["target tables"].remedy


def test_triggers_of_two_schemas_never_meet_under_one_name(pools: Pools, schema: str) -> None:
    """A trigger's name is unique in its schema, in any case; found only while writes wait."""
    other = f"{schema}_b"
    do(pools, SOURCE, f"CREATE DATABASE {other}")
    try:
        for name, trigger in ((f"{schema}.t", "note"), (f"{other}.u", "NOTE")):
            do(
                pools, SOURCE, PLAIN.format(name),
                f"CREATE TRIGGER {name.partition('.')[0]}.{trigger} BEFORE INSERT ON {name}"
                " FOR EACH ROW SET NEW.v = 'x'",
            )  # fmt: skip
        request = replace(
            asked(schema), tables=(TableName(schema, "t"), TableName(other, "u")),
            target_schema=f"{schema}_c", with_triggers=True,
        )  # fmt: skip
        assert "would have one name" in against(pools, request)["triggers"].explanation
    finally:
        do(pools, SOURCE, f"DROP DATABASE {other}")


def test_an_alter_is_refused_where_a_write_may_go_before_its_rename(
    pools: Pools, schema: str
) -> None:
    do(pools, SOURCE, PLAIN.format(f"{schema}.t"))
    request = AlterRequest(server=SOURCE, table=TableName(schema, "t"), change="FORCE")
    with setting(pools, SOURCE, "max_write_lock_count", "10"):
        assert "is 10 on old" in against(pools, request)["write locks"].explanation


def test_a_table_under_migration_is_refused_under_both_its_names(pools: Pools, schema: str) -> None:
    do(pools, SOURCE, PLAIN.format(f"{schema}.t"))
    migration_id = begin_move(pools, schema, ["t"], postponed=True)
    findings = run_preflight(pools, asked(schema), Scope.START)
    on_source, on_target = (found for found in findings if found.check == "claims")
    assert f"on {SOURCE} belongs to migration {migration_id}" in on_source.explanation
    assert f"on {TARGET} belongs to migration {migration_id}" in on_target.explanation


def test_each_missing_privilege_is_named_with_the_grant_to_run(
    pools: Pools, schema: str, config_file: Path
) -> None:
    do(pools, SOURCE, PLAIN.format(f"{schema}.t"))
    user = f"{schema}@'%'"
    for server in (SOURCE, TARGET):
        do(
            pools, server, f"CREATE USER {user} IDENTIFIED BY 'pw'",
            f"GRANT SELECT, INSERT ON *.* TO {user}",
        )  # fmt: skip
    weak = Pools(_as_user(config_file, schema))
    try:
        found = against(weak, asked(schema))
        source = found["privileges on the source"]
        assert "lacks ALTER, DROP, CREATE, DELETE, TRIGGER on" in source.explanation
        for check in ("privileges on the source", "privileges on the target"):
            server = SOURCE if "source" in check else TARGET
            for finding in run_preflight(weak, asked(schema), Scope.START):
                if finding.check == check:
                    remedy = finding.remedy.removeprefix("Run there: ")
                    do(pools, server, remedy.rstrip(";"))
        weak.close()
        assert against(weak, asked(schema)) == {}
    finally:
        weak.close()
        for server in (SOURCE, TARGET):
            do(pools, server, f"DROP USER {user}")


def test_that_the_copy_will_give_way_to_nobody_whom_we_may_not_see_is_said(
    pools: Pools, schema: str, config_file: Path
) -> None:
    do(
        pools, SOURCE, PLAIN.format(f"{schema}.t"), f"CREATE USER {schema} IDENTIFIED BY 'pw'",
        f"GRANT SELECT ON {schema}.* TO {schema}",
    )  # fmt: skip
    weak = Pools(_as_user(config_file, schema))
    context = CheckContext(weak, asked(schema))
    try:
        (found,) = binlog.sessions(context)
        assert found.severity is Severity.WARNING
        assert "does not give way" in found.explanation
        assert found.remedy.startswith("GRANT SELECT ON performance_schema.*")
        do(pools, SOURCE, f"GRANT SELECT ON performance_schema.* TO {schema}")
        weak.close()
        assert all(one.severity is Severity.REFUSED for one in binlog.sessions(context))
    finally:
        weak.close()
        do(pools, SOURCE, f"DROP USER {schema}")


def _as_user(config_file: Path, user: str) -> object:
    settings = load_settings(config_file)
    update = {"user": user, "password": SecretStr("pw"), "password_file": None}
    servers = {name: one.model_copy(update=update) for name, one in settings.servers.items()}
    return settings.model_copy(update={"servers": servers})


def test_a_server_out_of_reach_is_one_error_to_try_again(schema: str, config_file: Path) -> None:
    settings = load_settings(config_file)
    gone = settings.servers[TARGET].model_copy(update={"port": 1})
    pools = Pools(settings.model_copy(update={"servers": {**settings.servers, TARGET: gone}}))
    with pytest.raises(RetryableError, match=r"new \(.*:1\)"):
        run_preflight(pools, asked(schema), Scope.START)
    pools.close()


def test_what_names_the_table_and_stays_behind_is_listed_as_a_warning(
    pools: Pools, schema: str
) -> None:
    do(
        pools, SOURCE, PLAIN.format(f"{schema}.t"),
        f"CREATE VIEW {schema}.seen AS SELECT id FROM {schema}.t",
        f"CREATE PROCEDURE {schema}.tidy() DELETE FROM t WHERE id = 0",
        f"CREATE EVENT {schema}.nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM {schema}.t LIMIT 1",
        f"CREATE TABLE {schema}.other (id INT PRIMARY KEY)",
        f"CREATE TRIGGER {schema}.echo AFTER INSERT ON {schema}.other FOR EACH ROW"
        f" INSERT INTO {schema}.t (id) VALUES (NEW.id)",
        f"CREATE USER '{schema}'@'%' IDENTIFIED BY 'x'",
        f"GRANT SELECT (id) ON {schema}.t TO '{schema}'@'%'",
    )  # fmt: skip
    try:
        findings = run_preflight(pools, asked(schema), Scope.START)
    finally:
        do(pools, SOURCE, f"DROP USER '{schema}'@'%'")
    said = [
        one.explanation for one in findings
        if one.check == "views, routines, grants" and one.severity is Severity.WARNING
    ]  # fmt: skip
    assert len(said) == 2
    kinds = (f"view {schema}.seen", f"routine {schema}.tidy", f"event {schema}.nightly",
             f"trigger {schema}.echo")  # fmt: skip
    assert all(kind in said[0] for kind in kinds)
    assert f"'{schema}'@'%'" in said[1]


def test_indexes_are_deferred_only_of_a_table_that_is_ours_to_create(
    pools: Pools, schema: str
) -> None:
    create = f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(9), KEY by_v (v))"
    do(pools, SOURCE, create)
    request = move_request(schema, "t", defer_secondary_indexes=True)
    assert "deferred indexes" not in against(pools, request)
    do(pools, TARGET, f"CREATE DATABASE {schema}", create)
    assert "exists already" in against(pools, request)["deferred indexes"].explanation
