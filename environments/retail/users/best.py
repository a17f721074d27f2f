"""The best of several lines, by the score that their own author gives them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

import anyio

from environments.retail.users.heard import Heard, Said
from environments.retail.users.prompts import SCORE, case
from environments.retail.users.voice import Voice

T = TypeVar("T")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_HIGHEST = 10.0


async def best_of(count: int, propose: Callable[[Voice, Heard], Awaitable[Said]], voice: Voice, heard: Heard) -> Said:
    """Have so many lines proposed at the same time, and of those that differ choose the one with the highest score."""
    proposed: list[Said] = []

    async def add(part: Voice) -> None:
        proposed.append(await propose(part, heard))

    await _at_once(add, voice.parts(count))
    # In an order of their own, whichever came first: so an episode that is played again chooses the same.
    differing = {said.line: said for said in sorted(proposed, key=lambda said: (said.line, said.kept)) if said.line}
    if len(differing) < 2:
        return next(iter(differing.values()), proposed[0])
    scores: dict[str, float] = {}

    async def score(rated: tuple[Voice, str]) -> None:
        part, line = rated
        scores[line] = read_score(await part.judge(SCORE, case(heard.instruction, heard.transcript, line)))

    await _at_once(score, list(zip(voice.parts(count), differing, strict=False)))
    return max(differing.values(), key=lambda said: scores[said.line])


def read_score(text: str) -> float:
    """The first number from 0 to 10; -1 where there is none."""
    found = (float(number) for number in _NUMBER.findall(text))
    return next((number for number in found if number <= _HIGHEST), -1.0)


async def _at_once(function: Callable[[T], Coroutine[Any, Any, None]], values: Sequence[T]) -> None:
    async with anyio.create_task_group() as group:
        for value in values:
            group.start_soon(function, value)
