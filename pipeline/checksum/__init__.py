"""Proves that a chunk is equal on both sides while both are written; repairs.

A chunk counts as verified only until the next change in it.
"""
