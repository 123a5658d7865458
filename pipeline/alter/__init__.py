"""What an alter does to rows: the plan of the columns, conversion, checks for loss.

The server converts, the same way in the copy, the stream and the verification. A value that the
new definition can't hold stops the migration.
"""
