"""The application of `celery -A tranship worker | inspect | flower …`.

Celery finds it here by itself. Without -Q a worker copies and verifies; there may be any number of
those. Streamers have their own application, `tranship.streamer`.
"""

from __future__ import annotations

from tranship.loading import loading

with loading():
    from workers.app import app

__all__ = ["app"]
