"""Verifies chunks and touched keys until few touched keys are left; READY goes on with that.

Converged means that every chunk has been verified in full, and that so few keys were touched
since that verifying them in the cut-over takes about a second. (It does not mean that none is
left: a table that is written all the time has some all the time.)

Deferred indexes are added meanwhile: READY is the only way to a cut-over, and nothing becomes READY
without them.
"""

from __future__ import annotations

from pipeline.domain.stages import Stage
from pipeline.indexes.build import build_indexes
from pipeline.step.context import Context, Outcome
from pipeline.step.dispatch import converged, ensure_stream, send_verifications
from pipeline.throttle.assess import assess


def converge(context: Context) -> Outcome:
    """One pass of verification; on to READY when it has converged."""
    ensure_stream(context)
    if assess(context).throttled:
        return Outcome.WAIT
    send_verifications(context)
    if not build_indexes(context) or not converged(context):
        return Outcome.WAIT
    return context.enter(Stage.READY, "every chunk is verified, few rows have changed since")
