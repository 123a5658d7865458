"""The control schema on the target, a file for each table or two.

All facts about a migration are here, so a fact commits in the transaction of the rows that it
speaks of.
"""
