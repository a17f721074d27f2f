"""Trainers that learn from recorded episodes."""
