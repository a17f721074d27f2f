"""Checkpoints in the output folder, `checkpoint-STEP`: whole ones are marked, and only those are gone on from."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, JsonValue, ValidationError

from agentgym.errors import UsageError
from agentgym.messages import JsonObject
from agentgym.runs import write_whole
from trainers.models.folders import clear_broken_off
from trainers.recipe import Recipe

MARK = "agentgym.json"
_NAME = re.compile(r"checkpoint-(\d+)")
_FREE = {"output_dir", "log_dir", "run_name", "save_steps", "keep_checkpoints", "log_steps", "merge"}
_FREE_PLACES = {"data.sources", "data.validation"}
"""What may differ when a training goes on, for nothing else is learnt; of data it is the rows that count."""


class Mark(BaseModel):
    """What stands in a checkpoint once all else does: where it is, and what led there."""

    step: int
    run: str
    """The name of the log's folder."""
    seconds: float = 0.0
    """That training took so far."""
    data: str
    """A digest of all rows, in their order."""
    recipe: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A whole one."""

    folder: Path
    mark: Mark


def checkpoint_folder(output_dir: Path, step: int) -> Path:
    """Where the checkpoint of a step lies."""
    return output_dir / f"checkpoint-{step}"


def newest(output_dir: Path) -> Checkpoint | None:
    """The last whole checkpoint, if there is any."""
    whole = sorted(_whole(output_dir), key=lambda found: found.mark.step)
    return whole[-1] if whole else None


def write_mark(folder: Path, mark: Mark) -> None:
    """Say that all is there, once it is on the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    write_whole(folder / MARK, mark.model_dump_json().encode())


def prune(output_dir: Path, keep: int) -> None:
    """Keep the newest whole checkpoints, and nothing that was broken off."""
    whole = sorted(_whole(output_dir), key=lambda found: found.mark.step)
    kept = {found.folder for found in whole[-keep:]}
    for folder in _folders(output_dir):
        if folder not in kept:
            shutil.rmtree(folder, ignore_errors=True)
    clear_broken_off(output_dir)


def check_same(mark: Mark, recipe: Recipe, *, data: str) -> None:
    """UsageError that tells all differences, where another training led to the checkpoint."""
    then, now = dict(_flat(mark.recipe)), dict(_flat(recorded(recipe)))
    differences = [
        f"{key}: {_told(then.get(key))} then, {_told(now.get(key))} now"
        for key in sorted(then.keys() | now.keys())
        if then.get(key) != now.get(key) and key.partition(".")[0] not in _FREE and key not in _FREE_PLACES
    ]
    if mark.data != data:
        differences.append("the rows of the data are others")
    if differences:
        told = "another training led to the checkpoint of step"
        mend = "go on as it began, or begin anew in another --output-dir"
        raise UsageError(f"{told} {mark.step} ({'; '.join(differences)}); {mend}")


def recorded(recipe: Recipe) -> JsonObject:
    """A recipe as checkpoints and logs hold it."""
    held: JsonObject = recipe.model_dump(mode="json")
    return held


def _whole(output_dir: Path) -> Iterator[Checkpoint]:
    for folder in _folders(output_dir):
        try:
            yield Checkpoint(folder, Mark.model_validate_json((folder / MARK).read_bytes()))
        except (OSError, ValidationError):
            continue


def _folders(output_dir: Path) -> list[Path]:
    if not output_dir.is_dir():
        return []
    return [path for path in output_dir.iterdir() if _NAME.fullmatch(path.name) and path.is_dir()]


def _flat(value: Mapping[str, JsonValue], name: str = "") -> Iterator[tuple[str, JsonValue]]:
    for key, inner in value.items():
        whole = f"{name}.{key}" if name else key
        if isinstance(inner, dict) and inner:
            yield from _flat(inner, whole)
        else:
            yield whole, inner


def _told(value: JsonValue) -> str:
    return "nothing" if value is None else str(value)
