"""What every coordinator step works with: its context, messages to workers, lag."""
