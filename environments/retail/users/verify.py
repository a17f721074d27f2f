"""The customer whose lines are judged before they are said."""

from __future__ import annotations

import re

from environments.retail.users.heard import Heard, Said
from environments.retail.users.llm import LlmUser
from environments.retail.users.prompts import VERIFY, case
from environments.retail.users.voice import Voice

_ATTEMPTS = 3
_VERDICT = re.compile(r"\b(true|false)\b")


class VerifyUser(LlmUser):
    """Has each line judged, and proposes another where it is found unfit; the third is said in any case."""

    kind = "verify"

    async def propose(self, voice: Voice, heard: Heard) -> Said:
        for _ in range(_ATTEMPTS - 1):
            said = await super().propose(voice, heard)
            if said.line and await is_fit(voice, heard, said.line):
                return said
        return await super().propose(voice, heard)


async def is_fit(voice: Voice, heard: Heard, line: str) -> bool:
    """Whether the policy itself finds the line fit; the last word on it counts, and no word is no."""
    verdict = await voice.judge(VERIFY, case(heard.instruction, heard.transcript, line))
    return _VERDICT.findall(verdict.casefold())[-1:] == ["true"]
