"""What models answer: the JSON in it, wherever they put it."""

from __future__ import annotations

import re
from collections.abc import Collection

from agentgym.flow.ladder import candidates
from agentgym.jsontext import parse_json
from agentgym.messages import JsonObject, Turn

_ANSWER = re.compile(r"<answer>(.*?)(?:</answer>|\Z)", re.DOTALL | re.IGNORECASE)


def object_in(said: str, *, having: Collection[str]) -> JsonObject:
    """The JSON object of an answer that has one of the keys: between its tags, in a fence, or anywhere.

    Raises ValueError with one line that says what is wrong.
    """
    problem = "the answer holds no JSON object"
    for text in (*reversed(_ANSWER.findall(said)), said):
        for written in candidates(Turn(text)):
            try:
                value = parse_json(written)
            except ValueError as error:
                problem = str(error)
                continue
            if isinstance(value, dict) and any(key in value for key in having):
                return value
            problem = f"the answer is no object with {' or '.join(having)}"
    raise ValueError(problem)
