"""Writes docs/reference from the code, so that its pages can't be out of date."""
