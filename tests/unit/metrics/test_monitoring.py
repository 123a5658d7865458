"""Alert rules, runbook and Grafana's dashboard: they fit each other, and ask for what there is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.dev.sandbox.errors import SandboxError
from ops.dev.sandbox.packages import PROMETHEUS, fetch
from ops.dev.sandbox.sandbox import default_root
from ops.metrics.figures import described
from pipeline.domain.stages import MAY_BE_RETIRED

_ROOT = Path(__file__).resolve().parents[3]
_RULES = _ROOT / "ops" / "monitoring" / "alerts.yml"
_DASHBOARD = _ROOT / "ops" / "monitoring" / "grafana.json"
_RUNBOOK = _ROOT / "docs" / "runbook.md"


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(_RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return list(json.loads(_DASHBOARD.read_text())["panels"])


def test_rules_and_dashboard_ask_only_for_what_there_is() -> None:
    asked = [rule["expr"] for rule in rules()]
    asked += [target["expr"] for panel in panels() for target in panel["targets"]]
    assert len(asked) > 30
    used = {name for expression in asked for name in re.findall(r"tranship_\w+", expression)}
    assert used <= {one.name for one in described()}


def test_each_alert_has_its_entry_in_the_runbook_and_each_entry_its_alert() -> None:
    entries = re.findall(r"^## (\w+)$", _RUNBOOK.read_text(), flags=re.M)
    assert entries == [rule["alert"] for rule in rules()]
    for rule in rules():
        url = rule["annotations"]["runbook_url"]
        assert url == f"docs/runbook.md#{rule['alert'].lower()}"


def test_no_stage_in_which_writes_may_be_refused_is_without_its_alert() -> None:
    (rule,) = [one for one in rules() if one["alert"] == "TranshipWritesRefused"]
    (stages,) = re.findall(r'stage=~"([^"]+)"', rule["expr"])
    assert set(stages.split("|")) == MAY_BE_RETIRED


def test_whoever_may_have_to_roll_back_sees_whether_and_for_how_long_they_can() -> None:
    shown = {target["expr"] for panel in panels() for target in panel["targets"]}
    assert {"tranship_way_back_open", "tranship_way_back_seconds_left"} <= shown


def test_each_panel_says_in_what_its_numbers_are() -> None:
    without = [one["title"] for one in panels() if not one["fieldConfig"]["defaults"].get("unit")]
    assert without == []


@pytest.mark.long
def test_prometheus_takes_the_rules(tmp_path: Path) -> None:
    done = subprocess.run(
        [*_promtool(), "check", "rules", str(_RULES)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"SUCCESS: {len(rules())} rules found" in done.stdout + done.stderr


def _promtool() -> list[str]:
    if found := shutil.which("promtool"):
        return [found]
    try:
        return fetch(PROMETHEUS, default_root() / "cache").command(PROMETHEUS.program)
    except SandboxError as error:
        pytest.skip(f"no promtool: {error}")
