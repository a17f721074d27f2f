"""The policy that goes by words alone: what it scores says how much the phrases give away."""

from __future__ import annotations

import re

from agentgym.messages import Conversation, Turn
from agentgym.policy import Context, Policy, Session
from environments.special_tokens.answer import Answer, Call
from environments.special_tokens.modes import AGENT, EDIT
from environments.special_tokens.rows import Row, code_in, prose_of

_WORDS = re.compile(
    r"error|exception|traceback|failed|fails|crash|line \d|错误|异常|报错|失败|第 ?\d+ ?行", re.IGNORECASE
)


def keyword_mode(request: str) -> str:
    """The mode that the words of a request suggest."""
    return EDIT.name if _WORDS.search(prose_of(request)) else AGENT.name


def keyword_answer(request: str) -> Answer:
    """A well-formed answer in that mode, whose call changes nothing."""
    code = code_in(Row(request)) or request.strip() or "pass"
    if keyword_mode(request) == AGENT.name:
        call = Call(name=AGENT.tool, arguments={"code": code})
        return Answer(mode=AGENT.name, thought="No word here tells of an error, so I run it.", text="", call=call)
    call = Call(name=EDIT.tool, arguments={"original_code": code, "modified_code": code})
    return Answer(mode=EDIT.name, thought="The words tell of an error, so I edit.", text="", call=call)


class KeywordsPolicy(Policy):
    """Looks for words such as `error` in the request, and for nothing else."""

    def start(self, context: Context) -> Session:
        return _KeywordsSession()


class _KeywordsSession(Session):
    async def act(self, conversation: Conversation) -> Turn:
        asked = [message.content for message in conversation if message.role == "user"]
        return Turn(keyword_answer(asked[-1] if asked else "").written())
