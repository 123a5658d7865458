"""`tranship metrics` as a process, and Prometheus' own parser for what it serves."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from ops.dev.sandbox.process import free_port

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Endpoint:
    """Where it is served."""

    url: str

    def scrape(self) -> list[Sample]:
        """Every sample of every metric; of hundreds of migrations, if many tests ran before."""
        with urllib.request.urlopen(self.url, timeout=60) as answer:
            families = text_string_to_metric_families(answer.read().decode())
        return [sample for family in families for sample in family.samples]

    def of(self, migration_id: str, name: str) -> list[Sample]:
        """The samples of one metric of one migration."""
        return [
            sample for sample in self.scrape()
            if sample.name == name and sample.labels.get("migration") == migration_id
        ]  # fmt: skip

    def value(self, migration_id: str, name: str) -> float:
        """Of a metric that has one value for each migration."""
        (sample,) = self.of(migration_id, name)
        return sample.value


@contextmanager
def running_endpoint(config: Path) -> Iterator[Endpoint]:
    """As `tranship metrics` starts it; it has to end when it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ops.cli.main", "--config", str(config), "metrics",
         f"--port={free_port()}"],
        cwd=_ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield Endpoint(process.stdout.readline().strip())
    finally:
        process.terminate()
        code = process.wait(timeout=20)
    assert code == 0
