"""Who said what: the replies of an episode or of a dialogue that are to be learnt, each with its prompt."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from agentgym.episode import Episode
from agentgym.exports.dialogue import Dialogue, reply_places
from agentgym.messages import JsonObject, Message, TokenSpan, Turn

_Spoken = tuple[str | None, tuple[Message, ...], Turn]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply to learn."""

    prompt: tuple[Message, ...]
    message: Message
    turn: int
    """From 1."""
    role: str | None = None
    tools: tuple[JsonObject, ...] = ()
    """That the prompt offers, as chat completions list them."""
    span: TokenSpan | None = None
    finish_reason: str | None = None


def replies_of_episode(episode: Episode, roles: Collection[str] | None = None) -> Iterator[Reply]:
    """What models said in an episode: all of them, or those in these roles.

    A turn that an agent of several policies came to is made of its calls; their tokens are not counted twice.
    """
    said = list(episode.opening)
    tools = tuple(tool.wire() for tool in episode.tools)
    for number, record in enumerate(episode.turns, 1):
        turn = record.turn
        spoken: list[_Spoken] = [(call.role, call.messages, call.reply) for call in turn.calls]
        for role, messages, reply in spoken or [(turn.role, (), turn)]:
            if roles is None or role in roles:
                yield _reply(reply, messages or tuple(said), number, role, () if messages else tools)
        said += [turn.message(), *record.replies]


def replies_of_dialogue(dialogue: Dialogue) -> Iterator[Reply]:
    """What is to be learnt of a dialogue: never what says `loss: false`."""
    for number, place in enumerate(reply_places(dialogue), 1):
        message = dialogue.messages[place]
        if message.loss is not False:
            prompt = dialogue.messages[:place]
            yield Reply(prompt=prompt, message=message, turn=number, tools=dialogue.tools)


def _reply(
    turn: Turn, prompt: tuple[Message, ...], number: int, role: str | None, tools: tuple[JsonObject, ...]
) -> Reply:
    return Reply(
        prompt=prompt,
        message=turn.message(),
        turn=number,
        role=role,
        tools=tools,
        span=turn.span,
        finish_reason=turn.finish_reason,
    )
