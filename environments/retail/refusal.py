"""What a tool's rules say no to."""

from __future__ import annotations


class Refusal(Exception):
    """The shop's rules do not allow what was asked; the message is what the agent reads."""
