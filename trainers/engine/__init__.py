"""Samples from a checkpoint on this machine, many requests at once, with exact log-probabilities."""
