"""What a move and an alter do differently with rows: one interface, two classes.

`strategy_of` chooses; nobody else asks which of the two it is.
"""
