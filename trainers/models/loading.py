"""`load_trainee`: the model that a recipe trains, ready to be trained."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentgym.errors import UsageError, boundary
from agentgym.extras import require
from trainers.engine.checkpoint import fingerprint
from trainers.models.adapters import AdapterRecord, check_adapter, check_base
from trainers.models.adapting import completed, with_adapter
from trainers.models.sources import is_adapter, read_model, read_tokenizer, settled
from trainers.models.tokens import (
    grow,
    mark_tokens,
    marked_tokens,
    named_tokens,
    token_count,
    tokenizer_print,
    unknown_tokens,
)
from trainers.recipe import LoraSettings, Numbers, Recipe

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainee:
    """A model to train, with its tokenizer; on the CPU still, unless it is quantised."""

    model: Any
    """Of transformers, or a PeftModel around one."""
    tokenizer: Any
    adapter: bool
    """Whether an adapter trains, and not all weights."""
    base: str | None
    """What the adapter belongs to: a folder or a name on the hub."""
    new_tokens: Mapping[str, int] = field(default_factory=dict)
    """Those whose rows train beside the adapter."""
    use_cache: bool = True
    """What the saved configuration says; training itself keeps no keys and values."""

    def record(self) -> AdapterRecord:
        """What is written beside the adapter."""
        assert self.base is not None
        return AdapterRecord(
            base=self.base,
            base_weights=fingerprint(Path(self.base)) if Path(self.base).is_dir() else None,
            tokenizer=tokenizer_print(self.tokenizer),
            tokens=token_count(self.tokenizer),
            rows=_rows(self.model),
            new_tokens=dict(self.new_tokens),
        )


def load_trainee(recipe: Recipe) -> Trainee:
    """Read what the recipe names and make it ready to be trained; UsageError says what is amiss.

    An adapter's folder is trained further.
    """
    if not recipe.model:
        raise UsageError("no model is named; give one with --model DIR")
    if recipe.quantization == "4bit" and recipe.lora is None and not is_adapter(recipe.model):
        raise UsageError("weights of 4 bits cannot train themselves; add the table [lora], or drop quantization")
    trainee = _adapter_again(recipe) if is_adapter(recipe.model) else _begun(recipe)
    _count(trainee)
    return trainee


def computing(recipe: Recipe) -> Numbers:
    """In which numbers training computes: float32, bfloat16 or float16; weights may be kept in finer ones."""
    if recipe.numbers != "auto":
        return recipe.numbers
    torch = require("torch")
    return "bfloat16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "float32"


def _begun(recipe: Recipe) -> Trainee:
    """Of a whole model."""
    tokenizer = read_tokenizer(recipe.tokenizer or recipe.model)
    model = _model(recipe, recipe.model, adapted=recipe.lora is not None)
    other = recipe.tokenizer is not None and settled(recipe.tokenizer) != settled(recipe.model)
    own = _own_tokenizer(recipe.model) if other else None
    unknown = unknown_tokens(tokenizer, own, _rows(model))
    grow(model, token_count(tokenizer), unknown)
    new = _new_tokens(tokenizer, recipe.lora, unknown)
    mark_tokens(tokenizer, new)
    if recipe.lora is None:
        return _ready(recipe, Trainee(model=model, tokenizer=tokenizer, adapter=False, base=None, new_tokens=new))
    base = settled(recipe.model)
    model = with_adapter(_prepared(recipe, model), recipe.lora, new, base=base)
    return _ready(recipe, Trainee(model=model, tokenizer=tokenizer, adapter=True, base=base, new_tokens=new))


def _adapter_again(recipe: Recipe) -> Trainee:
    """Of an adapter, which goes on as it is."""
    record = check_adapter(recipe.model)
    place = str(Path(recipe.model).expanduser())
    if recipe.tokenizer is not None and settled(recipe.tokenizer) != settled(recipe.model):
        raise UsageError(f"{recipe.model} is an adapter, and trains with its own tokenizer only; leave tokenizer out")
    _check_same_shape(place, recipe.lora)
    check_base(record, record.base)
    model, tokenizer = grown_base(record, place, _model(recipe, record.base, adapted=True))
    peft = require("peft")
    with boundary(UsageError, f"{place} does not fit its base {record.base}"):
        adapted = peft.PeftModel.from_pretrained(_prepared(recipe, model), place, is_trainable=True)
    return _ready(
        recipe,
        Trainee(
            model=completed(adapted), tokenizer=tokenizer, adapter=True, base=record.base, new_tokens=record.new_tokens
        ),
    )


def grown_base(record: AdapterRecord, place: str, model: Any) -> tuple[Any, Any]:
    """The adapter's base with as many rows as when it was trained, and the tokenizer."""
    tokenizer = read_tokenizer(place)
    grow(model, max(token_count(tokenizer), record.rows or 0), {})
    return model, tokenizer


