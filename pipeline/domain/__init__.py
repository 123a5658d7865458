"""What a migration is: stages and their rules, requests, plans, names. No I/O."""
