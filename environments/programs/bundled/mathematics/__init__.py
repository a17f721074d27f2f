"""Numbers and geometry."""
