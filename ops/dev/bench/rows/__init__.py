"""The rows, in the order of the table: one file for each subject."""

from __future__ import annotations

from collections.abc import Mapping

from ops.dev.bench.row import Row
from ops.dev.bench.rows import (
    apply,
    converge,
    copy,
    copy_verify,
    growth,
    hot,
    indexes,
    keys,
    lag,
    ready,
    roll_back,
    sizes,
    start,
    throughput,
    verify,
    wide,
    window,
)

ROWS: Mapping[str, Row] = {
    row.name: row
    for row in (
        copy.ROW, copy_verify.ROW, verify.ROW, wide.COLUMNS, wide.TEXTS, wide.BLOBS, indexes.ROW,
        apply.ROW, lag.ROW, hot.ROW, throughput.ROW, window.WINDOW, window.WINDOW_10M,
        window.LOCK, window.LOCK_10M, roll_back.ROW, converge.ROW, ready.ROW, keys.ROW,
        start.ROW, sizes.ROW, growth.ROW,
    )
}  # fmt: skip
TITLES: Mapping[str, str] = {row.name: row.title for row in ROWS.values()}
