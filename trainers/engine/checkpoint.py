"""A checkpoint's model and tokenizer, read from a folder; and what tells one set of weights from another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from agentgym.errors import UsageError, boundary
from agentgym.extras import require
from trainers.engine.device import Device

_NO_LENGTH = 10**9
"""Tokenizers that know no longest text say a number beyond this one."""
_LOOKS = 256
_LOOK_BYTES = 4096
_KNOWN_LAYERS = {"full_attention", "sliding_attention"}
_WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What the engine samples from."""

    model: Any
    tokenizer: Any
    version: str
    """Of the weights."""
    context_length: int | None = None
    """The most tokens of a prompt and its answer together."""
    end_ids: frozenset[int] = frozenset()
    """The tokens that end an answer."""

    @property
    def hidden_ids(self) -> frozenset[int]:
        """Tokens that are no part of any text; other special tokens may be what a model was trained to say."""
        named = (getattr(self.tokenizer, f"{name}_token_id", None) for name in ("bos", "eos", "pad"))
        return self.end_ids | {number for number in named if isinstance(number, int)}

    @property
    def vocabulary(self) -> int:
        """How many tokens the model knows."""
        return int(self.model.get_input_embeddings().weight.shape[0])


def load_checkpoint(folder: str | Path, *, device: Device | None = None, max_length: int | None = None) -> Checkpoint:
    """Read a folder that `save_pretrained` wrote; nothing is fetched from anywhere. UsageError says what is amiss."""
    place, device = Path(folder), device or Device()
    check_folder(place)
    model = load_model(place, device)
    tokenizer = _read(require("transformers").AutoTokenizer, place)
    return checkpoint_of(model, tokenizer, version=fingerprint(place), max_length=max_length)


def checkpoint_of(model: Any, tokenizer: Any, *, version: str, max_length: int | None = None) -> Checkpoint:
    """A model that is in memory already; it is put into the mode in which it drops nothing."""
    _check_layers(model)
    model.eval()
    made = Checkpoint(
        model=model,
        tokenizer=tokenizer,
        version=version,
        context_length=_context_length(model, tokenizer, max_length),
        end_ids=_end_ids(model, tokenizer),
    )
    if len(tokenizer) > made.vocabulary:
        raise UsageError(
            f"the tokenizer has {len(tokenizer)} tokens and the model {made.vocabulary} rows: they do not belong "
            "together; save the model with the tokenizer it was trained with"
        )
    return made


def check_folder(place: Path) -> None:
    """UsageError where no model of transformers lies there."""
    if (place / "adapter_config.json").exists() and not (place / "config.json").exists():
        raise UsageError(f"{place} holds an adapter and no model; merge it first: agentgym model merge {place}")
    if not (place / "config.json").is_file():
        told = "there is no config.json in it" if place.is_dir() else "there is no such folder"
        raise UsageError(f"{place} is no checkpoint: {told}; give a folder that save_pretrained wrote")
    if not _weight_files(place):
        raise UsageError(f"{place} holds no weights (*.safetensors); give a folder that save_pretrained wrote")


def load_model(place: Path, device: Device) -> Any:
    """The model alone, ready to sample from."""
    transformers = require("transformers")
    transformers.utils.logging.disable_progress_bar()
    where, numbers = device.resolved(), device.numbers()
    model = _read(transformers.AutoModelForCausalLM, place, dtype=numbers)
    return model.to(where).eval()


def load_weights(model: Any, weights: Mapping[str, Any]) -> None:
    """Put other weights of the same shapes into a model; UsageError, and nothing has changed, where they do not fit."""
    own = model.state_dict()
    unknown = sorted(weights.keys() - own.keys())
    shared = {own[name].data_ptr() for name in weights.keys() & own.keys()}
    missing = sorted(name for name in own.keys() - weights.keys() if own[name].data_ptr() not in shared)
    misfit = sorted(name for name in weights.keys() & own.keys() if weights[name].shape != own[name].shape)
    for told, names in (("unknown", unknown), ("missing", missing), ("of another shape", misfit)):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise UsageError(f"the weights do not fit the model: {told}: {names[0]}{more}")
    with require("torch").no_grad():
        for name, tensor in weights.items():
            own[name].copy_(tensor)


def fingerprint(place: Path) -> str:
    """Equal for equal weights, wherever they lie; of a file of more than a megabyte it reads places all over it."""
    digest = blake2b(digest_size=6)
    for file in _weight_files(place):
        size = file.stat().st_size
        digest.update(f"{file.name}:{size};".encode())
        with file.open("rb") as opened:
            for look in range(_LOOKS):
                opened.seek(size * look // _LOOKS)
                digest.update(opened.read(_LOOK_BYTES))
    return digest.hexdigest()


def _weight_files(place: Path) -> list[Path]:
    return sorted(file for pattern in _WEIGHTS for file in place.glob(pattern))


def _read(kind: Any, place: Path, **options: Any) -> Any:
    with boundary(UsageError, f"{place} cannot be loaded"):
        return kind.from_pretrained(place, local_files_only=True, **options)


def _context_length(model: Any, tokenizer: Any, wanted: int | None) -> int | None:
    config = model.config.get_text_config()
    told = getattr(config, "max_position_embeddings", None) or getattr(tokenizer, "model_max_length", None)
    known = told if isinstance(told, int) and 0 < told < _NO_LENGTH else None
    if wanted is not None and wanted < 2:
        raise UsageError(f"a longest text of {wanted} tokens has no room for an answer; give 2 or more")
    if wanted is not None and known is not None and wanted > known:
        raise UsageError(f"a longest text of {wanted} tokens is longer than the model's own: {known}")
    return wanted or known


def _check_layers(model: Any) -> None:
    """Rows of one batch are padded to one length, which is no matter only to layers that look back by distance."""
    kinds = set(getattr(model.config.get_text_config(), "layer_types", None) or ())
    if strange := sorted(kinds - _KNOWN_LAYERS):
        raise UsageError(
            f"{strange[0]} layers cannot be sampled here; see: agentgym model serve --backend vllm --print"
        )


def _end_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    told = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    listed = told if isinstance(told, list) else [told]
    return frozenset(number for number in (*listed, tokenizer.eos_token_id) if isinstance(number, int))
