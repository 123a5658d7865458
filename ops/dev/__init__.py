"""What developers run from a checkout: sandbox, demonstrations, benchmarks, `make docs`.

Nothing that users run imports it (import-linter holds that), and the wheel leaves it out.
"""
