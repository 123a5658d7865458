"""The command line, a file for each command, called by the command's name."""
