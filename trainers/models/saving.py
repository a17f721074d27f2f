"""What was trained, written as a whole: the model or the adapter, always with the tokenizer and its chat template."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentgym.errors import UsageError, boundary
from agentgym.extras import require
from trainers.models.adapters import AdapterRecord, check_adapter, check_base, write_record
from trainers.models.folders import check_place, written
from trainers.models.loading import Trainee, grown_base
from trainers.models.probing import AGREEMENT, check_agreement, logits, probe_ids
from trainers.models.sources import read_model, settled
from trainers.models.tokens import token_count


@dataclass(frozen=True, slots=True)
class Merged:
    """What merging wrote."""

    folder: Path
    base: str
    numbers: str
    """In which the weights are kept."""
    apart: float
    """The largest difference of what adapter and merged model say, relative to the largest figure."""


def save_trainee(trainee: Trainee, folder: str | Path, *, weights: Any | None = None) -> Path:
    """Write a folder that `load_trainee`, `agentgym model` and `from_pretrained` take; one that was there is replaced.

    `weights` is a state dict to write in place of the model's own, where those are spread over several devices.
    """
    options: dict[str, Any] = {} if weights is None else {"state_dict": weights}
    if trainee.adapter:
        options["save_embedding_layers"] = False  # rows that are not the base's are the adapter's own
    with written(folder) as place:
        with _as_to_be_used(trainee):
            trainee.model.save_pretrained(place, **options)
        trainee.tokenizer.save_pretrained(place)
        if trainee.adapter:
            write_record(place, trainee.record())
    return Path(folder)


def merge(folder: str | Path, out: str | Path, *, base: str | None = None, numbers: str | None = None) -> Merged:
    """Put an adapter into its base and write the whole model, which is read again and asked whether it says the same.

    `base` is needed where the adapter's own has moved; `numbers` are the base's own where none are named. UsageError
    where the adapter, its tokenizer and the base do not belong together; MergeError where the result differs.
    """
    record = check_adapter(folder)
    source = base or record.base
    if not source:
        raise UsageError(f"{folder} does not say what it was trained on; name it with --base DIR")
    for taken in (source, str(folder)):
        if settled(str(out)) == settled(taken):
            raise UsageError(f"{out} is what is merged; name another folder with --out DIR")
    check_place(out)
    check_base(record, source)
    return _merge(record, str(Path(folder).expanduser()), Path(out), source, numbers or "auto")


def _merge(record: AdapterRecord, place: str, out: Path, source: str, numbers: str) -> Merged:
    model, tokenizer = grown_base(record, place, read_model(source, dtype=numbers))
    kept = str(model.dtype).removeprefix("torch.")
    with boundary(UsageError, f"{place} does not fit {source}"):
        adapted = require("peft").PeftModel.from_pretrained(model, place)
    ids = probe_ids(token_count(tokenizer), record.new_tokens.values())
    expected = logits(adapted, ids)
    merged = adapted.merge_and_unload()
    in_memory = logits(merged, ids)
    with written(out) as beside:
        merged.save_pretrained(beside)
        tokenizer.save_pretrained(beside)
        del model, adapted, merged  # the next one takes as much memory
        said = logits(read_model(str(beside), dtype=kept), ids)
        check_agreement(said, in_memory, most=AGREEMENT["float32"], told=f"{out} is not what was to be written")
        most = AGREEMENT.get(kept, AGREEMENT["bfloat16"])
        apart = check_agreement(said, expected, most=most, told=f"{out} does not say what the adapter says")
    return Merged(out, source, kept, apart)


@contextmanager
def _as_to_be_used(trainee: Trainee) -> Iterator[None]:
    """The configuration for who samples from the model, not for who trains it."""
    config = trainee.model.config
    now, config.use_cache = config.use_cache, trainee.use_cache
    try:
        yield
    finally:
        config.use_cache = now
