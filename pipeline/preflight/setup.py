"""Checks of the set-up itself: servers, broker and workers, whatever is to be moved.

They are not in the registry: no migration is refused because a worker is not running yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from pipeline.domain.processes import Processes
from pipeline.errors import TranshipError
from pipeline.mysql.pools import Pools
from pipeline.mysql.servers import server_facts
from pipeline.preflight.findings import Finding, info, warning


def check_servers(pools: Pools) -> list[Finding]:
    """Every configured server answers, and lets us in."""
    return _named("servers", (_server(pools, name) for name in pools.settings.servers))


def _server(pools: Pools, name: str) -> Finding:
    try:
        with pools.begin(name) as connection:
            facts = server_facts(connection)
    except TranshipError as error:
        return warning(error.explanation, error.remedy)
    return info(f"{name} is {'MariaDB' if facts.is_mariadb else 'MySQL'} {facts.version_text}.")


def check_processes(found: Processes) -> list[Finding]:
    """The broker answers, every role has a worker, and all have our configuration and time."""
    if found.broker_trouble is not None:
        trouble = f"The broker does not answer: {found.broker_trouble}."
        return _named("broker", [warning(trouble, "Start it, or correct broker.url.")])
    return [*_named("broker", [info("It answers.")]), *_named("workers", _workers(found))]


def _workers(found: Processes) -> Iterator[Finding]:
    for role in found.missing:
        remedy = f"Start one: tranship worker {role}. A new one takes some seconds to answer."
        yield warning(f"No {role} worker answers.", remedy)
    for name in found.outdated:
        yield warning(
            f"{name} has another configuration than the one that is read here.",
            "Restart it if the file has changed since; or give both the same file.",
        )
    for one in found.workers:
        if one.clock_off is not None:
            yield warning(
                f"{one.name}: {one.clock_off}.",
                "Synchronise the clocks of all machines (NTP): a message expires by them, and is"
                " then dropped without a word.",
            )
        if not one.outdated:
            roles = " and ".join(one.roles)
            yield info(f"{one.name} answers, for {roles}, with this configuration.")


def _named(check: str, found: Iterable[Finding]) -> list[Finding]:
    return [replace(finding, check=check) for finding in found]
