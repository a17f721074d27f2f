"""How customers are: in words for a model that writes as one of them, and in how they open a conversation."""

from __future__ import annotations

from random import Random

from environments.retail.world.names import MOODS

_OPENINGS = (
    *("Hello.", "Hi there!", "Good morning.", "Good afternoon, I hope you can help me.", "Hey, quick question."),
    *("Hello, I need a hand with something.", "Hi, I do not have much time.", "Good evening."),
    *("Hello, sorry to bother you.", "Hi! Hope you are having a good day.", "Greetings.", "Hello, me again."),
    *("Hi, I have been meaning to write for days.", "Hello, please bear with me.", "Good day to you."),
)
"""None of them says anything that checks could take for a wish."""


def opening(chance: Random) -> str:
    """How somebody begins."""
    return chance.choice(_OPENINGS)


def persona(chance: Random) -> str:
    """How somebody is, in a sentence for who writes as them."""
    return f"The customer is {' and '.join(chance.sample(MOODS, 2))}."
