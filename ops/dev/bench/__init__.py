"""Benchmarks: one command, one table, each row a ratio or a limit. `make bench` runs them."""
