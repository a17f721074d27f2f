"""Special tokens that say what is to be done next: to explore with a tool, or to mend what is known to be wrong."""
