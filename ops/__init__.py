"""What people run: the command line, the Python API, the metrics endpoint."""
