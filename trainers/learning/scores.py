"""How likely a model finds the tokens of a batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from agentgym.errors import UsageError
from agentgym.extras import require
from trainers.learning.batches import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Of each token that trains, and 0 elsewhere: [rows, length], in float32."""

    logprobs: Any
    entropy: Any = None
    """Of the chances that the token was drawn from, in nats; without gradient."""
    right: Any = None
    """1 where the token is the likeliest of all; without gradient."""


def token_logprobs(model: Any, batch: Batch, *, temperature: Any = 1.0) -> Any:
    """The log-probabilities of the tokens that train, and 0 elsewhere: [rows, length], in float32.

    `temperature` is a number, or one for each token as `batch.temperatures` has them.
    """
    return token_scores(model, batch, temperature=temperature).logprobs


def token_scores(
    model: Any, batch: Batch, *, temperature: Any = 1.0, entropy: bool = False, right: bool = False
) -> Scores:
    """The log-probabilities, and what else is asked for; the head works at the tokens that train alone."""
    torch = require("torch")
    mask = batch.mask[:, 1:]
    logits = _logits(model, batch, mask.reshape(-1).nonzero().squeeze(-1))
    if not isinstance(temperature, int | float):
        logits = logits / temperature[:, 1:][mask].unsqueeze(-1)
    elif temperature != 1:
        logits = logits / temperature
    targets = batch.input_ids[:, 1:][mask]
    logprobs = -torch.nn.functional.cross_entropy(logits, targets, reduction="none")

    def placed(values: Any) -> Any:
        whole = torch.zeros(batch.mask.shape, dtype=values.dtype, device=values.device)
        return whole.masked_scatter(batch.mask, values)

    return Scores(
        logprobs=placed(logprobs),
        entropy=placed(_entropy(logits.detach(), torch)) if entropy else None,
        right=placed((logits.detach().argmax(-1) == targets).float()) if right else None,
    )


def _logits(model: Any, batch: Batch, places: Any) -> Any:
    """What the model gives at these places of all tokens but the last ones, in float32.

    No attention mask is passed: padding is to the right of all that a causal model looks at, and without a mask
    attention is quicker. The last tokens of all foretell nothing.
    """
    from trainers.learning import qwen3  # not above: importing it needs torch

    before = batch.input_ids[:, : max(1, batch.input_ids.size(1) - 1)]
    if qwen3.fits(model):
        return qwen3.logits_at(model, before, places).float()
    with _only(model.get_output_embeddings(), places) as used:
        logits = model(input_ids=before, use_cache=False).logits
    if not used:
        raise UsageError(f"{type(model).__name__}: its output head is no module that hidden states are given to")
    return logits.float()


@contextmanager
def _only(head: Any, places: Any) -> Iterator[list[bool]]:
    """Have an output head see the hidden states at these places alone."""
    used: list[bool] = []

    def chosen(module: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
        used.append(True)
        hidden, *rest = given
        return (hidden.flatten(0, 1).index_select(0, places), *rest)

    hook = head.register_forward_pre_hook(chosen)
    try:
        yield used
    finally:
        hook.remove()


def _entropy(logits: Any, torch: Any) -> Any:
    logprobs = torch.log_softmax(logits, dim=-1)
    return -(logprobs.exp() * logprobs).nansum(-1)
