"""`dashboard`: one page in a browser that shows every migration, and changes nothing."""

from __future__ import annotations

import click
from tornado.netutil import bind_sockets

from ops.cli.session import Session, pass_session
from ops.dashboard.login import logins
from ops.dashboard.server import serve
from pipeline.errors import RefusedError

LOGIN = "TRANSHIP_DASHBOARD_AUTH"


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=9479, show_default=True)
@click.option("--address", default="127.0.0.1", show_default=True, help="Address to listen on.")
@pass_session
def dashboard(session: Session, port: int, address: str) -> None:
    """Show all migrations on one read-only page until stopped.

    The login (user:password) comes from $TRANSHIP_DASHBOARD_AUTH; several are divided by commas.
    """
    allowed = logins(LOGIN, "The dashboard")
    pools = session.pools  # a wrong configuration is one line here, not a traceback
    try:
        sockets = bind_sockets(port, address)
    except OSError as error:
        where = f"{address}:{port}"
        raise RefusedError(f"Can't listen on {where}: {error}.", "Choose another --port.") from None
    click.echo(f"http://{address}:{port}/")
    serve(pools, allowed, sockets)
