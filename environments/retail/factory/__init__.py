"""The factory of retail tasks: it makes them, reviews them, tests agents on them, and tells what came of it."""
