"""Random tables: columns of every type, keys of every kind, every option of a table.

What a table is depends on its seed alone. Columns that may be NULL, defaults, generated and
invisible columns, checks, comments, partitions, row formats, and names that need quoting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from tests.support.texts import Charset, charsets_of, collations_of
from tests.support.values import CASES, TypeCase

Value = Callable[[Random], str]
_OPTIONS = (
    "", "", "ROW_FORMAT=COMPRESSED", "ROW_FORMAT=REDUNDANT", "ROW_FORMAT=COMPACT",
    "COMMENT='it''s a \\\\ \"table\"'", "AUTO_INCREMENT=70000", "STATS_PERSISTENT=0",
)  # fmt: skip
# Of columns that may be NULL, by type.
_DEFAULTS = {
    "int": "1 + 2", "varchar": "concat('a', 'b')", "text": "'x'", "date": "'2020-01-01'",
    "json": "json_array()", "double": "0.1e0", "blob": "'\\\\'",
}  # fmt: skip
_SPATIAL = ("geom", "point", "linestring", "polygon", "multi")
_NAMES = (
    "a b", "back`tick", "dot.ted", "größe", "名前", "select", "table", "key", "Ünï", "x" * 64,
    "quo'te", 'dou"ble', "per%cent", "semi;colon", "--dash", "#hash", "back\\slash", "$dollar",
    "@at", "a:b", "_tranship", "NULL", "1st", "%s", "{}", "tab\tbed",
)  # fmt: skip


@dataclass(frozen=True)
class RandomColumn:
    """`value` is None for generated columns, which nobody writes."""

    name: str
    definition: str
    value: Value | None
    json: bool = False


@dataclass(frozen=True)
class RandomTable:
    """A table's name, the statement that makes it, and how to fill it."""

    name: str
    flavour: str
    columns: tuple[RandomColumn, ...]
    options: str
    indexes: tuple[str, ...]
    key: tuple[str, ...]
    session: tuple[str, ...] = ()

    @property
    def create(self) -> str:
        parts = [f"{quoted(column.name)} {column.definition}" for column in self.columns]
        body = ", ".join([*parts, *self.indexes])
        # The default collation of MySQL 8 is one that MariaDB does not know.
        charset = " CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci" * (self.flavour == "both")
        return f"CREATE TABLE {quoted(self.name)} ({body}){charset} {self.options}"

    @property
    def written(self) -> list[RandomColumn]:
        return [column for column in self.columns if column.value is not None]


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def random_table(random: Random, number: int, flavour: str = "mysql") -> RandomTable:
    """Table `number` of a run; `flavour` "both": one that both flavours can hold."""
    return _Maker(random, number, flavour).make()


