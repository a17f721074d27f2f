"""Programming problems, their readers, bugs put into programs, and what to say about errors: ground shared by environments."""
