"""The cut-over of a move and of an alter: to the switch, or back.

Every action that can't be rolled back is preceded by a durable intent. After a crash the servers
say what has happened, and until the point of no return the source can get its tables back.
"""
