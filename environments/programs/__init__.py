"""Programming problems, readers of them, bugs put into programs, and what to say about errors."""
