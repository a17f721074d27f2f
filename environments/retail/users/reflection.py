"""The customer whose unfit lines are thought over."""

from __future__ import annotations

from environments.retail.users.heard import Heard, Said
from environments.retail.users.llm import LlmUser
from environments.retail.users.prompts import REFLECT, case
from environments.retail.users.react import read_response
from environments.retail.users.verify import is_fit
from environments.retail.users.voice import Voice

_RETRIES = 1


class ReflectionUser(LlmUser):
    """Has each line judged, and an unfit one replaced by what reflection proposes, if that is fit; else it is said."""

    kind = "reflection"

    async def propose(self, voice: Voice, heard: Heard) -> Said:
        first = await super().propose(voice, heard)
        if not first.line or await is_fit(voice, heard, first.line):
            return first
        unfit = first.line
        for _ in range(_RETRIES):
            proposed = read_response(await voice.judge(REFLECT, case(heard.instruction, heard.transcript, unfit)))
            if proposed and await is_fit(voice, heard, proposed):
                return Said(proposed, proposed)
            unfit = proposed or unfit
        return first
