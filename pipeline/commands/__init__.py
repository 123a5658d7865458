"""What people ask for: start, control, settings, schedules, clean-up.

An answer given is true: a request is accepted in the transaction in which it takes effect.
"""
