"""Applies the source's binary log to the target, in order and exactly once.

No event that may hold rows of a migration's tables is skipped: what can't be decoded stops the
stream by name.
"""
