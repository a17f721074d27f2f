"""A reviewer without a model, for work without a network; it knows no more than the checks, and is labelled so."""

from __future__ import annotations

import re

from environments.retail.desk import WRITES
from environments.retail.factory.checks import Checked
from environments.retail.factory.reviews import Review
from environments.retail.factory.scenarios import BY_KEY

HEURISTIC = "heuristic"
_WORDS = 8
"""What has fewer is no request that a person would make."""
_INTERNAL = re.compile(r"\b[a-z]+(?:_[a-z]+){2,}\b")
"""Names of tools, which no customer knows."""


def heuristic_review(checked: Checked, scenario: str = "") -> Review:
    """By rules: all calls work, the request asks for something, and sounds like somebody's."""
    task = checked.blueprint
    warned = [entry.message for entry in checked.entries if entry.level == "warning"]
    works = checked.valid and all(traced.worked for traced in checked.trace if traced.outcome is not None)
    defining = BY_KEY[scenario].defined_by if scenario in BY_KEY else ()
    whole = not defining or any(call.name in defining for call in task.agt)
    gives = bool(task.ogt) or any(call.name in WRITES for call in task.agt)
    spoken = len(task.q.split()) >= _WORDS and _INTERNAL.search(task.q) is None
    return Review(
        HEURISTIC,
        f"By rules alone: {'; '.join(warned) or 'nothing stands out'}.",
        correctness=int(works),
        completeness=int(whole),
        satisfaction=int(gives),
        creativity=int(spoken),
        correction="" if spoken else "Have the customer say it as a person would, in at least one full sentence.",
    )
