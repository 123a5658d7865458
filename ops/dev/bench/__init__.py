"""Benchmarks: the rate of the copy, memory, an alter. `make bench` runs them."""
