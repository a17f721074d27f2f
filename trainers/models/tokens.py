"""Tokens that a model has not learnt yet: which they are, and rows for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

from agentgym.errors import UsageError
from agentgym.extras import require
from agentgym.jsontext import dump_json

MARK = "new_tokens"
"""In tokenizer_config.json, the names of the added tokens that training is for; it stays with the tokenizer."""


def token_count(tokenizer: Any) -> int:
    """One more than the highest id: how many rows a model needs for it."""
    ids = tokenizer.get_vocab().values()
    return max(len(tokenizer), 1 + max(ids, default=-1))


def marked_tokens(tokenizer: Any) -> list[str]:
    """What the tokenizer itself says is new."""
    marked = tokenizer.init_kwargs.get(MARK) or []
    return [token for token in marked if isinstance(token, str) and token in tokenizer.get_vocab()]


def mark_tokens(tokenizer: Any, tokens: Iterable[str]) -> None:
    """Have the tokenizer say so wherever it is saved."""
    if names := sorted({*marked_tokens(tokenizer), *tokens}):
        tokenizer.init_kwargs[MARK] = names


def unknown_tokens(tokenizer: Any, own: Any | None, rows: int) -> dict[str, int]:
    """The tokens that a model of so many rows, trained with a tokenizer of its own, has never seen."""
    known = None if own is None else own.get_vocab()
    if known is not None:
        _check_same_ids(tokenizer, known)
    vocabulary = tokenizer.get_vocab()
    new = {token: i for token, i in vocabulary.items() if i >= rows or (known is not None and token not in known)}
    return dict(sorted(new.items(), key=lambda item: item[1]))


def named_tokens(tokenizer: Any, names: Iterable[str]) -> dict[str, int]:
    """The ids of tokens that a recipe names."""
    vocabulary = tokenizer.get_vocab()
    for name in names:
        if name not in vocabulary:
            raise UsageError(f"{name!r} is no token of the tokenizer; add it: agentgym tokens integrate --model DIR")
    return {name: int(vocabulary[name]) for name in names}


def grow(model: Any, needed: int, fresh: Mapping[str, int]) -> None:
    """Give the model rows for all tokens, never fewer than it has; fresh tokens begin as the mean of the others."""
    torch = require("torch")
    before = model.get_input_embeddings().weight.shape[0]
    if needed > before:
        model.resize_token_embeddings(needed, mean_resizing=False)
    ids = sorted({*fresh.values(), *range(before, needed)})
    if not ids:
        return
    embeddings, head = model.get_input_embeddings(), model.get_output_embeddings()
    held = [embeddings.weight] if head is None or is_tied(model) else [embeddings.weight, head.weight]
    if getattr(head, "bias", None) is not None:
        held.append(head.bias)
    with torch.no_grad():
        known = torch.ones(embeddings.weight.shape[0], dtype=torch.bool)
        known[ids] = False
        for rows in held:
            rows[ids] = rows[known.to(rows.device)].mean(dim=0, dtype=torch.float32).to(rows.dtype)


def is_tied(model: Any) -> bool:
    """Whether the head shares the embeddings' rows."""
    head = model.get_output_embeddings()
    return head is not None and head.weight.data_ptr() == model.get_input_embeddings().weight.data_ptr()


def tokenizer_print(tokenizer: Any) -> str:
    """Equal for tokenizers that give every token the same id."""
    told = {"tokens": sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]), "eos": tokenizer.eos_token}
    return blake2b(dump_json(told), digest_size=8).hexdigest()


def _check_same_ids(tokenizer: Any, known: Mapping[str, int]) -> None:
    vocabulary = tokenizer.get_vocab()
    moved = next((token for token, number in known.items() if vocabulary.get(token) != number), None)
    if moved is not None:
        now = vocabulary.get(moved)
        raise UsageError(
            f"the tokenizer does not belong to the model: {moved!r} is {known[moved]} in the model's own and "
            f"{'missing' if now is None else now} in this one; make it of the model's own: agentgym tokens integrate"
        )
