"""Adds the indexes that a move has deferred, once the rows are there.

One ALTER TABLE for each table, online, which goes on whatever becomes of the process that sent it.
"""
