"""One page in a browser, read-only: what `status`, `events` and `doctor` say, drawn."""
