"""What is exported: a dialogue, which of its messages are learnt from, and the tools that were on offer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

from agentgym.messages import JsonObject, Message, ToolCall


@dataclass(frozen=True, slots=True)
class Said(Message):
    """A message, and whether a model learns from it; None where nobody said."""

    loss: bool | None = None


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One conversation of a data file or a run."""

    messages: tuple[Said, ...]
    tools: tuple[JsonObject, ...] = ()
    """As chat completions list them."""
    where: str = ""
    """The file and row, or the run and episode, that it comes from."""


class Unfit(Exception):
    """A format has no place for the dialogue; the message says why."""


def completed(dialogue: Dialogue, *, number: int) -> Dialogue:
    """Each call followed by its answer, in the order of the calls, under ids that no other row of the export has.

    Calls that nobody answered are left out, and with them replies that were nothing else. ValueError where an answer
    belongs to no call.
    """
    ids = (f"call_{number}_{position}" for position in count(1))
    said: list[Said] = []
    for message, follow in _replies_with_what_follows(dialogue.messages):
        answers = _matched(message.tool_calls, [each for each in follow if each.role == "tool"])
        pairs = [(replace(call, id=next(ids)), text) for call, text in answers if text is not None]
        if pairs or message.content or not message.tool_calls:
            said.append(replace(message, tool_calls=tuple(call for call, _ in pairs)))
            said += [Said("tool", text, tool_call_id=call.id) for call, text in pairs]
        said += [each for each in follow if each.role != "tool"]
    return replace(dialogue, messages=tuple(said))


def call_count(dialogue: Dialogue) -> int:
    """How many calls are in it."""
    return sum(len(message.tool_calls) for message in dialogue.messages)


def system_and_rest(dialogue: Dialogue) -> tuple[str, tuple[Said, ...]]:
    """The text of the system messages at the beginning, and all that follows; Unfit where one stands further on."""
    messages = dialogue.messages
    begin = next((place for place, message in enumerate(messages) if message.role != "system"), len(messages))
    rest = messages[begin:]
    if any(message.role == "system" for message in rest):
        raise Unfit("a system message in the middle")
    return "\n\n".join(message.content for message in messages[:begin] if message.content), rest


def reply_places(dialogue: Dialogue, *, learnt: bool = False) -> list[int]:
    """Where the agent speaks; with `learnt`, only where a model is to learn it."""
    return [
        place
        for place, message in enumerate(dialogue.messages)
        if message.role == "assistant" and not (learnt and message.loss is False)
    ]


def until(dialogue: Dialogue, place: int) -> Dialogue:
    """The beginning of a dialogue up to a reply.

    The answers to all but the last of its calls stay: formats in which turns alternate put them between the calls.
    """
    kept = place + max(1, len(dialogue.messages[place].tool_calls))
    return replace(dialogue, messages=dialogue.messages[:kept])


def by_learnt_reply(dialogue: Dialogue) -> Iterator[Dialogue]:
    """The dialogue itself, or where some replies are not to be learnt, its beginning up to each that is.

    For formats that have no place for the flag; their trainers learn the last reply of a row.
    """
    learnt = reply_places(dialogue, learnt=True)
    if learnt == reply_places(dialogue):
        yield dialogue
        return
    if not learnt:
        raise Unfit("no reply that is to be learnt")
    yield from (until(dialogue, place) for place in learnt)


def _replies_with_what_follows(messages: Sequence[Said]) -> Iterator[tuple[Said, list[Said]]]:
    """Each reply with everything up to the next; before the first, each message by itself."""
    head: Said | None = None
    follow: list[Said] = []
    for message in messages:
        if head is not None and head.role == "assistant" and message.role != "assistant":
            follow.append(message)
            continue
        if head is not None:
            yield head, follow
        if message.role == "tool":
            raise ValueError("a tool's answer stands before any call; put the call before it, or take it out")
        head, follow = message, []
    if head is not None:
        yield head, follow


def _matched(calls: Sequence[ToolCall], answers: Sequence[Said]) -> list[tuple[ToolCall, str | None]]:
    """Each call with its answer: by id, and where ids are missing by order; several answers to one call are joined."""
    texts: list[str | None] = [None] * len(calls)
    for answer in answers:
        id = answer.tool_call_id
        fitting = [place for place, call in enumerate(calls) if not id or not call.id or call.id == id]
        if not fitting:
            told = f"with the id {id!r}" if id else "before it"
            raise ValueError(f"a tool's answer belongs to no call {told}; put the call before it, or take it out")
        place = next((place for place in fitting if texts[place] is None), fitting[-1])
        held = texts[place]
        texts[place] = answer.content if held is None else f"{held}\n{answer.content}"
    return list(zip(calls, texts, strict=True))