@dataclass
class _Maker:
    random: Random
    number: int
    flavour: str
    columns: list[RandomColumn] = field(default_factory=list)
    indexes: list[str] = field(default_factory=list)
    session: list[str] = field(default_factory=list)
    _used: set[str] = field(default_factory=set)

    def make(self) -> RandomTable:
        option = self.random.choice(_OPTIONS)
        key = self._key()
        budget = 20_000  # bytes of a row, of 65,535
        # The older formats hold 768 bytes of each long value in the row itself.
        most = 6 if "ROW_FORMAT" in option else 25
        for _ in range(min(most, self.random.choice((1, 4, 9, 25)))):
            budget = self._column(budget)
        self._generated()
        self._secondary()
        self.random.shuffle(self.columns)
        name = f"{self.random.choice(_NAMES)[:50]} {self.number}"
        return RandomTable(
            name, self.flavour, tuple(self.columns), f"{option} {self._partitions(key)}",
            tuple(self.indexes), key, tuple(self.session),
        )  # fmt: skip

    def _name(self) -> str:
        base = self.random.choice(_NAMES)
        name, number = base, 0
        while name.lower() in self._used:
            number += 1
            name = f"{base[:58]}_{number}"
        self._used.add(name.lower())
        return name

    def _add(self, definition: str, value: Value | None, *, json: bool = False) -> str:
        name = self._name()
        comment = " COMMENT 'it''s \\\\ \"x\" é'" if self.random.random() < 0.1 else ""
        self.columns.append(RandomColumn(name, definition + comment, value, json))
        return name

    def _key(self) -> tuple[str, ...]:
        chance = self.random.random()
        if chance < 0.25:
            kind = self.random.choice(("bigint unsigned", "int", "smallint unsigned"))
            self._add_auto(kind)
        elif chance < 0.3 and self.flavour == "mysql":
            self.session.append("SET SESSION sql_generate_invisible_primary_key = ON")
            self._add("int", lambda random: str(random.randint(0, 9)))  # one must be visible
            return ("my_row_id",)
        else:
            for _ in range(self.random.choice((1, 1, 2, 3))):
                definition, value = self.random.choice(_key_types(self.random, self.flavour))
                self._add(definition + " NOT NULL", value)
        names = tuple(column.name for column in self.columns)
        parts = ", ".join(quoted(name) + self.random.choice(("", "", " DESC")) for name in names)
        kind = "UNIQUE KEY `the key`" if self.random.random() < 0.2 else "PRIMARY KEY"
        self.indexes.append(f"{kind} ({parts})")
        return names

    def _add_auto(self, kind: str) -> None:
        self._add(f"{kind} NOT NULL AUTO_INCREMENT", lambda random: str(random.randint(1, 60_000)))

    def _column(self, budget: int) -> int:
        definition, value, size, json = self._type()
        if size > budget:
            return budget
        nullable = self.random.random() < 0.6
        maker = _or_null(value) if nullable else value
        timestamp = definition.startswith("timestamp")
        definition += (" NULL" if timestamp else "") if nullable else " NOT NULL"
        if timestamp and not nullable:
            definition += " DEFAULT '2001-02-03 04:05:06'"
        if nullable and self.random.random() < 0.1:
            default = _DEFAULTS.get(definition.split()[0].split("(")[0])
            definition += f" DEFAULT ({default})" if default and "NULL" not in definition else ""
        if self.random.random() < 0.1 and self.flavour != "both":
            definition += " INVISIBLE" if nullable else ""
        self._add(definition, maker, json=json)
        return budget - size

    def _type(self) -> tuple[str, Value, int, bool]:
        if self.random.random() < 0.4:
            return (*_text_type(self.random, self.flavour), False)
        case = self.random.choice(cases_of(self.flavour))
        if case.definition == "json":
            # Binary inside a document is refused.
            case = replace(case, edges=tuple(edge for edge in case.edges if not _binary(edge)))
        return case.definition, _value_of(case, self.flavour), 300, case.definition == "json"

    def _generated(self) -> None:
        bases = [
            column.name for column in self.columns
            if column.value
            # The two flavours round a number in HEX differently.
            and (self.flavour != "both" or column.definition.startswith(("int", "varchar", "date")))
            # MariaDB keeps no expression over what a session's sql_mode pads.
            and (self.flavour == "mysql" or not column.definition.startswith(("char", "binary(")))
            # What a TIMESTAMP's text is depends on the time zone of the session that writes.
            and not column.definition.startswith(("json", "vector", "timestamp"))
            and "AUTO_INCREMENT" not in column.definition
            and "DEFAULT (" not in column.definition  # which it must come after
        ]  # fmt: skip
        if not bases:
            return
        for kind in self.random.sample(("VIRTUAL", "STORED"), self.random.choice((0, 1, 2))):
            base = self.random.choice(bases)
            self._add(f"varchar(64) AS (LEFT(SHA2(HEX({quoted(base)}), 256), 20)) {kind}", None)

    def _secondary(self) -> None:
        narrow = [
            column for column in self.columns
            if column.definition.startswith(("int", "bigint", "smallint", "date", "decimal"))
        ]  # fmt: skip
        for number, column in enumerate(self.random.sample(narrow, min(2, len(narrow)))):
            order = self.random.choice(("", " DESC"))
            self.indexes.append(f"KEY `k {number}` ({quoted(column.name)}{order})")
        self._rarer_indexes()
        checkable = [column for column in narrow if "AUTO_INCREMENT" not in column.definition]
        if checkable and self.random.random() < 0.3:
            name = quoted(self.random.choice(checkable).name)
            self.indexes.append(f"CONSTRAINT `c {self.number}` CHECK ({name} IS NULL OR 1 = 1)")

    def _rarer_indexes(self) -> None:
        """Over an expression, over the words of a text, over prefixes, over a document's array."""
        for column in self.columns:
            if column.value is None or self.random.random() > 0.15:
                continue
            name, kind, key = quoted(column.name), column.definition, f"`r {len(self.indexes)}`"
            if kind.startswith(("text", "mediumtext")) and "utf8mb4" in kind:
                self.indexes.append(f"FULLTEXT KEY {key} ({name})")
            elif kind.startswith(("text", "blob", "varchar(500)")):
                self.indexes.append(f"KEY {key} ({name}(9))")
            elif kind.startswith("json") and self.flavour == "mysql":
                self.indexes.append(f"KEY {key} ((CAST({name}->'$.n' AS UNSIGNED ARRAY)))")
            elif kind.startswith(("int", "decimal")) and self.flavour == "mysql":
                if "AUTO_INCREMENT" not in kind:
                    self.indexes.append(f"KEY {key} ((ABS({name}) % 7))")
            elif kind.startswith("point srid") and "NOT NULL" in kind:
                self.indexes.append(f"SPATIAL KEY {key} ({name})")

    def _partitions(self, key: tuple[str, ...]) -> str:
        primary = any(index.startswith("PRIMARY") for index in self.indexes)
        unpartitioned = any(
            column.definition.startswith(_SPATIAL)
            or (column.name in key and column.definition.startswith(("float", "double")))
            for column in self.columns
        ) or any(index.startswith(("FULLTEXT", "SPATIAL")) for index in self.indexes)
        if not primary or unpartitioned or self.random.random() > 0.15:
            return ""
        names = ", ".join(quoted(name) for name in key)
        return f"PARTITION BY KEY ({names}) PARTITIONS 3"


