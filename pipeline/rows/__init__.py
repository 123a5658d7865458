"""Rows on their way between servers, as lines of text that keep every value."""
