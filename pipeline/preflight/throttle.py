"""Checks of what the throttle reads: a signal that can't be read holds the migration back."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.errors import TranshipError
from pipeline.mysql.servers import server_facts, status_variable
from pipeline.preflight.findings import CheckContext, Finding, info, warning


def replicas(context: CheckContext) -> Iterator[Finding]:
    """Each replica that is to be spared answers."""
    for name in context.pools.settings.throttle.replicas:
        try:
            with context.pools.begin(name) as connection:
                facts = server_facts(connection)
        except TranshipError as error:
            yield warning(
                f"The replica {name} can't be asked for its lag, so nothing would be copied:"
                f" {error.explanation}",
                error.remedy or "Start it, or take it out of throttle.replicas.",
            )
        else:
            yield info(f"The replica {name} answers; it is {facts.version_text}.")


def status_variables(context: CheckContext) -> Iterator[Finding]:
    """Each status variable with a limit exists on both servers."""
    throttle, request = context.pools.settings.throttle, context.request
    limits = {
        **dict.fromkeys(throttle.critical_load, "critical_load would never stop it"),
        **dict.fromkeys(throttle.max_load, "nothing would be copied"),
    }
    for server in dict.fromkeys((request.source, request.target)):
        with context.pools.begin(server) as connection:
            for name, so in limits.items():
                if status_variable(connection, name) is None:
                    yield warning(
                        f"There is no status variable {name} on {server}: {so}.",
                        "Correct its name in [throttle].",
                    )
