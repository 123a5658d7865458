"""The application of `celery -A tranship worker | inspect | flower …`.

Celery finds it here by itself. Without -Q its worker is one for copying: of those there may be any
number. Streamers have an application of their own, `tranship.streamer`.
"""

from __future__ import annotations

from tranship.loading import loading

with loading():
    from workers.app import app

__all__ = ["app"]
