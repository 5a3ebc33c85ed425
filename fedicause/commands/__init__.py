"""The groups of the command line: each command is one verb, or one reading, and what it prints."""
