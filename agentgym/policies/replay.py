"""The agent of a run, played again word by word, in the same environment or a changed one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson
from anyio import to_thread
from anyio.lowlevel import checkpoint

from agentgym.episode import Episode
from agentgym.errors import ContextOverflow, DataFileError, PolicyFault
from agentgym.jsontext import dump_json
from agentgym.messages import Conversation, Turn
from agentgym.policy import Context, Policy, Session
from agentgym.runs import EPISODES, placed_lines, read_episode, read_info
from agentgym.seeds import derive_seed

_AFTER = Turn("I have nothing more to say.", finish_reason="stop")
_SEVERAL = -1
"""In place of an episode's number: there are more than one."""
_AMBIGUOUS = (
    "the run that is replayed has several tasks with this seed and this beginning, so that nothing tells which one "
    "this is; record it with a seed for each job"
)


class ReplayPolicy(Policy):
    """Gives the turns that a run recorded: those of the episode with the same seed that began with the same messages;
    or else of the only episode with that seed; or else of the first one that began so.

    Where several tasks have the same seed and begin alike nothing tells them apart, and it is a fault to replay them.

    Tokens and latencies are those recorded, for they are the agent's; what it costs to replay them is nothing. An
    episode that was not evaluable breaks again where its turns end.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        read_info(self._folder)
        self._index: _Index | None = None

    @property
    def name(self) -> str:
        return f"replay:{self._folder.resolve().name}"

    async def preflight(self) -> None:
        self._index = self._index or await to_thread.run_sync(_Index, self._folder / EPISODES)

    def start(self, context: Context) -> Session:
        self._index = self._index or _Index(self._folder / EPISODES)
        return _ReplaySession(self._index, context.seed)


class _Index:
    """Where in the file the last record of each episode begins."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: list[int] = []
        """By the episodes' numbers, as are those below."""
        self._by_start: dict[bytes, int] = {}
        """A seed and an opening."""
        self._by_seed: dict[int, int] = {}
        self._by_opening: dict[bytes, int] = {}
        self._lengths = set[int]()
        """How many messages there are before the first turn."""
        if path.exists():
            self._read()

    def find(self, seed: int, conversation: Conversation) -> Episode | None:
        """The record of the session with this seed and this beginning, or with one of them."""
        number = self._number(seed, conversation)
        if number is None:
            return None
        if number == _SEVERAL:
            raise PolicyFault(_AMBIGUOUS)
        with self._path.open("rb") as file:
            file.seek(self._places[number])
            return read_episode(file.readline(), self._path.parent)

    def _read(self) -> None:
        numbers, tasks = dict[bytes, int](), list[bytes]()
        for place, line in placed_lines(self._path):
            try:
                record: dict[str, Any] = orjson.loads(line)
                task, trial, opening = record["task_id"], record["trial"], record["opening"]
                seed = derive_seed(record["seed"], "policy")
                self._lengths.add(len(opening))
            except (ValueError, KeyError, TypeError):
                raise DataFileError(f"{self._path}: not an episode record: {line[:80]!r}") from None
            number = numbers.setdefault(_digest([task, trial]), len(numbers))
            if number == len(tasks):
                tasks.append(_digest(task))
                self._places.append(place)
            self._places[number] = place  # the last one, where the episode was played again
            began = _digest(opening)
            self._by_opening.setdefault(began, number)
            if self._by_seed.setdefault(seed, number) != number:
                self._by_seed[seed] = _SEVERAL
            other = self._by_start.setdefault(_start(seed, began), number)
            if other != _SEVERAL and tasks[other] != tasks[number]:
                self._by_start[_start(seed, began)] = _SEVERAL

    def _number(self, seed: int, conversation: Conversation) -> int | None:
        lengths = (length for length in sorted(self._lengths - {0}, reverse=True) if length <= len(conversation))
        openings = [_digest(conversation[:length]) for length in lengths]
        for opening in openings:
            number = self._by_start.get(_start(seed, opening))
            if number is not None:
                return number
        number = self._by_seed.get(seed, _SEVERAL)
        if number != _SEVERAL:
            return number  # the environment's words changed
        return next((self._by_opening[opening] for opening in openings if opening in self._by_opening), None)


def _start(seed: int, opening: bytes) -> bytes:
    return _digest([seed, opening.hex()])


def _digest(messages: object) -> bytes:
    """Equal for equal messages, be they read from a record or not."""
    return blake2b(dump_json(messages), digest_size=16).digest()


class _ReplaySession(Session):
    def __init__(self, index: _Index, seed: int) -> None:
        self._index = index
        self._seed = seed
        self._turns: Iterator[Turn] | None = None

    async def act(self, conversation: Conversation) -> Turn:
        if self._turns is None:
            episode = self._index.find(self._seed, conversation)
            if episode is None:
                raise PolicyFault("the run that is replayed has no episode with this seed or this beginning")
            self._turns = _turns(episode)
        await checkpoint()
        return next(self._turns)


def _turns(episode: Episode) -> Iterator[Turn]:
    for record in episode.turns:
        yield replace(record.turn, usage=replace(record.turn.usage, cost_usd=0.0))
    if episode.limit == "context":
        raise ContextOverflow("the recorded conversation no longer fitted the model here")
    if episode.outcome == "not_evaluable":
        told = "unknown" if episode.cause is None else episode.cause.message
        raise PolicyFault(f"the recorded episode was not evaluable from here on: {told}")
    while True:
        yield _AFTER
