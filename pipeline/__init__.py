"""All that is true without Celery. A package imports only from rows below its own.

docs/architecture.md shows the rows; import-linter holds them.
"""