def _new_tokens(tokenizer: Any, lora: LoraSettings | None, unknown: Mapping[str, int]) -> dict[str, int]:
    """By their ids: those that nobody knows, and those the recipe names or the tokenizer is marked with."""
    told = None if lora is None else lora.tokens
    named = named_tokens(tokenizer, marked_tokens(tokenizer) if told is None else told)
    return dict(sorted({**named, **unknown}.items(), key=lambda item: item[1]))


def _model(recipe: Recipe, source: str, *, adapted: bool) -> Any:
    options: dict[str, Any] = {"dtype": _kept(recipe, adapted=adapted)}
    if recipe.attention is not None:
        options["attn_implementation"] = recipe.attention
    if recipe.quantization == "4bit":
        options |= _quantised(recipe)
    return read_model(source, **options)


def _kept(recipe: Recipe, *, adapted: bool) -> Any:
    """In what the weights are kept: frozen ones as they are computed with, those that train finely.

    A small step of a weight is lost in fewer bits. Only who asks for bfloat16 by name has weights that train in it, for
    half the memory.
    """
    numbers = computing(recipe)
    coarse = adapted or recipe.numbers == "bfloat16"
    return getattr(require("torch"), numbers if coarse else "float32")


def _quantised(recipe: Recipe) -> dict[str, Any]:
    """Frozen weights in 4 bits, as QLoRA has it."""
    torch = require("torch")
    if not torch.cuda.is_available():
        raise UsageError("weights of 4 bits need a GPU, and there is none; write --set quantization=none")
    require("bitsandbytes")
    numbers = getattr(torch, "bfloat16" if recipe.numbers == "auto" else recipe.numbers)
    config = require("transformers").BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=numbers,
    )
    index = int(os.environ.get("LOCAL_RANK", "0"))  # as torchrun and accelerate tell each process
    return {"quantization_config": config, "device_map": {"": index}}


def _prepared(recipe: Recipe, model: Any) -> Any:
    if recipe.quantization != "4bit":
        return model
    return require("peft").prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)


def _ready(recipe: Recipe, trainee: Trainee) -> Trainee:
    """What holds while training."""
    model = trainee.model
    kept = bool(getattr(model.config, "use_cache", True))
    # A packed row attends across its documents where keys are kept, and checkpointing throws them away.
    model.config.use_cache = False
    if recipe.gradient_checkpointing:
        # Its old name goes with transformers 6, its new one came after 5.0.
        enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
        enable({"use_reentrant": False})
    model.train()
    return Trainee(
        model=model,
        tokenizer=trainee.tokenizer,
        adapter=trainee.adapter,
        base=trainee.base,
        new_tokens=trainee.new_tokens,
        use_cache=kept,
    )


def _own_tokenizer(source: str) -> Any | None:
    """The tokenizer that the model was trained with, where one is with it."""
    try:
        return read_tokenizer(source)
    except UsageError:
        return None


def _check_same_shape(place: str, lora: LoraSettings | None) -> None:
    if lora is None:
        return
    with boundary(UsageError, f"{place} cannot be read"):
        config = require("peft").PeftConfig.from_pretrained(place)
    for name, told, wanted in (("rank", config.r, lora.rank), ("alpha", config.lora_alpha, lora.alpha)):
        if told != wanted:
            raise UsageError(
                f"the adapter in {place} has {name} {told}, and the recipe says {wanted}; write "
                f"--set lora.{name}={told}, or merge it first: agentgym model merge {place} --out DIR"
            )


def _rows(model: Any) -> int:
    return int(model.get_input_embeddings().weight.shape[0])


def _count(trainee: Trainee) -> None:
    every = [(parameter.numel(), parameter.requires_grad) for parameter in trainee.model.parameters()]
    trained = sum(size for size, trains in every if trains)
    told = f" and the rows of {', '.join(trainee.new_tokens)}" if trainee.adapter and trainee.new_tokens else ""
    LOG.info("%s of %s weights train%s", f"{trained:,}", f"{sum(size for size, _ in every):,}", told)
