"""What of a GPU's memory a training takes, part by part; each part says by which formula."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from trainers.recipe import LoraSettings, Recipe
from trainers.recipes.geometry import Geometry

GB = 1e9
PACKED = 0.516
"""Bytes of a weight in 4 bit: NF4, with a scale for 64 weights that is quantised too."""
STARTED = 0.8 * GB
"""What CUDA and its libraries take of a GPU before anything is done; about the same that torch takes of a machine."""
LOOSE = 0.05
"""The share of all else that is lost between pieces."""
TILE = (4096, 8192)
"""Tokens and columns of the piece of the logits that TRL works on at a time."""
MOST_ROWS = 128
"""What the engine samples at once."""
WHOLE, HALF = 4, 2
"""Bytes of a number."""


@dataclass(frozen=True, slots=True)
class Part:
    """Something that takes memory."""

    name: str
    bytes: float
    formula: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What the parts are worked out of."""

    geometry: Geometry
    recipe: Recipe
    row_tokens: int
    """Of the longest row."""
    on_gpu: bool = True

    @property
    def number(self) -> int:
        """Bytes of a number that is computed with."""
        if self.recipe.numbers == "auto":
            return HALF if self.on_gpu else WHOLE
        return WHOLE if self.recipe.numbers == "float32" else HALF

    @property
    def kept(self) -> int:
        """Bytes of a weight that trains: whole, unless bfloat16 is asked for by name."""
        return HALF if self.recipe.numbers == "bfloat16" else WHOLE

    @property
    def tokens(self) -> int:
        """That are computed together."""
        return self.recipe.batch_size * self.row_tokens

    @property
    def trained(self) -> int:
        """How many weights train."""
        lora = self.recipe.lora
        return self.geometry.parameters if lora is None else adapter_size(self.geometry, lora)


def adapter_size(geometry: Geometry, lora: LoraSettings) -> int:
    """The weights of an adapter; experts that share a tensor have none. New tokens' own rows are too few to count."""
    size = geometry.layers * sum(lora.rank * (into + out) for into, out in _adapted(geometry, lora))
    return size + (geometry.embeddings if lora.new_tokens == "embeddings" else 0)


def _adapted(geometry: Geometry, lora: LoraSettings) -> list[tuple[int, int]]:
    """The shapes of a layer's matrices that an adapter is beside."""
    hidden, queries, keys, inner = geometry.hidden, geometry.queries, geometry.keys, geometry.intermediate
    shapes = {
        "q_proj": (hidden, queries),
        "k_proj": (hidden, keys),
        "v_proj": (hidden, keys),
        "o_proj": (queries, hidden),
    }
    if not geometry.experts:
        shapes |= {"gate_proj": (hidden, inner), "up_proj": (hidden, inner), "down_proj": (inner, hidden)}
    named = shapes if lora.target_modules == "all-linear" else lora.target_modules
    return [shapes[name] for name in named if name in shapes]


def lasting(sizes: Sizes) -> Iterator[Part]:
    """What is there from beginning to end."""
    recipe, geometry, number = sizes.recipe, sizes.geometry, sizes.number
    total, trained, kept = geometry.parameters, sizes.trained, sizes.kept
    if recipe.lora is None:
        yield Part("weights", total * kept, f"{_count(total)} weights x {kept} bytes")
        if kept > number:
            yield Part("copies", total * number, f"{_count(total)} weights x {number} bytes, to compute with")
    else:
        yield _frozen(sizes)
        kept = WHOLE
        yield Part("adapter", trained * kept, f"{_count(trained)} weights x {kept} bytes (rank {recipe.lora.rank})")
    yield Part("gradients", trained * kept, f"{_count(trained)} that train x {kept} bytes")
    yield Part("optimizer", trained * kept * 2, f"AdamW: {_count(trained)} that train x 2 x {kept} bytes")
    if recipe.stage == "grpo" and recipe.grpo.beta and recipe.lora is None:
        told = f"where training began, for beta: {_count(total)} weights x {number} bytes"
        yield Part("reference", total * number, told)


