"""Bugs put into right programs: each is one edit found on the syntax tree, and proven by running the program."""
