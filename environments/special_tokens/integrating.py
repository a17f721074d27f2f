"""`integrate`: special tokens put into a tokenizer, and rows for them into the model it belongs to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentgym.errors import UsageError, describe
from agentgym.extras import require
from agentgym.messages import JsonObject
from environments.special_tokens.modes import STANDARD, Mode, Modes
from environments.special_tokens.responding import SAMPLES

WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


@dataclass(frozen=True, slots=True)
class Integrated:
    """What was done."""

    ids: dict[str, int]
    """By token."""
    added: tuple[str, ...]
    """The tokens that the tokenizer did not have before."""
    rows_before: int | None = None
    """Of the embeddings, where there are weights; some may have been spare."""
    rows_after: int | None = None
    tied: bool | None = None
    """Whether the head shares the embeddings' rows."""


def integrate(model: str, out: Path, *, modes: Modes = STANDARD, weights: bool | None = None) -> Integrated:
    """Add the tokens to the tokenizer of a folder or a hub id, and write it; `weights` None: as the folder has some.

    Each token gets one id of its own; ids, rows and weights of old tokens stay as they are.
    """
    transformers = require("transformers")
    tokenizer = _loaded(transformers.AutoTokenizer, model)
    if weights is None:
        weights = has_weights(Path(model))
    # Before any token is there: what a token means must not be told by the token itself.
    related = {mode.token: related_ids(tokenizer, mode) for mode in modes}
    ids, added = add_tokens(tokenizer, [mode.token for mode in modes])
    done = Integrated(ids, added)
    if weights:
        done = _with_rows(transformers, model, out, done, related)
    # Trainers of adapters read here whose rows they have to train.
    tokenizer.init_kwargs["new_tokens"] = sorted({*ids, *(tokenizer.init_kwargs.get("new_tokens") or ())})
    tokenizer.save_pretrained(out)
    kept = _loaded(transformers.AutoTokenizer, str(out))
    for token, number in ids.items():
        if encoded(kept, token) != [number]:
            raise UsageError(f"{out}: {token!r} is {encoded(kept, token)} after it was saved, not [{number}]")
    return done


def add_tokens(tokenizer: Any, tokens: Sequence[str]) -> tuple[dict[str, int], tuple[str, ...]]:
    """Make each a special token of one id; gives the ids, and which tokens were new."""
    added_token = require("tokenizers").AddedToken
    known = tokenizer.get_vocab()
    made = [added_token(token, special=True, normalized=False, lstrip=False, rstrip=False) for token in tokens]
    tokenizer.add_tokens(made, special_tokens=True)
    ids = {token: int(tokenizer.convert_tokens_to_ids(token)) for token in tokens}
    for token, number in ids.items():
        if encoded(tokenizer, token) != [number] or encoded(tokenizer, f"a{token}b").count(number) != 1:
            raise UsageError(f"the tokenizer does not take {token!r} as one token: {encoded(tokenizer, token)}")
    return ids, tuple(token for token in tokens if token not in known)


def encoded(tokenizer: Any, text: str) -> list[int]:
    """The ids of a text, and of nothing around it."""
    return [int(number) for number in tokenizer.encode(text, add_special_tokens=False)]


def related_ids(tokenizer: Any, mode: Mode) -> list[int]:
    """The tokens of the words that say what a mode is for."""
    words = f"{mode.name.lower()} {mode.tool} {mode.about}"
    unknown = tokenizer.unk_token_id
    return sorted({number for number in encoded(tokenizer, words) if number != unknown})


def has_weights(folder: Path) -> bool:
    """Whether a folder holds a model, and not a tokenizer alone."""
    return any(next(folder.glob(pattern), None) is not None for pattern in WEIGHTS)


def task_file(folder: Path, modes: Modes = STANDARD) -> JsonObject:
    """What texts become with the tokenizer of a folder: `{special_tokens, tasks}`."""
    tokenizer = _loaded(require("transformers").AutoTokenizer, str(folder))
    tokens = [mode.token for mode in modes]
    rows = json.loads((SAMPLES / "query_and_output.json").read_text(encoding="utf-8"))
    texts = [*tokens, "".join(tokens), *(row["Output"] for row in rows)]
    return {
        "special_tokens": [{"token": token, "id": encoded(tokenizer, token)[0]} for token in tokens],
        "tasks": [_task(tokenizer, text) for text in texts],
    }


def _task(tokenizer: Any, text: str) -> JsonObject:
    ids = encoded(tokenizer, text)
    decoded = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return {"text": text, "token_ids": list(ids), "decoded_text": str(decoded)}


def _with_rows(
    transformers: Any, source: str, out: Path, done: Integrated, related: dict[str, list[int]]
) -> Integrated:
    """Give the new tokens rows of their own in the embeddings and the head, and write the model."""
    require("torch")
    config = _loaded(transformers.AutoConfig, source)
    made = getattr(transformers, (config.architectures or ["AutoModelForCausalLM"])[0], None)
    model = _loaded(made or transformers.AutoModelForCausalLM, source, dtype="auto")
    before = model.get_input_embeddings().weight.shape[0]
    needed = max(done.ids.values()) + 1
    if needed > before:  # never down: a checkpoint may have spare rows beyond its tokens
        model.resize_token_embeddings(needed, mean_resizing=False)
    embeddings, head = model.get_input_embeddings(), model.get_output_embeddings()
    tied = head is not None and head.weight.data_ptr() == embeddings.weight.data_ptr()
    for token in done.added:
        _fill(embeddings.weight, done.ids[token], related[token])
        if head is not None and not tied:
            _fill(head.weight, done.ids[token], related[token])
        if head is not None and getattr(head, "bias", None) is not None:
            _fill(head.bias, done.ids[token], related[token])
    model.save_pretrained(out)
    return Integrated(done.ids, done.added, before, model.get_input_embeddings().weight.shape[0], tied)


def _fill(rows: Any, place: int, related: Sequence[int]) -> None:
    """The mean of the related rows: a new token begins where its meaning is, not at random."""
    with require("torch").no_grad():
        known = [number for number in related if number < place] or [number for number in range(place)]
        rows[place] = rows[known].float().mean(dim=0).to(rows.dtype)


def _loaded(kind: Any, place: str, **options: Any) -> Any:
    try:
        return kind.from_pretrained(place, **options)
    except (OSError, ValueError, ImportError) as error:
        raise UsageError(f"{place!r} cannot be loaded: {describe(error)[:300]}; name a folder or a hub id") from None
