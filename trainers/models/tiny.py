"""Tiny models from nothing: of Qwen3's architecture, with a tokenizer and a chat template made for their data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from agentgym.errors import UsageError
from agentgym.extras import require
from agentgym.messages import JsonObject
from trainers.dataset.reading import Reader

Shows = Literal["all", "paragraph"]
"""What of a message that it is to answer a model reads: all of it, or what stands before the first empty line."""

END, PAD, START = "<|im_end|>", "<|endoftext|>", "<|im_start|>"
TAGS = ("<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
FEWEST_TOKENS = 256 + 3 + len(TAGS)
"""Every byte, and what no text is without."""
_PIECES = r"\\[nrt\"\\/]|\d|\n *| +|[A-Za-z]+|\s|[^\sA-Za-z\d]"
"""No token goes over the edge of a piece: line breaks with the indent behind them, also those within JSON, digits one
by one, words, and marks one by one. So a name or a number is the same tokens wherever it stands, and can be copied."""
_TEMPLATE = """\
{%- for message in messages %}
{%- if message.role == 'assistant' %}
{{- '<|im_start|>assistant\\n' }}
{%- generation %}
{%- if message.reasoning_content %}
{{- '<think>' + message.reasoning_content + '</think>' + ('\\n' if message.content or message.tool_calls else '') }}
{%- endif %}
{{- message.content or '' }}
{%- for call in message.tool_calls or [] %}
{{- ('\\n' if message.content or not loop.first else '') + '<tool_call>\\n{"name": "' + call.function.name }}
{{- '", "arguments": ' + (call.function.arguments | tojson) + '}\\n</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>' }}
{%- endgeneration %}
{{- '\\n' }}
{%- elif message.role == 'tool' %}
{{- '<|im_start|>user\\n<tool_response>\\n' + SHOWN + '\\n</tool_response><|im_end|>\\n' }}
{%- elif message.role == 'user' %}
{{- '<|im_start|>user\\n' + SHOWN + '<|im_end|>\\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"""
"""System messages and tools are left out: they never change, and a tiny model has no use for reading them again."""
_SHOWN = {"all": "message.content", "paragraph": "message.content.strip().split('\\n\\n')[0]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How large a model is."""

    layers: int = 2
    width: int = 96
    heads: int = 4
    vocabulary: int = 1024
    """The most tokens, those that are added included."""
    context: int = 2048
    """The longest text in tokens."""

    def __post_init__(self) -> None:
        if min(self.layers, self.width, self.heads, self.context) < 1:
            raise UsageError("layers, width, heads and context are whole numbers of at least 1")
        if self.width % self.heads or self.width // self.heads % 2:
            raise UsageError(f"width={self.width}, heads={self.heads}: each head takes an even share of the width")


@dataclass(frozen=True, slots=True)
class Made:
    """What came of it."""

    parameters: int
    tokens: int
    texts: int


def template_of(shows: Shows = "all") -> str:
    """The chat template: append-only, and what it writes of a reply is what the engine reads as that reply."""
    return _TEMPLATE.replace("SHOWN", _SHOWN[shows])


def make_tiny(
    data: Sequence[str | Path],
    out: Path,
    *,
    sizes: Sizes | None = None,
    tokens: Sequence[str] = (),
    template: str | None = None,
    pieces: str | None = None,
    seed: int = 0,
) -> Made:
    """Write a checkpoint that has learnt nothing, for the texts of runs and data files; `tokens` get an id each.

    No token goes over the edge of what the regular expression `pieces` finds, or else of words, digits and marks.
    """
    sizes = sizes or Sizes()
    template = template or template_of()
    if sizes.vocabulary < (fewest := FEWEST_TOKENS + len(tokens)):
        raise UsageError(f"vocabulary={sizes.vocabulary}: there are {fewest} tokens at least")
    texts = list(rendered(data, template))
    if not texts:
        raise UsageError(f"{', '.join(map(str, data))}: no reply in it whose tokens are still to be chosen")
    tokenizer = _tokenizer(texts, sizes, tokens, template, pieces or _PIECES)
    model = _model(tokenizer, sizes, seed)
    tokenizer.save_pretrained(out)
    model.save_pretrained(out)
    return Made(sum(weights.numel() for weights in model.parameters()), len(tokenizer), len(texts))


def rendered(data: Sequence[str | Path], template: str) -> Iterable[str]:
    """What a template makes of the dialogues of runs and data files."""
    listener = _Listener(template)
    for _ in Reader(tokenizer=listener).read(*data):
        yield from listener.taken()


class _Listener:
    """Stands in for the tokenizer that is still to be made, and keeps what it is asked to encode."""

    eos_token: str | None = END

    def __init__(self, template: str) -> None:
        made = require("tokenizers").Tokenizer(require("tokenizers.models").BPE())
        kind = require("transformers").PreTrainedTokenizerFast
        self._renderer = kind(tokenizer_object=made, chat_template=template)
        self._heard: list[str] = []

    def encode(self, text: str, /, *, add_special_tokens: bool) -> list[int]:
        self._heard.append(text)
        return [0]

    def apply_chat_template(
        self,
        conversation: list[JsonObject],
        /,
        *,
        tools: list[JsonObject] | None,
        add_generation_prompt: bool,
        tokenize: bool,
    ) -> str:
        rendered: str = self._renderer.apply_chat_template(
            conversation, tools=tools, add_generation_prompt=add_generation_prompt, tokenize=tokenize
        )
        return rendered

    def taken(self) -> list[str]:
        heard, self._heard = self._heard, []
        return heard


def _pattern(pieces: str) -> Any:
    """As the tokenizer reads regular expressions, which is not how Python does."""
    try:
        return require("tokenizers").Regex(pieces)
    except Exception as error:  # the package raises nothing more special
        raise UsageError(f"--pieces {pieces!r} is no regular expression: {error}") from None


def _tokenizer(texts: Iterable[str], sizes: Sizes, tokens: Sequence[str], template: str, pieces: str) -> Any:
    """Bytes and what often stands together, so that any text can be written."""
    tokenizers, trainers = require("tokenizers"), require("tokenizers.trainers")
    before, decoders = require("tokenizers.pre_tokenizers"), require("tokenizers.decoders")
    made = tokenizers.Tokenizer(require("tokenizers.models").BPE())
    made.pre_tokenizer = before.Sequence(
        [
            before.Split(_pattern(pieces), "isolated"),
            before.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    marks = (PAD, START, END)
    apart = sorted({*marks, *TAGS, *tokens}, key=len, reverse=True)
    cut = require("re").compile("|".join(require("re").escape(mark) for mark in apart))
    trainer = trainers.BpeTrainer(
        vocab_size=sizes.vocabulary - len(TAGS) - len(tokens),
        special_tokens=list(marks),
        initial_alphabet=before.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator((part for text in texts for part in cut.split(text) if part), trainer)
    added = tokenizers.AddedToken
    made.add_tokens([added(tag, normalized=False) for tag in TAGS])
    made.add_special_tokens([added(token, normalized=False) for token in tokens])
    return require("transformers").PreTrainedTokenizerFast(
        tokenizer_object=made,
        chat_template=template,
        eos_token=END,
        pad_token=PAD,
        model_max_length=sizes.context,
        clean_up_tokenization_spaces=False,
    )


def _model(tokenizer: Any, sizes: Sizes, seed: int) -> Any:
    torch, transformers = require("torch"), require("transformers")
    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(seed)
    config = transformers.Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=sizes.width,
        intermediate_size=2 * sizes.width,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        num_key_value_heads=sizes.heads,
        head_dim=sizes.width // sizes.heads,
        max_position_embeddings=sizes.context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        dtype="float32",
    )
    return transformers.Qwen3ForCausalLM(config).float().eval()
