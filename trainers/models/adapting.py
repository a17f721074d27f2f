"""LoRA: what of a model gets an adapter, and how added tokens train beside it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from agentgym.errors import UsageError, boundary
from agentgym.extras import require
from trainers.models.tokens import is_tied
from trainers.recipe import LoraSettings


def with_adapter(model: Any, settings: LoraSettings, new: Mapping[str, int], *, base: str) -> Any:
    """The model with a fresh adapter; `base` is what the adapter says it belongs to."""
    peft = require("peft")
    check_targets(model, settings)
    with boundary(UsageError, "the model takes no such adapter"), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of what peft and transformers will agree on
        config = peft.LoraConfig(
            task_type="CAUSAL_LM",
            base_model_name_or_path=base,
            r=settings.rank,
            lora_alpha=settings.alpha,
            lora_dropout=settings.dropout,
            target_modules=_targets(model, settings),
            **_for_tokens(model, settings, new),
        )
        adapted = peft.get_peft_model(model, config)
    return completed(adapted)


def completed(adapted: Any) -> Any:
    """What peft leaves to be done, for a fresh adapter as for one that was read.

    Adapter weights are in float32, for small steps are lost in fewer bits; whole copied embeddings stay as they are. A
    head whose rows train says that it has no bias, which TRL asks of it.
    """
    torch = require("torch")
    for name, parameter in adapted.named_parameters():
        if parameter.requires_grad and ".modules_to_save." not in name:
            parameter.data = parameter.data.to(torch.float32)
    head = adapted.get_base_model().get_output_embeddings()
    if head is not None and not hasattr(head, "bias"):
        head.register_parameter("bias", None)
    return adapted


def check_targets(model: Any, settings: LoraSettings) -> None:
    """UsageError where an adapter cannot be put, or would not be seen by the loss."""
    if settings.target_modules == "all-linear":
        return
    head = _name_of(model, model.get_output_embeddings())
    if head in {name.rpartition(".")[2] for name in settings.target_modules}:
        raise UsageError(
            f"LoRA on {head!r} would not train: the loss reads the head's own weights past an adapter; "
            'leave it out of target_modules, and train new tokens by new_tokens = "rows" or "embeddings"'
        )
    if not _targets(model, settings):
        wanted = ", ".join(settings.target_modules)
        raise UsageError(f"the model has none of the modules {wanted}; it has: {', '.join(_linear_names(model))}")


def _targets(model: Any, settings: LoraSettings) -> str | list[str]:
    """Those of the wanted modules that the model has: experts have no projections of their own."""
    if settings.target_modules == "all-linear":
        return "all-linear"
    names = [name for name, _ in model.named_modules()]
    return [wanted for wanted in settings.target_modules if any(f".{name}".endswith(f".{wanted}") for name in names)]


def _for_tokens(model: Any, settings: LoraSettings, new: Mapping[str, int]) -> dict[str, Any]:
    """What trains beside the adapter; a head that is not tied to the embeddings has rows of its own for the tokens."""
    if not new:
        return {}
    head = model.get_output_embeddings()
    names = [_name_of(model, model.get_input_embeddings())]
    if not is_tied(model):
        names.append(_name_of(model, head))
    if settings.new_tokens == "embeddings":
        return {"modules_to_save": names, "ensure_weight_tying": is_tied(model)}
    if getattr(head, "bias", None) is not None:
        raise UsageError('the model\'s head has a bias, so rows cannot train alone; set new_tokens = "embeddings"')
    return {"trainable_token_indices": {name: sorted(new.values()) for name in names}}


def _name_of(model: Any, module: Any) -> str:
    """The last part of a module's name."""
    name: str = next(name for name, one in model.named_modules() if one is module)
    return name.rpartition(".")[2]


def _linear_names(model: Any) -> list[str]:
    kinds = require("torch").nn.Linear
    return sorted({name.rpartition(".")[2] for name, module in model.named_modules() if isinstance(module, kinds)})
