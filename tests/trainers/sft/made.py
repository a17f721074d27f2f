"""A tiny checkpoint whose tokens are words, and rows that it can learn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from trainers.dataset.rows import Origin, Sample, TokenRow
from trainers.recipe import Recipe

VOCABULARY = 60


def checkpoint(folder: Path, *, dropout: float = 0.0) -> Path:
    """A model that has learnt nothing."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    torch.set_num_threads(1)  # so little work is only slowed by sharing it out
    torch.manual_seed(0)
    words = Tokenizer(WordLevel({f"w{number}": number for number in range(VOCABULARY)}, unk_token="w0"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="w0", eos_token="w1", pad_token="w2")
    config = Qwen3Config(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=2,
        attention_dropout=dropout,
    )
    Qwen3ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def row(*ids: int, samples: list[tuple[int, int]], task: str = "t", source: str = "here", **more: Any) -> TokenRow:
    held = tuple(Sample(begin=begin, end=end, turn=1) for begin, end in samples)
    return TokenRow(origin=Origin(source=source, task_id=task), input_ids=ids, samples=held, **more)


def rows(count: int, *, seed: int = 0) -> Iterator[TokenRow]:
    """Each goes on as it began: the next token is always five more."""
    random = Random(seed)
    for number in range(count):
        context, answer, first = random.randrange(3, 12), random.randrange(2, 6), random.randrange(VOCABULARY)
        ids = [3 + (first + 5 * place) % (VOCABULARY - 3) for place in range(context + answer)]
        yield row(*ids, samples=[(context, context + answer)], task=f"t{number}")


def recipe(**keys: Any) -> Recipe:
    return Recipe.model_validate({"stage": "sft", **keys})
