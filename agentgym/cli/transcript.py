"""An episode as a person reads it: who said what, which rewards it brought, and why it ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agentgym.episode import Episode, StepRecord
from agentgym.jsontext import dump_json
from agentgym.messages import Message, ToolCall, Turn

_WIDTH = 11
_LONG = 300
"""Characters of a message that a shortened transcript keeps."""
_MANY = 8
"""Entries that a shortened transcript keeps."""


def transcript(episode: Episode, *, shorten: bool = False) -> str:
    """The whole episode as text, or its beginning with long messages cut."""
    entries = list(_entries(episode))
    left_out = len(entries) - _MANY if shorten else 0
    if left_out > 0:
        entries = [*entries[:_MANY], ("...", f"({left_out} more)")]
    return "\n".join(
        [
            printable(_title(episode)),
            "",
            *(line for who, text in entries for line in _block(who, _cut(text) if shorten else text)),
            "",
            *(line for who, text in _verdict(episode) for line in _block(who, text)),
        ]
    )


def printable(text: str) -> str:
    """The text with what could make a terminal do something replaced by U+FFFD."""
    return "".join(char if char.isprintable() or char == "\t" else "\N{REPLACEMENT CHARACTER}" for char in text)


def _title(episode: Episode) -> str:
    trial = f", trial {episode.trial}" if episode.trial else ""
    return f"{episode.environment.id}, task {episode.task_id}{trial}, seed {episode.seed}, policy {episode.policy}"


def _entries(episode: Episode) -> Iterator[tuple[str, str]]:
    yield from map(_said, episode.opening)
    for record in episode.turns:
        yield _said(record.turn.message())
        took = _took(record.turn)
        if took:
            yield "", took
        yield from map(_said, record.replies)
        yield from _rewards(record.steps)


def _said(message: Message) -> tuple[str, str]:
    thought = f"({message.reasoning})" if message.reasoning else ""
    parts = [thought, message.content, *map(_call, message.tool_calls)]
    return message.role, "\n".join(part for part in parts if part)


def _call(call: ToolCall) -> str:
    if call.problem is not None:
        return f"{call.name}({call.text})"
    return f"{call.name}({', '.join(f'{name}={dump_json(value).decode()}' for name, value in call.arguments.items())})"


def _took(turn: Turn) -> str:
    """What a turn of a model took, where that is known."""
    usage = turn.usage
    cached = f" ({usage.cached_tokens} cached)" if usage.cached_tokens else ""
    facts = [
        turn.role or "",
        f"{usage.prompt_tokens}{cached} + {usage.completion_tokens} tokens" if usage.tokens else "",
        "" if turn.latency_s is None else f"{turn.latency_s:.2f} s",
        f"${usage.cost_usd:.4f}" if usage.cost_usd else "",
        "" if turn.finish_reason in (None, "stop", "tool_calls") else f"finished by {turn.finish_reason}",
    ]
    told = ", ".join(fact for fact in facts if fact)
    return f"[{told}]" if told else ""


def _rewards(steps: Iterable[StepRecord]) -> Iterator[tuple[str, str]]:
    return (("reward", f"{step.reward:+g}") for step in steps if step.reward)


def _verdict(episode: Episode) -> Iterator[tuple[str, str]]:
    yield "outcome", f"{episode.outcome.replace('_', ' ')}{_why(episode)}"
    yield "reward", f"{episode.reward:g}{_terms(episode)}"
    wrong = f", with {episode.tool_errors} wrong calls" if episode.tool_errors else ""
    yield "turns", f"{len(episode.turns)}{wrong}"
    if episode.usage.calls:
        cost = f" for ${episode.usage.cost_usd:.4f}" if episode.usage.cost_usd else ""
        yield "tokens", f"{episode.usage.tokens} in {episode.usage.calls} model calls{cost}"
    if episode.divergences:
        yield "diverged", f"{episode.divergences} steps showed something else when the episode was resumed"
    if episode.cleanup is not None:
        yield "cleanup", episode.cleanup.message


def _why(episode: Episode) -> str:
    if episode.cause is not None:
        return f" ({episode.cause.boundary}): {episode.cause.message}"
    if episode.limit is None:
        return ""
    return " by the environment" if episode.limit == "environment" else f" by the limit of {episode.limit}"


def _terms(episode: Episode) -> str:
    terms = episode.terms.items()
    return " = " + " + ".join(f"{name} {term.value:g} x {term.weight:g}" for name, term in terms) if terms else ""


def _cut(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[:_LONG]} ... ({len(text) - _LONG} more characters)"


def _block(who: str, text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines() or [""]):
        yield f"{'' if number else who:<{_WIDTH}}{printable(line)}".rstrip()
