"""Folders of adapters: what one was trained with is written beside it, and looked at before it is used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from agentgym.errors import UsageError, one_line
from trainers.engine.checkpoint import fingerprint
from trainers.models.sources import ADAPTER, has_tokenizer, is_adapter, read_tokenizer
from trainers.models.tokens import token_count, tokenizer_print

RECORD = "agentgym_adapter.json"
_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")


class AdapterRecord(BaseModel):
    """What an adapter was trained with."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    base: str
    """A folder, or a name on the hub."""
    base_weights: str | None = None
    """The fingerprint of the folder's weights."""
    tokenizer: str | None = None
    """Equal for equal tokenizers."""
    tokens: int | None = None
    """How many the tokenizer has."""
    rows: int | None = None
    """Of the model's embeddings."""
    new_tokens: dict[str, int] = {}


def check_adapter(folder: str | Path) -> AdapterRecord:
    """What the adapter belongs to; UsageError where it is none, or lies without the tokenizer it was trained with."""
    place = Path(folder).expanduser()
    if not is_adapter(place):
        told = f"there is no {ADAPTER} in it" if place.is_dir() else "there is no such folder"
        told = "it is a whole model" if (place / "config.json").exists() else told
        raise UsageError(f"{folder} is no adapter: {told}; give a folder that training with LoRA wrote")
    if not any((place / name).is_file() for name in _WEIGHTS):
        raise UsageError(f"{folder} holds no weights of an adapter ({_WEIGHTS[0]}); it was not written to the end")
    record = _record(place)
    if not has_tokenizer(place):
        raise UsageError(
            f"{folder} holds an adapter without its tokenizer, and with another one tokens would mean other things; "
            "put the tokenizer it was trained with beside it"
        )
    _check_tokenizer(place, record)
    return record


def check_base(record: AdapterRecord, base: str) -> None:
    """UsageError where the base is gone, or other weights lie there than those the adapter was trained on."""
    place = Path(base).expanduser()
    if place.is_absolute() and not place.is_dir():
        raise UsageError(
            f"the adapter's base {base} is not there; put it back, or say where it is now: "
            "agentgym model merge ADAPTER --out DIR --base DIR"
        )
    if is_adapter(place):
        raise UsageError(f"{base} is an adapter itself; merge that first: agentgym model merge {base} --out DIR")
    if record.base_weights is not None and place.is_dir() and fingerprint(place) != record.base_weights:
        raise UsageError(
            f"{base} holds other weights than those the adapter was trained on ({record.base}); "
            "give that model with --base DIR"
        )


def write_record(folder: Path, record: AdapterRecord) -> None:
    """Beside the adapter."""
    (folder / RECORD).write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _record(place: Path) -> AdapterRecord:
    """What was written beside the adapter, or else what peft knows."""
    path = place / (RECORD if (place / RECORD).is_file() else ADAPTER)
    try:
        told: Any = json.loads(path.read_bytes())
        if path.name == ADAPTER:
            told = {"base": told.get("base_model_name_or_path") or ""}
        return AdapterRecord.model_validate(told)
    except ValidationError as error:
        raise UsageError(f"{path}: {one_line(error)}") from None
    except (OSError, ValueError, AttributeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None


def _check_tokenizer(place: Path, record: AdapterRecord) -> None:
    if record.tokenizer is None:
        return
    tokenizer = read_tokenizer(str(place))
    if tokenizer_print(tokenizer) == record.tokenizer:
        return
    wrong = [token for token, number in record.new_tokens.items() if tokenizer.get_vocab().get(token) != number]
    told = f"it has {token_count(tokenizer)} tokens, not {record.tokens}"
    if token_count(tokenizer) == record.tokens:
        told = "it has as many tokens, and gives some of them other ids"
    if wrong:
        told += f", and {wrong[0]!r} is not {record.new_tokens[wrong[0]]} in it"
    raise UsageError(
        f"the tokenizer in {place} is not the one its adapter was trained with: {told}; put the right one there"
    )
