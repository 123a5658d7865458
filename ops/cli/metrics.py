"""`metrics`: an endpoint for Prometheus."""

from __future__ import annotations

import signal
import threading

import click
from prometheus_client import CollectorRegistry, start_http_server

from ops.cli.session import Session, pass_session
from ops.metrics.collector import MigrationCollector
from pipeline.errors import RefusedError


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=9478, show_default=True)
@click.option("--address", default="127.0.0.1", show_default=True, help="Address to listen on.")
@pass_session
def metrics(session: Session, port: int, address: str) -> None:
    """Serve metrics of all migrations to Prometheus until stopped.

    Each scrape reads the control schemas; one process for the whole configuration is enough.
    """
    registry = CollectorRegistry()
    registry.register(MigrationCollector(session.pools, session.api.processes))
    try:
        server, _ = start_http_server(port, addr=address, registry=registry)
    except OSError as error:
        where = f"{address}:{port}"
        raise RefusedError(f"Can't listen on {where}: {error}.", "Choose another --port.") from None
    click.echo(f"http://{address}:{port}/metrics")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    stopping.wait()
    server.shutdown()
