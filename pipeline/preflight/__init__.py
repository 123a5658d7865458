"""Refuses what can't be moved exactly, before the first write.

Each refusal gives the reason and the remedy. The checks are made again before a resume and before
the cut-over.
"""
