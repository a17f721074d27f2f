"""A model that says which assertions are true of a conversation."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from pydantic import JsonValue

from agentgym.caps import capped
from agentgym.errors import EnvironmentFault, PolicyFault, UsageError, boundary
from agentgym.jsontext import parse_json
from agentgym.messages import NO_USAGE, Conversation, Message, Usage
from agentgym.policies.specs import asks_a_model, make_policy
from agentgym.policy import Context, Policy, checked_turn
from environments.retail.conduct import Event, Line

KEY = "AGENTGYM_JUDGE_API_KEY"
"""Holds the key of the judge's model, where it is another one than the agent's."""
_ATTEMPTS = 3
"""So often a judge is asked whose answer cannot be read."""
_TASK = """\
You are shown a conversation between a customer and the agent of an online shop, with the calls that the agent made of
the shop's tools, and a numbered list of statements about what the agent did or said. Find out of each statement, by
itself, whether it is true of the conversation. Take nothing on trust that the conversation does not show.

Answer with one JSON object and nothing else, in this form, with one entry for each number:

{"results": [{"number": 1, "why": "<a short reason>", "met": true}]}"""
_FENCE = re.compile(r"^```\w*\n|\n?```$")
_AFTER_THOUGHT = "</think>"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an assertion is true, and why."""

    assertion: str
    met: bool
    why: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge found, and what that used up."""

    verdicts: tuple[Verdict, ...]
    usage: Usage


class Judge:
    """Asks a policy, once for all assertions; what breaks in it is no fault of the agent's."""

    def __init__(self, policy: Policy) -> None:
        if policy.reads_reference:
            raise UsageError(f"{policy.name} cannot judge: it reads the agent's solution")
        self._policy = policy

    @property
    def name(self) -> str:
        """What records call it."""
        return f"judge:{self._policy.name}"

    async def judge(self, assertions: Sequence[str], events: Sequence[Event], *, seed: int) -> Judgement:
        """What is true of an episode."""
        asked = Conversation([Message("system", _TASK), Message("user", _case(assertions, events))])
        usage, problem = NO_USAGE, ""
        async with capped("judge"):
            for attempt in range(_ATTEMPTS):
                text, used = await self._ask(asked, seed + attempt)
                usage += used
                try:
                    return Judgement(tuple(_read(text, assertions)), usage)
                except ValueError as error:
                    problem = str(error)
        raise EnvironmentFault(f"{self.name}: no answer of {_ATTEMPTS} could be read: {problem}")

    async def _ask(self, conversation: Conversation, seed: int) -> tuple[str, Usage]:
        with _no_fault_of_the_agent(self.name):
            session = self._policy.start(Context(seed=seed))
            try:
                turn = checked_turn(await session.act(conversation))
            finally:
                await session.close("solved")  # how it ended for the agent is what is being found out
        return turn.text.rpartition(_AFTER_THOUGHT)[2].strip(), turn.usage

    def __deepcopy__(self, memo: object) -> Self:
        return self  # forks of an episode share it


def make_judge(spec: Policy | str | None, settings: Mapping[str, JsonValue] | None = None) -> Judge | None:
    """The judge that a policy's spec stands for; `settings` are the policy's, such as `base_url`."""
    given: dict[str, Any] = dict(settings or {})
    if "api_key" in given:
        raise UsageError(f"settings are written down, and a key must not be: set {KEY}, or OPENAI_API_KEY")
    asks = isinstance(spec, str) and asks_a_model(spec)
    if given and not asks:
        raise UsageError(f"judge_settings are for a judge such as openai:MODEL, not for {spec!r}")
    if spec is None:
        return None
    if not isinstance(spec, str):
        return Judge(spec)
    if asks and os.environ.get(KEY):
        given["api_key"] = os.environ[KEY]
    return Judge(make_policy(spec, **given))


@contextmanager
def _no_fault_of_the_agent(name: str) -> Iterator[None]:
    try:
        with boundary(EnvironmentFault, name):
            yield
    except PolicyFault as fault:
        raise EnvironmentFault(f"{name}: {fault}") from fault


def transcript(events: Sequence[Event]) -> str:
    """What was said and done, a line each."""
    return "\n".join(_told(event) for event in events)


def _told(event: Event) -> str:
    if isinstance(event, Line):
        return f"{'Agent' if event.by_agent else 'Customer'}: {event.text}"
    answer = "" if event.outcome is None else event.outcome.text
    return f"Tool {event.tool}({json.dumps(event.arguments)}): {answer}"


def _case(assertions: Sequence[str], events: Sequence[Event]) -> str:
    listed = "\n".join(f"{number}. {assertion}" for number, assertion in enumerate(assertions, 1))
    return f"# Conversation\n\n{transcript(events)}\n\n# Statements\n\n{listed}"


def _read(text: str, assertions: Sequence[str]) -> Iterator[Verdict]:
    """The verdicts of an answer, which must have one for each assertion."""
    answer: Any = parse_json(_FENCE.sub("", text))
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list) or not all(isinstance(result, dict) for result in results):
        raise ValueError("it has no list of results")
    held = {result["number"]: result for result in results if isinstance(result.get("number"), int)}
    for number, assertion in enumerate(assertions, 1):
        met = held.get(number, {}).get("met")
        if not isinstance(met, bool):
            raise ValueError(f"it does not say of statement {number} whether it is met")
        yield Verdict(assertion, met, str(held[number].get("why", "")))
