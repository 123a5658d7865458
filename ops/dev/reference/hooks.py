"""The hooks, from their contracts."""

from __future__ import annotations

from ops.dev.reference.markdown import head, table
from pipeline.domain.hook_names import CONTRACTS, FIGURES, OF_A_SCHEDULE, VARIABLES


def page() -> str:
    """docs/reference/hooks.md."""
    hooks = [(f"`{name}`", one.when, one.failing) for name, one in CONTRACTS.items()]
    variables = [(f"`{name}`", about) for name, about in VARIABLES.items()]
    of_a_schedule = [(f"`{name}`", about) for name, about in OF_A_SCHEDULE.items()]
    figures = [(f"`{name}`", about) for name, about in FIGURES.items()]
    return "\n".join(
        [
            head("Hooks", "pipeline/domain/hook_names.py", _INTRODUCTION),
            table(("hook", "when", "if it fails"), hooks),
            "## What it is told\n",
            table(("variable", ""), variables),
            "`on-failure` for a scheduled run that could not start:\n",
            table(("variable", ""), of_a_schedule),
            "And `status` alone:\n",
            table(("variable", ""), figures),
        ]
    )


_INTRODUCTION = """
`--hook "NAME=COMMAND"` with `move` and `alter`, once for each. COMMAND is split as a shell would
split it, and run without a shell, on the machine of the coordinator that has the migration at the
moment, in a clean environment: `PATH`, `HOME`, `LANG`, `LC_ALL`, `TZ`, `TRANSHIP_CONFIG` and the
variables below. It holds no server's password. A hook that takes longer than `hooks.limit_s` is
ended with everything that it has started, and has failed (exit code 124). The end of its output is
kept in the control schema.

**A hook may run more than once**: a coordinator may die between the end of a hook and the record of
it, or while the hook runs, which then goes on. `TRANSHIP_HOOK_ATTEMPT` tells you. Write hooks that
do no harm the second time.

While a hook runs it keeps one of its coordinator's two processes. If hooks of yours take minutes,
and several migrations run at once, start another `tranship worker coordinate`.
"""
