"""Checkpoints served as OpenAI-compatible endpoints, over HTTP and in process."""
