"""Who is learnt from: policies that know the answer, say it in few words, and are wrong as often as is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random

from agentgym.errors import UsageError
from agentgym.messages import Conversation, JsonObject, ToolCall, Turn
from agentgym.policy import Context, Policy, Session

_AGENT = """\
<think>No failure is told.</think>
<|AGENT|>
I run it.
{"name": "python", "arguments": {"code": "run()"}}"""
_EDIT = """\
<think>The failure is told.</think>
<|EDIT|>
I mend it.
{"name": "editor", "arguments": {"original_code": "old", "modified_code": "new"}}"""

Say = Callable[[Turn, bool], Turn]
"""The turn that stands for a reference's last, and for a mistake in its place."""


class Teacher(Policy):
    """Gives the last turn of the reference, as `say` puts it; in a `noise` share of episodes it makes a mistake."""

    reads_reference = True

    def __init__(self, about: str, *, noise: float = 0.0) -> None:
        if not 0 <= noise <= 1:
            raise UsageError(f"noise={noise!r}: give a share from 0 to 1")
        self._about, self._noise, self._say = about, noise, SAYS[about]

    @property
    def name(self) -> str:
        return f"teacher of {self._about}"

    @property
    def settings(self) -> JsonObject:
        return {"noise": self._noise}

    def start(self, context: Context) -> Session:
        if context.reference is None:
            raise UsageError("the teacher needs an environment that gives its reference")
        mistaken = Random(f"mistake {context.seed}").random() < self._noise
        return _TeacherSession(context.reference(), self._say, mistaken=mistaken)


class _TeacherSession(Session):
    def __init__(self, turns: Iterator[Turn], say: Say, *, mistaken: bool) -> None:
        self._turns, self._say, self._mistaken = turns, say, mistaken

    async def act(self, conversation: Conversation) -> Turn:
        *_, last = self._turns
        return self._say(last, self._mistaken)


def choose_token(reference: Turn, mistaken: bool) -> Turn:
    """The right special token with a thought and a call of a few words, or the other one."""
    explores = ("<|AGENT|>" in reference.text) != mistaken
    return Turn(_AGENT if explores else _EDIT, finish_reason="stop")


def hand_in(reference: Turn, mistaken: bool) -> Turn:
    """The program is submitted; the mistake is to return nothing."""
    (call,) = reference.tool_calls
    code = str(call.arguments["code"])
    code = code.replace("    return ", "    ", 1) if mistaken else code
    return Turn(tool_calls=(ToolCall(call.name, {"code": code}, id="call-1"),), finish_reason="tool_calls")


SAYS: Mapping[str, Say] = {"special-tokens": choose_token, "code-debug": hand_in}
