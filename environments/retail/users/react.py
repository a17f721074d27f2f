"""The customer whose model thinks first."""

from __future__ import annotations

import re

from environments.retail.users.heard import Heard, Said
from environments.retail.users.llm import LlmUser
from environments.retail.users.prompts import REACT
from environments.retail.users.voice import Voice

_MARKER = re.compile(r"^[\s*#]*user response[\s*]*:[\s*]*", re.IGNORECASE | re.MULTILINE)
_THOUGHT = re.compile(r"^[\s*#]*(thought|reflection)[\s*]*:", re.IGNORECASE)


class ReactUser(LlmUser):
    """Asks for a thought and then for the line; only the line is said."""

    kind = "react"
    persona = REACT

    async def propose(self, voice: Voice, heard: Heard) -> Said:
        text = await voice.ask(heard.messages)
        return Said(read_response(text), text)


def read_response(text: str) -> str:
    """What stands after the last marker, or all of a text without thoughts; empty where only thoughts are found."""
    *_, response = _MARKER.split(text)
    return "" if _THOUGHT.match(response) else response.strip()
