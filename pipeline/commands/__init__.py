"""What people ask for: start, control, settings, schedules, clean-up.

Every request is checked first and stands in the event log with who made it; the coordinator carries
it out.
"""
