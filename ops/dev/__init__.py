"""What a developer runs, from a checkout: sandbox, demonstrations, benchmarks, `make docs`.

Nothing that a user runs imports it (import-linter holds that), and the wheel leaves it out.
"""
