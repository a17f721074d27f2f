"""Scripts that all conversations of a role share: who speaks next gets the next reply."""

from __future__ import annotations

from agentgym.messages import Conversation, Turn
from agentgym.policies.scripted import ScriptedPolicy
from agentgym.policy import Context, Policy, Session


class InOrder(Policy):
    """Gives the replies of a script in their order, whatever conversation asks; an ordinary one begins anew in each."""

    def __init__(self, script: Policy) -> None:
        self._script = script
        self._only: Session | None = None

    @property
    def name(self) -> str:
        return self._script.name

    def start(self, context: Context) -> Session:
        self._only = self._only or self._script.start(context)
        return _Shared(self._only)


class _Shared(Session):
    """Ends for nobody else when it is closed."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def act(self, conversation: Conversation) -> Turn:
        return await self._session.act(conversation)


def in_order(policy: Policy) -> Policy:
    """A script as one of all conversations; any other policy as it is."""
    return InOrder(policy) if isinstance(policy, ScriptedPolicy) else policy
