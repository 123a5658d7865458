"""The metrics, from the collector."""

from __future__ import annotations

from ops.dev.reference.markdown import head, table
from ops.metrics.figures import described


def page() -> str:
    """docs/reference/metrics.md."""
    rows = [(f"`{one.name}`", one.kind, ", ".join(one.labels), one.about) for one in described()]
    return "\n".join(
        [
            head("Metrics", "ops/metrics/figures.py", _INTRODUCTION),
            table(("metric", "type", "labels", ""), rows),
        ]
    )


_INTRODUCTION = """
`tranship metrics --port 9478` serves them. They are read from the control schemas at each scrape,
so they are as true as `tranship status`, and any number of endpoints may run. A migration that has
ended is reported for another hour. Alert rules and a Grafana dashboard: `ops/monitoring/`.
"""
