"""A shop of our own: its customers, orders and products, and what its customers want; all of it comes from a seed."""
