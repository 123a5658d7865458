"""Text in every character set that stores bytes in its own way, written as bytes.

Each alphabet has what tends to go wrong in its set: a second byte that is a backslash, a
character outside the basic plane, the escapes of our own lines, spaces at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

_PLAIN = "aZ 0\t\n\\'\"%_"


@dataclass(frozen=True)
class Charset:
    """`codec` is Python's name of it; collations that both flavours know come first."""

    name: str
    codec: str
    alphabet: str
    collations: tuple[str, ...]
    mysql_collations: tuple[str, ...] = ()
    mariadb_collations: tuple[str, ...] = ()
    mysql_only: bool = False

    def literal(self, random: Random, most: int) -> str:
        """A random string of up to `most` characters, as SQL."""
        size = random.choice((0, 1, most // 3, random.randint(0, most)))
        text = "".join(random.choices(_PLAIN + 2 * self.alphabet, k=size))
        if random.random() < 0.1:
            text = (text + "  ")[:most]
        return self.quoted(text)

    def quoted(self, text: str) -> str:
        return f"_{self.name} x'{text.encode(self.codec).hex()}'"


_UNICODE = "éß中\u0301ﬃİ"
_BEYOND = _UNICODE + "😀𝄞"

CHARSETS = (
    Charset("utf8mb4", "utf8", _BEYOND,
            ("utf8mb4_bin", "utf8mb4_general_ci", "utf8mb4_unicode_520_ci", "utf8mb4_swedish_ci"),
            ("utf8mb4_0900_ai_ci", "utf8mb4_0900_as_cs", "utf8mb4_0900_bin",
             "utf8mb4_de_pb_0900_ai_ci", "utf8mb4_ja_0900_as_cs_ks"),
            ("utf8mb4_unicode_nopad_ci", "utf8mb4_nopad_bin", "uca1400_as_cs")),
    Charset("utf8mb3", "utf8", _UNICODE, ("utf8mb3_general_ci", "utf8mb3_bin")),
    Charset("latin1", "cp1252", "éÿß€", ("latin1_swedish_ci", "latin1_bin", "latin1_german2_ci")),
    Charset("latin2", "iso8859_2", "ąęłŁ", ("latin2_general_ci", "latin2_czech_cs")),
    Charset("latin7", "iso8859_13", "ąčęš", ("latin7_general_ci", "latin7_bin")),
    Charset("cp1251", "cp1251", "приветЖ", ("cp1251_general_ci", "cp1251_bin")),
    Charset("koi8r", "koi8_r", "приветЖ", ("koi8r_general_ci",)),
    Charset("greek", "iso8859_7", "αβγς", ("greek_general_ci",)),
    Charset("hebrew", "iso8859_8", "אבג", ("hebrew_general_ci",)),
    Charset("ascii", "ascii", "bcB", ("ascii_general_ci", "ascii_bin")),
    Charset("tis620", "tis_620", "กขเ", ("tis620_thai_ci",)),
    Charset("gbk", "gbk", "誠中文丂", ("gbk_chinese_ci", "gbk_bin")),
    Charset("gb18030", "gb18030", "誠中文😀", ("gb18030_chinese_ci", "gb18030_bin"),
            mysql_only=True),
    Charset("big5", "big5", "功許蓋", ("big5_chinese_ci",)),
    Charset("sjis", "shift_jis", "ソ表能ｱ", ("sjis_japanese_ci", "sjis_bin")),
    Charset("cp932", "cp932", "ソ表①", ("cp932_japanese_ci",)),
    Charset("ujis", "euc_jp", "日本ソ", ("ujis_japanese_ci",)),
    Charset("euckr", "euc_kr", "한국어", ("euckr_korean_ci", "euckr_bin")),
    Charset("ucs2", "utf_16_be", _UNICODE, ("ucs2_general_ci", "ucs2_bin")),
    Charset("utf16", "utf_16_be", _BEYOND, ("utf16_general_ci", "utf16_bin")),
    Charset("utf16le", "utf_16_le", _BEYOND, ("utf16le_general_ci",)),
    Charset("utf32", "utf_32_be", _BEYOND, ("utf32_general_ci", "utf32_bin")),
)  # fmt: skip


def collations_of(charset: Charset, flavour: str) -> tuple[str, ...]:
    """`flavour` "both": what both know."""
    own = {"mysql": charset.mysql_collations, "mariadb": charset.mariadb_collations}
    return charset.collations + own.get(flavour, ())


def charsets_of(flavour: str) -> tuple[Charset, ...]:
    return tuple(one for one in CHARSETS if flavour == "mysql" or not one.mysql_only)
