"""The endpoint for Prometheus, read from the control schemas at each scrape."""
