"""Where dialogues come from: data files in any of the formats, and the episodes of recorded runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import JsonValue, ValidationError

from agentgym.episode import Episode
from agentgym.errors import DataFileError, UsageError, one_line
from agentgym.exports import alpaca, openai, sharegpt, trl_prompt
from agentgym.exports.dialogue import Dialogue, Said
from agentgym.exports.jsonrows import iterate_rows
from agentgym.messages import JsonObject
from agentgym.runs import EPISODES, read_episodes, read_info

_READERS: dict[str, Callable[[JsonObject], Dialogue]] = {
    "messages": openai.read,
    "conversations": sharegpt.read,
    "instruction": alpaca.read,
    "prompt": trl_prompt.read,
    **dict.fromkeys(("Query", "query", "QUERY"), alpaca.read_query),
}
"""By the key that tells the format."""
_FORMS = "`messages`, `conversations`, `instruction` and `output`, `prompt` and `completion`, or `Query` and `Output`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which episodes of a run are exported; those that were not evaluable never are."""

    solved: bool = False
    """Only those that were solved."""
    min_reward: float | None = None
    tool_errors: bool = True
    """Also those with calls that went wrong."""

    def wants(self, episode: Episode) -> bool:
        """Whether an episode is."""
        return (
            episode.outcome != "not_evaluable"
            and (episode.solved or not self.solved)
            and (self.min_reward is None or episode.reward >= self.min_reward)
            and (self.tool_errors or not episode.tool_errors)
        )


EVERYTHING = Wanted()


def read_dialogues(source: str | Path, *, wanted: Wanted = EVERYTHING) -> Iterator[Dialogue]:
    """The dialogues of a data file or of a run's directory, one at a time.

    The first fault is a DataFileError that names file and row.
    """
    path = Path(source)
    if path.name == EPISODES:
        path = path.parent
    if path.is_dir():
        yield from _of_run(path, wanted)
    elif wanted != EVERYTHING:
        raise UsageError(f"{path}: a data file knows no outcomes or rewards; only a run's episodes are chosen by them")
    else:
        yield from _of_file(path)


def of_episode(episode: Episode) -> Dialogue:
    """What was said in an episode, and its tools."""
    said = (
        Said(message.role, message.content, message.tool_calls, message.tool_call_id, message.reasoning)
        for message in episode.messages()
    )
    return Dialogue(tuple(said), tuple(tool.wire() for tool in episode.tools))


def _of_run(folder: Path, wanted: Wanted) -> Iterator[Dialogue]:
    read_info(folder)
    for episode in read_episodes(folder):
        if wanted.wants(episode):
            trial = f", trial {episode.trial}" if episode.trial else ""
            yield replace(of_episode(episode), where=f"{folder}: task {episode.task_id}{trial}")


def _of_file(path: Path) -> Iterator[Dialogue]:
    is_empty = True
    for where, row in iterate_rows(path):
        is_empty = False
        try:
            yield replace(_dialogue(row), where=where)
        except ValidationError as error:
            raise DataFileError(f"{where}: {one_line(error)}; mend the row, or take it out") from None
        except ValueError as error:
            raise DataFileError(f"{where}: {error}") from None
    if is_empty:
        raise DataFileError(f"{path}: holds no row; give rows with {_FORMS}")


def _dialogue(row: JsonValue) -> Dialogue:
    if not isinstance(row, dict):
        raise ValueError(f"a row is a JSON object with {_FORMS}")
    reader = next((reader for key, reader in _READERS.items() if key in row), None)
    if reader is None or isinstance(row.get("prompt"), str):
        keys = ", ".join(map(repr, row)) or "none"
        raise ValueError(f"no known form of a row, its keys are {keys[:200]}; give {_FORMS}")
    return reader(row)
