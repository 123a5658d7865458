"""Verifies dirty ranges until few are left, and goes on doing so until the cut-over.

Converged: every range was verified whole, and so few keys were touched since that verifying
them within the cut-over is a matter of a second. (Not "every range is clean": a table that
is written all over, all the time, is dirty all the time.)
"""

from __future__ import annotations

from pipeline.domain.stages import Stage
from pipeline.step.context import Context, Outcome
from pipeline.step.dispatch import converged, ensure_stream, send_verifications
from pipeline.throttle.assess import assess


def converge(context: Context) -> Outcome:
    """One pass of verification; on to READY when it has converged."""
    ensure_stream(context)
    if assess(context).throttled:
        return Outcome.WAIT
    send_verifications(context)
    if not converged(context):
        return Outcome.WAIT
    return context.enter(Stage.READY, "every range is verified, few are dirty")
