"""The output folder: what a training writes there, and whether it can."""

from __future__ import annotations

import shutil
from pathlib import Path
from uuid import uuid4

from agentgym.errors import UsageError
from trainers.progress.checkpoints import Checkpoint, newest
from trainers.progress.ranks import is_first
from trainers.recipe import Recipe

FINAL, MERGED, BEST = "final_model", "merged_model", "best_model"
_SPARE_BYTES = 16 << 20
_COPIES = 4
"""The model's, and in a checkpoint its weights with the two averages that AdamW keeps of each."""
_WEIGHTS = ("*.safetensors", "*.bin")


def prepare_outputs(recipe: Recipe, *, resume: bool, force: bool) -> Checkpoint | None:
    """See that all can be written, and give the checkpoint to go on from; UsageError before anything is loaded.

    `force` takes away what an earlier training wrote, unless it is to be gone on with.
    """
    for folder in (recipe.output_dir, recipe.log_dir):
        _check_writable(folder)
    found = newest(recipe.output_dir) if resume else None
    if found is None and is_first():
        begun = resume and not (recipe.output_dir / FINAL).exists()  # and was cut before its first checkpoint
        _make_way(recipe.output_dir, force=force or begun)
    _check_room(recipe)
    return found


def _make_way(folder: Path, *, force: bool) -> None:
    there = [path for path in sorted(folder.iterdir()) if path.name in (FINAL, MERGED, BEST) or _is_checkpoint(path)]
    if not there:
        return
    if not force:
        told = f"{folder} holds {there[0].name} of an earlier training"
        raise UsageError(f"{told}; go on with it by --resume, name another --output-dir, or replace it by --force")
    for path in there:
        shutil.rmtree(path)


def _is_checkpoint(path: Path) -> bool:
    return path.name.startswith("checkpoint-") and path.is_dir()


def _check_writable(folder: Path) -> None:
    probe = folder / f".probe.{uuid4().hex[:8]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"?")
        probe.unlink()
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}; mend that, or name another folder") from None


def _check_room(recipe: Recipe) -> None:
    """Of a model on this disk its size is known; of one that is fetched only that something is needed."""
    model = Path(recipe.model).expanduser()
    size = sum(file.stat().st_size for pattern in _WEIGHTS for file in model.glob(pattern)) if model.is_dir() else 0
    merges = recipe.lora is not None and recipe.merge
    needed = _SPARE_BYTES + (size * merges if recipe.lora is not None else size * _COPIES)
    free = shutil.disk_usage(recipe.output_dir).free
    if free < needed:
        told = f"{recipe.output_dir}: {free / 1e9:.2f} GB are free there, and at least {needed / 1e9:.2f} are needed"
        raise UsageError(f"{told}; make room, or name another --output-dir")
