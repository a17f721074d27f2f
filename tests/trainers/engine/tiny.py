"""Tiny Qwen3 checkpoints, made on the spot: one that knows the guessing game, and one that knows nothing."""

from __future__ import annotations

import atexit
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any


@cache
def player() -> Path:
    """The checkpoint of a model that plays the guessing game by heart."""
    import torch
    from transformers import AutoTokenizer

    from tests.thirdparty.tiny_checkpoint import answers, games, learn, trained_tokenizer

    torch.set_num_threads(1)  # so little work is only slowed by sharing it out
    folder = Path(mkdtemp(prefix="agentgym-tiny-")) / "player"
    atexit.register(rmtree, folder.parent, ignore_errors=True)
    texts = [*games(), *answers()]
    made = trained_tokenizer(texts)
    model = fresh(made, seed=0)
    save(folder, model, made)
    tokenizer = AutoTokenizer.from_pretrained(folder)  # loaded for a Qwen, it cuts texts in Qwen's way
    learn(model, tokenizer, texts)
    return save(folder, model.eval(), tokenizer)


def fresh(tokenizer: Any, *, seed: int, **sizes: Any) -> Any:
    """A model that has learnt nothing."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(seed)
    told: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 1024,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    return Qwen3ForCausalLM(Qwen3Config(**told | sizes)).eval()


def save(folder: Path, model: Any, tokenizer: Any) -> Path:
    """As a checkpoint."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
