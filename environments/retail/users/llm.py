"""The customer whose words a policy finds, such as a model."""

from __future__ import annotations

from typing import Self

from agentgym.caps import capped
from agentgym.errors import UsageError, UserFault
from agentgym.messages import Conversation, Message, Usage
from agentgym.policies.specs import make_policy
from agentgym.policy import Policy
from environments.retail.database import RetailDB
from environments.retail.task import RetailTask
from environments.retail.users.best import best_of
from environments.retail.users.heard import Heard, Said
from environments.retail.users.prompts import PERSONA
from environments.retail.users.user import User, UserSession
from environments.retail.users.voice import Voice

_ATTEMPTS = 3
"""So often a model is asked that answers with nothing that could be said."""


class LlmUser(User):
    """Asks a policy, or what a policy's spec stands for, for each line; of `best_of` lines it says the best.

    The policy scores its own lines. It is whose it is to close.
    """

    kind = "llm"
    persona = PERSONA
    """What the model is told before the customer's own instruction."""

    def __init__(self, policy: Policy | str, *, best_of: int = 1) -> None:
        if type(best_of) is not int or best_of < 1:
            raise UsageError(f"best_of={best_of!r}: give a whole number of at least 1")
        self._policy = make_policy(policy) if isinstance(policy, str) else policy
        if self._policy.reads_reference:
            raise UsageError(f"{self._policy.name} cannot play the customer: it reads the agent's solution")
        self._best_of = best_of

    @property
    def name(self) -> str:
        return f"{self.kind}:{self._policy.name}"

    def start(self, task: RetailTask, *, db: RetailDB, seed: int) -> UserSession:
        told = Message("system", f"{self.persona}\n\nWho you are, what you know and want:\n\n{task.instruction}")
        return _LlmSession(self, Voice(self._policy, seed), Heard(task.instruction, Conversation([told])))

    async def propose(self, voice: Voice, heard: Heard) -> Said:
        """A line that might be said next."""
        text = await voice.ask(heard.messages)
        return Said(text, text)

    async def next_line(self, voice: Voice, heard: Heard) -> Said:
        """The line to say; a model that says nothing is asked again."""
        for _ in range(_ATTEMPTS):
            said = await self._chosen(voice, heard)
            if said.line:
                return said
        raise UserFault(f"{self.name} said nothing, {_ATTEMPTS} times")

    async def _chosen(self, voice: Voice, heard: Heard) -> Said:
        if self._best_of == 1:
            return await self.propose(voice, heard)
        return await best_of(self._best_of, self.propose, voice, heard)


class _LlmSession(UserSession):
    def __init__(self, user: LlmUser, voice: Voice, heard: Heard) -> None:
        self._user = user
        self._voice = voice
        self._heard = heard

    async def reply(self, line: str) -> str:
        self._heard.hear(line)
        async with capped("user"):
            said = await self._user.next_line(self._voice, self._heard)
        self._heard.say(said)
        return said.line

    def fork(self) -> Self:
        return type(self)(self._user, self._voice.fork(), self._heard.fork())

    def take_usage(self) -> Usage:
        return self._voice.take_usage()

    async def aclose(self) -> None:
        await self._voice.aclose()
