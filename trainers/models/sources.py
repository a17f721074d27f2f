"""Models and tokenizers, from a folder, from what transformers has loaded before, or from the hub.

The first of them imports transformers; a seventh of its time would go into looking for garbage.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agentgym.errors import UsageError, boundary, describe
from agentgym.extras import require
from agentgym.garbage import rarer_collections
from trainers.engine.checkpoint import check_folder

ADAPTER = "adapter_config.json"
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json")


@rarer_collections()
def read_model(source: str, **options: Any) -> Any:
    """A causal language model with its weights."""
    transformers = require("transformers")
    transformers.utils.logging.disable_progress_bar()
    place = Path(source).expanduser()
    if _is_folder(source):
        check_folder(place)
    return _had(transformers.AutoModelForCausalLM, source, **options)


@rarer_collections()
def read_config(source: str) -> Any:
    """What a model says of itself."""
    return _had(require("transformers").AutoConfig, source)


@rarer_collections()
def read_tokenizer(source: str) -> Any:
    """A tokenizer with its chat template, where it has one."""
    transformers = require("transformers")
    place = Path(source).expanduser()
    _check_named(source)
    if place.is_dir() and not has_tokenizer(place):
        raise UsageError(f"{source} holds no tokenizer; give the folder of one: --set tokenizer=DIR")
    return _had(transformers.AutoTokenizer, source)


def has_tokenizer(folder: Path) -> bool:
    """Whether one lies there."""
    return any((folder / name).is_file() for name in _TOKENIZER_FILES)


def is_adapter(source: str | Path) -> bool:
    """Whether the folder holds an adapter, and no model."""
    place = Path(source).expanduser()
    return (place / ADAPTER).is_file() and not (place / "config.json").exists()


def settled(source: str) -> str:
    """The source as it can be named from anywhere: a folder by its whole path."""
    place = Path(source).expanduser()
    return str(place.resolve()) if place.is_dir() else source


def _is_folder(source: str) -> bool:
    """Whether a folder is meant: one is there, or no name on the hub looks like this."""
    return Path(source).expanduser().is_dir() or source.startswith((".", "/", "~")) or source.count("/") > 1


def _check_named(source: str) -> None:
    """A name that is left empty would mean the folder one happens to be in."""
    if not source:
        raise UsageError("no model is named; give one with --model DIR")


def _had(kind: Any, source: str, **options: Any) -> Any:
    """What is on this machine, before the hub is asked."""
    _check_named(source)
    if _is_folder(source):
        place = Path(source).expanduser()
        if not place.is_dir():
            raise UsageError(f"{source}: there is no such folder; give a checkpoint's folder or a name on the hub")
        return _read(kind, str(place), f"{source} cannot be loaded", local_files_only=True, **options)
    try:
        return kind.from_pretrained(source, local_files_only=True, **options)
    except (OSError, ValueError):
        told = f"{source} is no folder, is not in transformers' cache, and the hub did not give it"
        return _read(kind, source, told, **options)


def _read(kind: Any, source: str, told: str, **options: Any) -> Any:
    with boundary(UsageError, told):
        try:
            return kind.from_pretrained(source, **options)
        except (OSError, ValueError) as error:
            line = describe(error)
            raise UsageError(f"{told}: {line if len(line) <= 300 else line[:297] + '...'}") from None
