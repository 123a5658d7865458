"""Every column type, with the literals that tend to go wrong and random ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

Literal = str
Maker = Callable[[Random], Literal]


@dataclass(frozen=True)
class TypeCase:
    name: str
    definition: str
    edges: tuple[Literal, ...]
    random: Maker


def _integer(name: str, bits: int, definition: str = "") -> TypeCase:
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    return TypeCase(
        f"c_{name}", definition or name, ("0", "-1", "1", str(low), str(high)),
        lambda random: str(random.randint(low, high)),
    )  # fmt: skip


def _unsigned(name: str, bits: int) -> TypeCase:
    high = (1 << bits) - 1
    return TypeCase(
        f"c_{name}_unsigned", f"{name} unsigned", ("0", "1", str(high >> 1), str(high)),
        lambda random: str(random.randint(0, high)),
    )  # fmt: skip


def _decimal(precision: int, scale: int) -> TypeCase:
    nines = "9" * (precision - scale) + "." + "9" * scale

    def make(random: Random) -> Literal:
        digits = "".join(random.choices("0123456789", k=precision))
        digits = digits[: random.randint(0, precision)].rjust(precision, "0")
        whole, part = digits[: precision - scale], digits[precision - scale :]
        return f"{random.choice(['', '-'])}{whole or 0}.{part or 0}"

    return TypeCase(
        f"c_decimal_{precision}_{scale}", f"decimal({precision},{scale})",
        ("0", nines.rstrip("."), "-" + nines.rstrip("."), f"-0.{'0' * scale}"[: scale + 3] + "0"),
        make,
    )  # fmt: skip


def _digits(random: Random, count: int) -> str:
    return f".{random.randrange(10**count):0{count}d}" if count else ""


def _datetime(count: int) -> TypeCase:
    def make(random: Random) -> Literal:
        return (
            f"'{random.randint(0, 9999):04d}-{random.randint(1, 12)}-{random.randint(1, 28)}"
            f" {random.randint(0, 23)}:{random.randint(0, 59)}:{random.randint(0, 59)}"
            f"{_digits(random, count)}'"
        )

    nines = "." + "9" * count if count else ""
    edges = (
        "'0000-00-00 00:00:00'", f"'9999-12-31 23:59:59{nines}'", "'2024-02-31 00:00:00'",
        "'2024-01-02 03:04:05.120'" if count > 2 else "'2024-01-02 03:04:05'", "'2024-00-00 0:0:0'",
    )  # fmt: skip
    return TypeCase(f"c_datetime{count}", f"datetime({count})", edges, make)


def _timestamp(count: int) -> TypeCase:
    def make(random: Random) -> Literal:
        return f"FROM_UNIXTIME({random.randint(1, 2**31 - 1)}{_digits(random, count)})"

    edges = ("'0000-00-00 00:00:00'", "'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'")
    return TypeCase(f"c_timestamp{count}", f"timestamp({count})", edges, make)


def _time(count: int) -> TypeCase:
    def make(random: Random) -> Literal:
        clock = f"{random.randint(0, 59)}:{random.randint(0, 59)}{_digits(random, count)}"
        return f"'{random.choice(['', '-'])}{random.randint(0, 837)}:{clock}'"

    point = "." + "0" * (count - 1) + "1" if count else ""
    edges = (
        "'00:00:00'", "'-838:59:59'", "'838:59:59'", f"'-00:00:00{point}'", f"'-00:00:01{point}'",
        "'-00:00:01'", "'-01:00:00'",
    )  # fmt: skip
    return TypeCase(f"c_time{count}", f"time({count})", edges, make)


def _hex(random: Random, most: int) -> Literal:
    return "x'" + random.randbytes(random.randint(0, most)).hex() + "'"


def _text(name: str, definition: str, charset: str, most: int) -> TypeCase:
    alphabet = {"latin1": "aé ß\t\\", "gbk": "a中文 \\", "sjis": "aソ表 "}.get(
        charset, "a中é😀 \n\\'"
    )

    def make(random: Random) -> Literal:
        text = "".join(random.choices(alphabet, k=random.randint(0, most)))
        return f"CONVERT(x'{text.encode().hex()}' USING utf8mb4)"

    edges = ("''", "'  x  '", "'a\\tb\\\\'")
    return TypeCase(f"c_{name}", f"{definition} character set {charset}", edges, make)


def _binary(name: str, definition: str, most: int) -> TypeCase:
    edges = ("x''", "x'00'", "x'61000000'", "x'ff00'", "x'20200000'")
    return TypeCase(f"c_{name}", definition, edges, lambda random: _hex(random, most))


def _bit(count: int) -> TypeCase:
    return TypeCase(
        f"c_bit{count}", f"bit({count})", ("0", "1", str((1 << count) - 1)),
        lambda random: str(random.getrandbits(count)),
    )  # fmt: skip


def _members(kind: str, count: int) -> TypeCase:
    odd = ["", "it''s", "back\\\\slash", *(["a,b"] if kind == "enum" else [])][: count - 1]
    names = [*odd, *(f"m{number}é" for number in range(count - len(odd)))]
    labels = ",".join(f"'{name}'" for name in names)
    high = count if kind == "enum" else (1 << count) - 1
    # "0" is an ENUM's error value, which only a lenient session can write.
    edges = ("0", "1", str(high))
    return TypeCase(
        f"c_{kind}{count}", f"{kind}({labels}) character set latin1", edges,
        lambda random: str(random.randint(1, high)),
    )  # fmt: skip


def _float(random: Random) -> Literal:
    return repr(random.uniform(-1, 1) * 10.0 ** random.randint(-37, 37))


def _double(random: Random) -> Literal:
    return repr(random.uniform(-1, 1) * 10.0 ** random.randint(-300, 300))


def _spatial(name: str, text: str) -> TypeCase:
    def make(random: Random) -> Literal:
        shape = text.format(x=10 + random.random())
        return f"ST_GeomFromText('{shape}'{random.choice(['', ', 4326'])})"

    return TypeCase(f"c_{name}", name, (), make)


_JSON_ALPHABET = 'aé"\\\n\t\x01/\x7f中😀'


def json_document(random: Random, depth: int = 0) -> object:
    """A document; big ones reach the large containers of the binary form."""
    choice = random.randrange(12 if depth < 3 else 8)
    if choice < 8:
        return random.choice(
            [
                None, True, False, random.randint(-(2**63), 2**64 - 1),
                random.randint(-40000, 70000),
                random.uniform(-1, 1) * 10.0 ** random.randint(-30, 30),
                float(random.randint(-(10**17), 10**17)), random.randint(-5, 5),
                "".join(random.choices(_JSON_ALPHABET, k=random.choice([0, 3, 20, 200]))),
            ]
        )  # fmt: skip
    size = random.choice([0, 1, 5, 40])
    if choice < 10:
        return [json_document(random, depth + 1) for _ in range(size)]
    return {f"k{number}\n" * random.randint(0, 3): json_document(random, depth + 1)
            for number in range(size)}  # fmt: skip


def _json(random: Random) -> Literal:
    text = json.dumps(json_document(random), ensure_ascii=False)
    return f"CAST(CONVERT(x'{text.encode().hex()}' USING utf8mb4) AS JSON)"


_JSON_EDGES = (
    "'{}'", "'[]'", "'null'", "'true'", "'\"\"'", "'1.0'", "'1e20'", "'-0.0'", "'1e-7'",
    "'[0.1, 1e15, 1e16, 123456789012345678, 1.5e300, 1e-20, 100000.0, 0.000001, 5e-324]'",
    "'[32767, 32768, -32768, -32769, 65535, 65536, 2147483647, 2147483648, 4294967296]'",
    "'[18446744073709551615, -9223372036854775808, 18446744073709551616]'",
    "JSON_ARRAY(CAST('123.450' AS DECIMAL(20,3)), CAST('-0.07' AS DECIMAL(65,30)))",
    "JSON_ARRAY(CAST('2024-01-02' AS DATE), CAST('0001-02-03 04:05:06.789' AS DATETIME(6)))",
    "JSON_ARRAY(CAST('-12:34:56.000001' AS TIME(6)), CAST('838:59:59' AS TIME))",
    "JSON_ARRAY(TIMESTAMP'2024-01-02 03:04:05', CAST(2024 AS YEAR))",
    "JSON_ARRAY(CAST(x'00ff' AS BINARY), b'101', _binary'abc')",
    "CAST(REPEAT(x'ff', 200) AS JSON)", "JSON_ARRAY(ST_GeomFromText('POINT(1 2)'))",
    "JSON_OBJECT('big', REPEAT('x', 70000), 'more', JSON_ARRAY(1, -40000, 3000000000, NULL, TRUE))",
    "JSON_OBJECT('a', JSON_OBJECT('b', JSON_ARRAY()), '', 1)",
)  # fmt: skip


CASES: tuple[TypeCase, ...] = (
    _integer("tinyint", 8), _integer("smallint", 16), _integer("mediumint", 24),
    _integer("int", 32), _integer("bigint", 64),
    _unsigned("tinyint", 8), _unsigned("smallint", 16), _unsigned("mediumint", 24),
    _unsigned("int", 32), _unsigned("bigint", 64),
    TypeCase("c_zerofill", "int(7) unsigned zerofill", ("0", "12345678"),
             lambda random: str(random.randint(0, 10**8))),
    TypeCase("c_decimal_zerofill", "decimal(9,2) unsigned zerofill", ("0", "1.5"),
             lambda random: str(random.randint(0, 10**6))),
    _decimal(10, 2), _decimal(65, 30), _decimal(65, 0), _decimal(5, 5), _decimal(30, 30),
    _decimal(18, 9), _decimal(1, 0), _decimal(38, 10),
    TypeCase("c_float", "float", ("0", "-0e0", "16777216", "16777217", "0.1", "3.4028234e38",
             "1.17549435e-38", "1e-45"), _float),
    TypeCase("c_double", "double", ("0", "-0e0", "0.1", "1.7976931348623157e308", "5e-324",
             "123456789012345678", "1e15", "1e16"), _double),
    TypeCase("c_year", "year", ("0", "1901", "2155"),
             lambda random: str(random.randint(1901, 2155))),
    TypeCase("c_date", "date", ("'0000-00-00'", "'9999-12-31'", "'2024-02-31'", "'2024-00-00'"),
             lambda random: f"'{random.randint(0, 9999):04d}-{random.randint(1, 12)}-1'"),
    *(_datetime(count) for count in range(7)),
    *(_timestamp(count) for count in range(7)),
    *(_time(count) for count in range(7)),
    _text("char", "char(10)", "utf8mb4", 10), _text("char_long", "char(100)", "utf8mb4", 80),
    _text("char_latin1", "char(255)", "latin1", 30), _text("char_utf16", "char(10)", "utf16", 5),
    _text("varchar", "varchar(20)", "utf8mb4", 20),
    _text("varchar_long", "varchar(300)", "gbk", 300),
    _text("varchar_sjis", "varchar(60)", "sjis", 30),
    _text("tinytext", "tinytext", "utf8mb4", 20), _text("text", "text", "latin1", 500),
    _text("mediumtext", "mediumtext", "utf8mb4", 500), _text("longtext", "longtext", "utf32", 300),
    _binary("binary", "binary(8)", 8), _binary("binary_long", "binary(255)", 255),
    _binary("varbinary", "varbinary(10)", 10), _binary("varbinary_long", "varbinary(400)", 400),
    _binary("tinyblob", "tinyblob", 255), _binary("blob", "blob", 1000),
    _binary("mediumblob", "mediumblob", 70000), _binary("longblob", "longblob", 300),
    _bit(1), _bit(8), _bit(9), _bit(20), _bit(64),
    _members("enum", 3), _members("enum", 300), _members("set", 3), _members("set", 20),
    _members("set", 33), _members("set", 64),
    TypeCase("c_json", "json", _JSON_EDGES, _json),
    TypeCase("c_geometry", "geometry", ("ST_GeomFromText('POINT(1 2)', 4326)",),
             lambda random: f"ST_GeomFromText('LINESTRING(0 0, {random.random()} 5)')"),
    _spatial("linestring", "LINESTRING(0 0, {x} 5, 7 7)"),
    _spatial("polygon", "POLYGON((0 0, {x} 0, {x} 9, 0 9, 0 0), (1 1, 1 2, 2 2, 1 1))"),
    _spatial("multipoint", "MULTIPOINT(1 2, {x} 4)"),
    _spatial("multilinestring", "MULTILINESTRING((0 0, {x} 1), (3 3, 4 {x}))"),
    _spatial("multipolygon", "MULTIPOLYGON(((0 0, {x} 0, {x} 9, 0 0)), ((20 20, 30 20, 30 30, 20 20)))"),  # noqa: E501
    _spatial("geometrycollection", "GEOMETRYCOLLECTION(POINT({x} 1), LINESTRING(1 1, 2 {x}))"),
    TypeCase("c_point", "point srid 0", ("ST_GeomFromText('POINT(-1 2)')",),
             lambda random: f"POINT({random.random()}, 1)"),
    TypeCase("c_vector", "vector(4)", ("TO_VECTOR('[0,1,-2.5,3e20]')",),
             lambda random: f"TO_VECTOR('[{random.random()},1,2,3]')"),
)  # fmt: skip
