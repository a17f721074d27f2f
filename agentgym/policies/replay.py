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


class ReplayPolicy(Policy):
    """Gives the turns that a run recorded: those of the episode with the same seed, or else of the first episode that
    began with the same messages.

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
    """Where in the file each record begins."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._by_seed: dict[int, int] = {}
        self._by_opening: dict[bytes, int] = {}
        self._lengths = set[int]()
        """How many messages there are before the first turn."""
        if not path.exists():
            return
        for place, line in placed_lines(path):
            try:
                record: dict[str, Any] = orjson.loads(line)
                seed, opening = derive_seed(record["seed"], "policy"), record["opening"]
                self._lengths.add(len(opening))
            except (ValueError, KeyError, TypeError):
                raise DataFileError(f"{path}: not an episode record: {line[:80]!r}") from None
            before = self._by_seed.get(seed)
            self._by_seed[seed] = place
            if self._by_opening.setdefault(_digest(opening), place) == before:
                self._by_opening[_digest(opening)] = place  # the episode was played again

    def find(self, seed: int, conversation: Conversation) -> Episode | None:
        """The record of the session with this seed, or of a conversation that began like this one."""
        place = self._by_seed.get(seed)
        if place is None:
            place = next(self._places(conversation), None)
        if place is None:
            return None
        with self._path.open("rb") as file:
            file.seek(place)
            return read_episode(file.readline(), self._path.parent)

    def _places(self, conversation: Conversation) -> Iterator[int]:
        for length in sorted(self._lengths - {0}, reverse=True):
            if length <= len(conversation):
                place = self._by_opening.get(_digest(conversation[:length]))
                if place is not None:
                    yield place


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
