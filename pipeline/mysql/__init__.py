"""The seam to the servers: connections, errors, types, keys, GTIDs, statements.

What MySQL and MariaDB say differently is in flavours.py.
"""
