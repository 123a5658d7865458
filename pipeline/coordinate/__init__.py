"""Takes a migration as far as it will go now, whatever stage it is in.

Nothing else in pipeline imports it. A step may be cut short anywhere and called again, and what
it writes commits only while its lease is good.
"""
