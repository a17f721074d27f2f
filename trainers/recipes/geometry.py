"""How large a model is: by its config.json where that is at hand, else by its name."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agentgym.errors import DataFileError, UsageError

_SIZE = re.compile(r"(?<![a-z0-9.])(?:(\d+)x)?(\d+(?:\.\d+)?)([bm])(?![a-z])", re.IGNORECASE)
_ACTIVE = re.compile(r"(?<![a-z0-9])a(\d+(?:\.\d+)?)b(?![a-z])", re.IGNORECASE)
_EXPERTS = 8
"""That work on each token, in most models of several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """A decoder of the kind of Llama, Qwen and gpt-oss; what it holds follows from its sizes."""

    origin: str
    """How its sizes are known."""
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    """Of the one feed-forward layer, or of each expert."""
    vocabulary: int
    tied: bool = False
    experts: int = 0
    active_experts: int = 0
    qk_norm: bool = False
    qkv_bias: bool = False
    output_bias: bool = False
    oss: bool = False
    """With sinks, and biases of router and experts."""

    @property
    def queries(self) -> int:
        """Of a token, all heads together."""
        return self.heads * self.head_dim

    @property
    def keys(self) -> int:
        """Of a token, and as many values."""
        return self.kv_heads * self.head_dim

    @property
    def attention_matrices(self) -> int:
        """Weights of a layer."""
        return 2 * self.hidden * (self.queries + self.keys)

    @property
    def expert(self) -> int:
        """Weights of one feed-forward layer or expert."""
        return 3 * self.hidden * self.intermediate

    @property
    def matrices(self) -> int:
        """What 4 bits are for: the large matrices of all layers."""
        return self.layers * (self.attention_matrices + max(1, self.experts) * self.expert)

    @property
    def embeddings(self) -> int:
        """One row for each token of the vocabulary."""
        return self.vocabulary * self.hidden

    @property
    def rest(self) -> int:
        """Embeddings, head, routers, norms and biases."""
        layer = 2 * self.hidden + self.hidden * self.experts + (2 * self.head_dim if self.qk_norm else 0)
        layer += (self.queries + 2 * self.keys) * self.qkv_bias + self.hidden * self.output_bias
        if self.oss:
            layer += self.heads + self.experts * (1 + 2 * self.intermediate + self.hidden)
        return self.embeddings * (1 if self.tied else 2) + self.layers * layer + self.hidden

    @property
    def parameters(self) -> int:
        """All weights."""
        return self.matrices + self.rest

    @property
    def active(self) -> int:
        """The weights that each token is multiplied with."""
        width = max(1, self.active_experts if self.experts else 1)
        layer = self.attention_matrices + width * self.expert + self.hidden * self.experts
        return self.layers * layer + self.embeddings


def geometry_of(model: str) -> Geometry:
    """The sizes of a folder's model, or of one by that name; UsageError where nothing tells them."""
    if not model:
        raise UsageError("no model is named; give one with --model DIR")
    file = _config_of(model)
    if file is not None:
        return _read(file)
    name = model.rstrip("/").rpartition("/")[2].lower()
    known = next((sizes for known, sizes in _KNOWN.items() if name.startswith(known)), None)
    if known is not None:
        return replace(known, origin="sizes known by name")
    return _guessed(name, model)


def _config_of(model: str) -> Path | None:
    """The config.json of a folder, of an adapter's base, or of a copy in the cache of the hub."""
    folder = Path(model).expanduser()
    if (folder / "config.json").is_file():
        return folder / "config.json"
    if (folder / "adapter_config.json").is_file():
        return _config_of(str(_json(folder / "adapter_config.json").get("base_model_name_or_path") or ""))
    home = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    kept = cache / f"models--{model.replace('/', '--')}" / "snapshots"
    return max(kept.glob("*/config.json"), key=lambda file: file.stat().st_mtime, default=None)


def _json(file: Path) -> dict[str, Any]:
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataFileError(f"{file}: cannot be read: {error}") from None
    if not isinstance(held, dict):
        raise DataFileError(f"{file}: holds no JSON object")
    return held


