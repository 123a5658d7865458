"""The rows, in the order of the table: one file for each subject."""

from __future__ import annotations

from collections.abc import Mapping

from ops.dev.bench.row import Row
from ops.dev.bench.rows import apply, copy

ROWS: Mapping[str, Row] = {row.name: row for row in (copy.ROW, apply.ROW)}
