"""The demonstrations, `make demo` and `make demo-alter`, on servers of their own."""