def _read(file: Path) -> Geometry:
    whole = _json(file)
    inner = whole.get("text_config")
    config: Mapping[str, Any] = {**whole, **inner} if isinstance(inner, dict) else whole
    kind = str(config.get("model_type", ""))

    def size(*names: str, default: int | None = None) -> int:
        found = next((config[name] for name in names if config.get(name) is not None), default)
        if isinstance(found, bool) or not isinstance(found, int) or found < 0:
            raise DataFileError(f"{file}: {names[0]} is {found!r}; a plan needs a whole number")
        return found

    hidden, heads = size("hidden_size"), size("num_attention_heads")
    experts = size("num_local_experts", "num_experts", "n_routed_experts", default=0)
    width = ("moe_intermediate_size", "intermediate_size") if experts else ("intermediate_size",)
    bias = bool(config.get("attention_bias", kind == "gpt_oss"))
    return Geometry(
        origin=str(file),
        hidden=hidden,
        layers=size("num_hidden_layers"),
        heads=heads,
        kv_heads=size("num_key_value_heads", default=heads),
        head_dim=size("head_dim", default=hidden // max(1, heads)),
        intermediate=size(*width),
        vocabulary=size("vocab_size"),
        tied=bool(config.get("tie_word_embeddings", False)),
        experts=experts,
        active_experts=size("num_experts_per_tok", "experts_per_token", default=min(1, experts)),
        qk_norm=kind.startswith("qwen3"),
        qkv_bias=bias or kind.startswith("qwen2"),
        output_bias=bias,
        oss=kind == "gpt_oss",
    )


def _guessed(name: str, model: str) -> Geometry:
    """Of the size in the name: as deep and wide as models of that size are."""
    found = _SIZE.search(name)
    if found is None:
        told = "give a folder with a config.json, or a name that holds the size, such as 8B"
        raise UsageError(f"{model}: nothing tells how large that model is; {told}")
    times, size, unit = found.groups()
    parameters = float(size) * int(times or 1) * (1e9 if unit == "b" else 1e6)
    origin = f"guessed of {found.group()} in the name"
    active = _ACTIVE.search(name)
    if active is None:
        return _dense(parameters, origin)
    dense = _dense(float(active.group(1)) * 1e9, f"{origin}, of which {active.group()}")
    others = dense.parameters - dense.layers * dense.expert
    experts = max(_EXPERTS, round(_EXPERTS * (parameters - others) / (dense.layers * dense.expert)))
    return replace(dense, intermediate=max(1, dense.intermediate // _EXPERTS), experts=experts, active_experts=_EXPERTS)


def _dense(parameters: float, origin: str) -> Geometry:
    layers = max(2, round((parameters / 196_608) ** (1 / 3)))  # the width is about 128 times the depth
    hidden, large = 128 * layers, parameters >= 1e9
    heads = max(1, hidden // 128)
    made = Geometry(
        origin=origin,
        hidden=hidden,
        layers=layers,
        heads=heads,
        kv_heads=max(1, heads // 5),
        head_dim=128,
        intermediate=hidden,
        vocabulary=150_000 if large else 32_000,
        tied=not large,
    )
    left = parameters - made.rest - layers * made.attention_matrices
    return replace(made, intermediate=max(hidden, int(left / (3 * hidden * layers))))


def _qwen3(hidden: int, layers: int, heads: int, intermediate: int, *, tied: bool = False) -> Geometry:
    return Geometry(
        origin="",
        hidden=hidden,
        layers=layers,
        heads=heads,
        kv_heads=8,
        head_dim=128,
        intermediate=intermediate,
        vocabulary=151_936,
        tied=tied,
        qk_norm=True,
    )


def _oss(layers: int, experts: int) -> Geometry:
    return Geometry(
        origin="",
        hidden=2880,
        layers=layers,
        heads=64,
        kv_heads=8,
        head_dim=64,
        intermediate=2880,
        vocabulary=201_088,
        experts=experts,
        active_experts=4,
        qkv_bias=True,
        output_bias=True,
        oss=True,
    )


_KNOWN = {
    "gpt-oss-20b": _oss(24, 32),
    "gpt-oss-120b": _oss(36, 128),
    "qwen3-0.6b": _qwen3(1024, 28, 16, 3072, tied=True),
    "qwen3-1.7b": _qwen3(2048, 28, 16, 6144, tied=True),
    "qwen3-4b": _qwen3(2560, 36, 32, 9728, tied=True),
    "qwen3-8b": _qwen3(4096, 36, 32, 12_288),
    "qwen3-14b": _qwen3(5120, 40, 40, 17_408),
    "qwen3-32b": _qwen3(5120, 64, 64, 25_600),
    "qwen2.5-32b": replace(_qwen3(5120, 64, 40, 27_648), vocabulary=152_064, qk_norm=False, qkv_bias=True),
}
"""By the beginnings of names; their sizes as their config.json have them."""
