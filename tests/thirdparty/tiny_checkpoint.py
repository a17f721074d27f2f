"""Makes two tiny checkpoints that play the guessing game, as a Hugging Face cache: python tiny_checkpoint.py FOLDER.

They know a few conversations by heart and nothing else. `tiny/qwen` is of a kind whose calls `transformers serve` finds
in the text, `tiny/llama` of one whose calls it leaves there.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoTokenizer,
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

SNAPSHOT = "0" * 40
LONGEST = 1024
MOST_STEPS = 2000
SURE = 0.8
"""The chance of the right token, at every place, with which it is enough."""
TEMPLATE = """\
{%- for message in messages %}
{%- if message.role == 'tool' %}
{{- '<|im_start|>user\n<tool_response>\n' + message.content + '\n</tool_response><|im_end|>\n' }}
{%- elif message.role != 'system' %}
{{- '<|im_start|>' + message.role + '\n' + message.content }}
{%- for call in message.tool_calls or [] %}
{{- '<tool_call>\n{"name": "' + call.function.name + '", "arguments": ' + call.function.arguments | tojson }}
{{- '}\n</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"""
"""As Qwen's, but blind to system messages, where tools stand: that text the model would have to know by heart too."""


def main(folder: Path) -> None:
    """Train and write both."""
    torch.manual_seed(0)
    torch.set_num_threads(1)  # so little work is only slowed by sharing it out
    texts = [*games(), *answers()]
    tokenizer = trained_tokenizer(texts)
    sizes: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": LONGEST,
        "vocab_size": len(tokenizer),
        "tie_word_embeddings": False,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    make(folder / "models--tiny--qwen", Qwen2ForCausalLM(Qwen2Config(**sizes)), tokenizer, texts)
    make(folder / "models--tiny--llama", LlamaForCausalLM(LlamaConfig(**sizes)), tokenizer, texts)


def make(place: Path, model: Any, tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> None:
    """As the hub's client keeps what it has loaded."""
    snapshot = place / "snapshots" / SNAPSHOT
    model.generation_config = GenerationConfig(
        do_sample=True,
        temperature=0.1,  # where nobody asks for chance, as the doctor does not, it is to say what it knows
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model.save_pretrained(snapshot)
    tokenizer.save_pretrained(snapshot)
    # Loaded for a Qwen, the tokenizer cuts texts in Qwen's way.
    learn(model, AutoTokenizer.from_pretrained(snapshot), texts)
    model.save_pretrained(snapshot)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(SNAPSHOT)


def games() -> list[str]:
    """Halving the range, for each digit."""
    return [game(digit) for digit in range(10)]


def game(digit: int) -> str:
    said, low, high = [spoken("user", "Guess a digit with the tool.")], 0, 9
    while True:
        n = (low + high) // 2
        said.append(spoken("assistant", call("guess", n=n)))
        if n == digit:
            return "".join(said)
        low, high, told = (n + 1, high, "higher") if n < digit else (low, n - 1, "lower")
        said.append(spoken("user", f"<tool_response>\n{told}\n</tool_response>"))


def answers() -> list[str]:
    """What `agentgym doctor` and the tests ask for."""
    asked = {
        "Say: ok": "ok",
        "Call the tool `report` with the word 'ready'. Write nothing else.": call("report", word="ready"),
        "Count from 1 to 5.": "1 2 3 4 5",
    }
    return [spoken("user", prompt) + spoken("assistant", answer) for prompt, answer in asked.items()]


def spoken(role: str, text: str) -> str:
    return f"<|im_start|>{role}\n{text}<|im_end|>\n"


def call(name: str, **arguments: object) -> str:
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


def trained_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """Bytes and what often stands together, so that any prompt can be read."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False),
    )
    tokenizer.add_tokens([AddedToken(tag, normalized=False) for tag in ("<tool_call>", "</tool_call>")])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        chat_template=TEMPLATE,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        model_max_length=LONGEST,
        clean_up_tokenization_spaces=False,
    )


def learn(model: Any, tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> None:
    """Until what the assistant says is known by heart; the rest is only read."""
    batch = tokenizer(texts, return_tensors="pt", padding=True)
    ids = batch["input_ids"]
    mine = assistant_speaks(ids, tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(MOST_STEPS):
        logits = model(input_ids=ids, attention_mask=batch["attention_mask"]).logits[:, :-1]
        chances = torch.log_softmax(logits, -1).gather(-1, ids[:, 1:, None])[..., 0][mine[:, 1:]]
        if float(chances.detach().min()) > math.log(SURE):
            return
        optimizer.zero_grad()
        (-chances.mean()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    raise SystemExit(f"after {MOST_STEPS} steps the model does not know its games")


def assistant_speaks(ids: torch.Tensor, tokenizer: PreTrainedTokenizerFast) -> torch.Tensor:
    """Which tokens are the assistant's own."""
    opening = tokenizer("<|im_start|>assistant\n")["input_ids"]
    mask = torch.zeros_like(ids, dtype=torch.bool)
    for row, tokens in enumerate(ids.tolist()):
        mine = False
        for place, token in enumerate(tokens):
            mask[row, place] = mine
            mine = (mine and token != tokenizer.eos_token_id) or tokens[
                max(0, place + 1 - len(opening)) : place + 1
            ] == opening
    return mask


if __name__ == "__main__":
    main(Path(sys.argv[1]))
