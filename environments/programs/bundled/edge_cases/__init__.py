"""Easy tasks whose corners are the point."""