def _frozen(sizes: Sizes) -> Part:
    geometry, number = sizes.geometry, sizes.number
    if sizes.recipe.quantization == "none":
        return Part("weights", geometry.parameters * number, f"{_count(geometry.parameters)} weights x {number} bytes")
    packed, rest = geometry.matrices, geometry.rest
    told = f"{_count(packed)} weights in 4 bit x {PACKED} bytes + {_count(rest)} (embeddings, norms) x {WHOLE} bytes"
    return Part("weights", packed * PACKED + rest * WHOLE, told)


def updating(sizes: Sizes) -> Iterator[Part]:
    """What is there while gradients are computed."""
    geometry, number, tokens = sizes.geometry, sizes.number, sizes.tokens
    layer = layer_numbers(sizes)
    told = f"{sizes.recipe.batch_size} x {sizes.row_tokens} tokens x "
    if sizes.recipe.gradient_checkpointing:
        kept = geometry.layers * geometry.hidden * number + layer
        told += f"({geometry.layers} layers x {geometry.hidden} x {number} bytes + one layer's {_count(layer)} bytes)"
    else:
        kept = geometry.layers * layer
        told += f"{geometry.layers} layers x {_count(layer)} bytes; gradient_checkpointing saves most of it"
    yield Part("activations", tokens * kept, told)
    if sizes.recipe.backend == "trl" and sizes.on_gpu:
        piece = min(tokens, TILE[0]) * min(geometry.vocabulary, TILE[1])
        around = tokens * geometry.hidden * (WHOLE + number)
        told = f"one piece of {_count(piece)} x 2 x {WHOLE} bytes, and its gradients"
        yield Part("logits", piece * 2 * WHOLE + around, told)
    else:
        logits = tokens * geometry.vocabulary
        told = f"{sizes.recipe.batch_size} x {sizes.row_tokens} tokens x {geometry.vocabulary} x 2 x {WHOLE} bytes"
        yield Part("logits", logits * 2 * WHOLE, f"{told}, were all of them trained on")


def layer_numbers(sizes: Sizes) -> float:
    """The bytes that a layer keeps of each token for the way back.

    Counted in transformers' code: a norm keeps its input, as whole numbers, and its result with and without its
    weights; attention its queries, keys and values before and after turning, and what comes of them; a feed-forward
    layer four times its width. An adapter keeps the input of each of its matrices again, where that is a copy.
    """
    geometry, number = sizes.geometry, sizes.number
    hidden, queries, keys = geometry.hidden, geometry.queries, geometry.keys
    width = geometry.intermediate * max(1, geometry.active_experts)
    norms = 2 * hidden * (WHOLE + 2 * number)
    turned = (5 if geometry.qk_norm else 3) * (queries + keys)
    attention = turned + keys + 2 * queries
    kept = norms + number * (attention + 4 * width)
    if sizes.recipe.attention == "eager":
        kept += 2 * geometry.heads * sizes.row_tokens * number
    if sizes.recipe.lora is not None and number < WHOLE:
        kept += sum(into for into, _ in _adapted(geometry, sizes.recipe.lora)) * WHOLE
    return kept


def sampling(sizes: Sizes) -> Iterator[Part]:
    """What is there while rollouts are made in this process, when nothing is updated."""
    live, geometry = sizes.recipe.live, sizes.geometry
    if sizes.recipe.stage != "grpo" or live is None or live.base_url is not None:
        return
    rows = min(sizes.recipe.grpo.groups_per_step * live.group_size, live.concurrency, MOST_ROWS)
    each = 2 * geometry.layers * geometry.keys * sizes.number
    told = f"{rows} rows x {sizes.row_tokens} tokens x {_count(each)} bytes (2 x {geometry.layers} layers x "
    yield Part("keys and values", rows * sizes.row_tokens * each, f"{told}{geometry.keys} x {sizes.number} bytes)")


def _count(number: float) -> str:
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.0f}"
