"""MySQL, MariaDB and Redis on this machine, without Docker and without root."""
