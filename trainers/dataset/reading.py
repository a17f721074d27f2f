"""Where trajectories come from: recorded runs, files of token rows, and data files of dialogues. Everything streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import groupby
from pathlib import Path

import orjson
from pydantic import JsonValue

from agentgym.episode import Episode
from agentgym.errors import UsageError
from agentgym.exports.dialogue import Dialogue, reply_places
from agentgym.exports.jsonrows import iterate_rows
from agentgym.exports.notices import Notices
from agentgym.exports.openai import openai_message
from agentgym.exports.reading import read_dialogues
from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject
from agentgym.runs import EPISODES, RunInfo, key_of, naming_damaged, placed_lines, read_episodes, read_info
from trainers.dataset.chaining import TokenCall, chain, place_of
from trainers.dataset.files import holds_token_rows, read_rows
from trainers.dataset.parquet import is_parquet, read_parquet_dialogues
from trainers.dataset.rows import Origin, TokenRow, Trajectory
from trainers.dataset.speaking import Reply, replies_of_dialogue, replies_of_episode
from trainers.dataset.tokenizing import Tokenizer, tokenized
from trainers.dataset.wanted import EVERYTHING, Wanted

_ID_KEYS = ("task_id", "query_id", "id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads trajectories, with or without rows: one that has none still counts for its reward."""

    wanted: Wanted = EVERYTHING
    tokenizer: Tokenizer | None = None
    """For what no engine told the tokens of; without one it gives no row."""
    notices: Notices = field(default_factory=Notices)
    """What was left out, and why."""

    def read(self, *sources: str | Path, by_task: bool = False) -> Iterator[Trajectory]:
        """The trajectories of runs and files, one at a time; `by_task` puts the trials of a task together."""
        for source in sources:
            path = Path(source)
            if path.name == EPISODES:
                path = path.parent
            yield from self._read(path, by_task=by_task)

    def _read(self, path: Path, *, by_task: bool) -> Iterator[Trajectory]:
        if path.is_dir():
            info = read_info(path)
            if self.wanted.suites is None or info.suite in self.wanted.suites:
                episodes = _episodes_by_task(path) if by_task else read_episodes(path)
                yield from self._of_episodes(episodes, path, info)
        elif holds_token_rows(path):
            yield from self._of_rows(read_rows(path))
        elif self.wanted.asks_for_rollouts:
            told = "knows no outcomes, rewards, suites or roles; only rollouts are chosen by them"
            raise UsageError(f"{path}: a file of dialogues {told}")
        else:
            yield from self._of_dialogues(path)

    def _of_episodes(self, episodes: Iterable[Episode], folder: Path, info: RunInfo) -> Iterator[Trajectory]:
        for episode in episodes:
            origin = _origin_of(episode, folder, info)
            if episode.outcome == "not_evaluable":
                self.notices.add("episodes left out that were not evaluable", place_of(origin))
            elif self.wanted.wants(origin):
                replies = replies_of_episode(episode, self.wanted.roles)
                yield Trajectory(origin, self._rows(replies, origin), episode.task)

    def _of_rows(self, rows: Iterable[TokenRow]) -> Iterator[Trajectory]:
        roles = self.wanted.roles
        for origin, together in groupby(rows, key=lambda row: row.origin):
            if self.wanted.wants(origin):
                kept = tuple(row if roles is None else row.of_roles(roles) for row in together)
                yield Trajectory(origin, tuple(row for row in kept if row.samples))

    def _of_dialogues(self, path: Path) -> Iterator[Trajectory]:
        for number, (row, dialogue) in enumerate(_dialogues(path)):
            origin = Origin(source=str(path), task_id=_task_id(row, dialogue), trial=number)
            fields = {key: value for key, value in row.items() if key not in ("messages", "conversations", "tools")}
            yield Trajectory(origin, self._rows(replies_of_dialogue(dialogue), origin), fields)

    def _rows(self, replies: Iterable[Reply], origin: Origin) -> tuple[TokenRow, ...]:
        """Of what the engine told, or of our own tokens: never of both, or sampled tokens would be tokenised again."""
        said = list(replies)
        calls = [
            TokenCall(span=reply.span, turn=reply.turn, role=reply.role, finish_reason=reply.finish_reason)
            for reply in said
            if reply.span is not None
        ]
        where = place_of(origin)
        if not calls and self.tokenizer is not None:
            calls = list(tokenized(said, self.tokenizer, where=where, notices=self.notices))
        elif len(calls) < len(said):
            told = "replies without token ids, which do not train"
            mend = "" if calls else " (a tokenizer gives them some)"
            self.notices.add(f"{told}{mend}", where, times=len(said) - len(calls))
        return chain(calls, origin, notices=self.notices)


def _episodes_by_task(folder: Path) -> Iterator[Episode]:
    """The records of a run with those of a task together; only where each begins is remembered."""
    path = folder / EPISODES
    if not path.exists():
        return
    places: dict[str, dict[int, int]] = {}
    with naming_damaged(folder):
        for place, line in placed_lines(path):
            task, trial = orjson.loads(key_of(line)[0])
            places.setdefault(task, {})[trial] = place  # the last record wins
    with path.open("rb") as file:
        for trials in places.values():
            for _, place in sorted(trials.items()):
                file.seek(place)
                with naming_damaged(folder):
                    episode = Episode.from_json(file.readline())
                yield episode


def _origin_of(episode: Episode, folder: Path, info: RunInfo) -> Origin:
    return Origin(
        source=str(folder),
        task_id=episode.task_id,
        trial=episode.trial,
        environment=episode.environment.id,
        suite=info.suite,
        policy=episode.policy,
        outcome=episode.outcome,
        reward=episode.reward,
        terms=episode.terms,
    )


def _dialogues(path: Path) -> Iterator[tuple[JsonObject, Dialogue]]:
    """Each row with the dialogue that it holds."""
    if is_parquet(path):
        yield from read_parquet_dialogues(path)
        return
    for (_, row), dialogue in zip(iterate_rows(path), read_dialogues(path), strict=True):
        yield (row if isinstance(row, dict) else {}), dialogue


def _task_id(row: JsonObject, dialogue: Dialogue) -> str:
    """What the row calls itself, or else a digest of the prompt: equal prompts are one task."""
    named: Sequence[JsonValue] = [row[key] for key in _ID_KEYS if isinstance(row.get(key), str | int)]
    if named:
        return str(named[0])
    begin = next(iter(reply_places(dialogue)), len(dialogue.messages))
    prompt = [openai_message(replace(message, loss=None)) for message in dialogue.messages[:begin]]
    return blake2b(dump_json(prompt), digest_size=8).hexdigest()