def _binary(document: str) -> bool:
    return any(part in document for part in ("x'", "b'", "_binary"))


def _or_null(value: Value) -> Value:
    return lambda random: "NULL" if random.random() < 0.3 else value(random)


def _value_of(case: TypeCase, flavour: str) -> Value:
    # MariaDB has no minus zero.
    edges = case.edges if flavour == "mysql" else [one for one in case.edges if one != "-0e0"]

    def value(random: Random) -> str:
        if edges and random.random() < 0.3:
            return random.choice(edges)
        return case.random(random)

    return value


def cases_of(flavour: str) -> tuple[TypeCase, ...]:
    """The types that this flavour of server knows, text apart."""
    lacking = {
        "mysql": (),
        "mariadb": ("vector", "point srid", "json"),
        "both": ("vector", "point srid", "json", "geometrycollection"),
    }[flavour]
    known = tuple(
        case for case in CASES
        if "character set" not in case.definition and not case.definition.startswith(lacking)
    )  # fmt: skip
    return known + tuple(case for case in CASES if case.definition.startswith(("enum", "set")))


def _text_type(random: Random, flavour: str) -> tuple[str, Value, int]:
    charset = random.choice(charsets_of(flavour))
    collation = random.choice(collations_of(charset, flavour))
    kind, most, size = random.choice((
        ("char(7)", 7, 40), ("char(60)", 60, 300), ("varchar(30)", 30, 150),
        ("varchar(500)", 500, 2100), ("tinytext", 40, 300), ("text", 400, 300),
        ("mediumtext", 900, 300), ("longtext", 900, 300),
    ))  # fmt: skip
    definition = f"{kind} CHARACTER SET {charset.name} COLLATE {collation}"
    return definition, _text_value(charset, most), size


def _text_value(charset: Charset, most: int) -> Value:
    return lambda random: charset.literal(random, most)


def _key_types(random: Random, flavour: str) -> list[tuple[str, Value]]:
    """Types that a chunk can be bounded by, with values that seldom meet."""
    charset = random.choice(charsets_of(flavour))
    collation = random.choice(collations_of(charset, flavour))
    by_name = {case.name: case for case in CASES}
    plain = [
        "c_tinyint", "c_smallint", "c_mediumint_unsigned", "c_int", "c_bigint",
        "c_bigint_unsigned", "c_zerofill", "c_decimal_65_30", "c_decimal_18_9", "c_date",
        "c_datetime0", "c_datetime6", "c_timestamp0", "c_timestamp3", "c_time0", "c_time6",
        "c_year", "c_binary", "c_varbinary", "c_enum300", "c_set20", "c_bit20", "c_bit64",
    ]  # fmt: skip
    if flavour != "both":  # they write these keys differently
        plain += ["c_float", "c_double"]
    text = (
        f"varchar(60) CHARACTER SET {charset.name} COLLATE {collation}",
        _text_value(charset, 60),
    )
    fixed = (
        f"char(20) CHARACTER SET {charset.name} COLLATE {collation}", _text_value(charset, 20)
    )  # fmt: skip
    uuid = ("binary(16)", lambda chance: f"x'{chance.randbytes(16).hex()}'")
    return [text, text, text, fixed, uuid] + [
        (by_name[name].definition, _value_of(by_name[name], flavour)) for name in plain
    ]
