"""Programs to write or to mend, run in a sandbox and graded by cases nobody sees."""
