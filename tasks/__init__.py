"""Celery tasks, thin: each calls one function of pipeline and maps its errors."""
