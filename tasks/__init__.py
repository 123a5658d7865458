"""Celery tasks, thin: each calls one function of pipeline."""
