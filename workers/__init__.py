"""The Celery app, its processes and their logs."""
