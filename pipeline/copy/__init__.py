"""Plans and copies chunks, without locks on the source.

A row that was deleted on the source meanwhile does not come back, and a worker that has lost its
claim on a chunk commits nothing.
"""
