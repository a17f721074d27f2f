"""What an update makes smaller: of imitation, and of policy gradients with the ratio clipped on two sides.

Normalised as trl 1.16 normalises them, so that a recipe means the same in both backends:

    grpo, gspo   the mean over a row's tokens, then over the rows of the update
    dr_grpo      the sum over all tokens, by the number of rows times the longest completion
    dapo         the mean over all tokens of the update
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agentgym.extras import require
from trainers.recipe import GrpoSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What a whole update is made of; the losses of its batches add up to that of the update."""

    rows: float
    tokens: float
    """That train."""
    longest: float = 1
    """Tokens of the longest completion there may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLoss:
    """The loss, and sums over the tokens that train, without gradient."""

    loss: Any
    tokens: Any
    clipped: Any
    """Where the ratio lies beyond the clip, on the side where that matters."""
    kl: Any
    """The distance from the policy that sampled, estimated token by token: never negative, and 0 where nothing
    changed."""
    reference_kl: Any
    """The same from the model that training began with; 0 where none is asked."""


def policy_loss(
    logprobs: Any,
    *,
    old_logprobs: Any,
    advantages: Any,
    mask: Any,
    settings: GrpoSettings,
    extent: Extent,
    reference_logprobs: Any = None,
) -> PolicyLoss:
    """The part of one batch in the loss of an update.

    All tensors are [rows, length]; `advantages` may be one for each row. `old_logprobs` are those of the policy that
    sampled, and what does not train may hold anything finite.
    """
    torch = require("torch")
    counted = mask.to(logprobs.dtype)
    worth = advantages if advantages.dim() == 2 else advantages.unsqueeze(1)
    log_ratio = (logprobs - old_logprobs) * counted
    if settings.loss == "gspo":
        ratio = (log_ratio.sum(-1, keepdim=True) / counted.sum(-1, keepdim=True).clamp(min=1.0)).exp()
    else:
        ratio = log_ratio.exp()
    high = settings.epsilon if settings.epsilon_high is None else settings.epsilon_high
    within = ratio.clamp(1 - settings.epsilon, 1 + high)
    bounded = ratio if settings.delta is None else ratio.clamp(max=settings.delta)
    losses = -torch.min(bounded * worth, within * worth)
    distance = torch.zeros_like(logprobs)
    if settings.beta and reference_logprobs is not None:
        # As trl has it: by the ratio it is the distance of the present policy, whoever sampled the tokens.
        distance = _distance((reference_logprobs - logprobs) * counted) * ratio
        losses = losses + settings.beta * distance
    loss = _reduced(losses * counted, counted, settings, extent)
    with torch.no_grad():
        clipped = ((bounded < 1 - settings.epsilon) & (worth < 0)) | ((bounded > 1 + high) & (worth > 0))
        return PolicyLoss(
            loss=loss,
            tokens=counted.sum(),
            clipped=(clipped * counted).sum(),
            kl=_distance(log_ratio).sum(),
            reference_kl=(distance * counted).sum(),
        )


def imitation_loss(logprobs: Any, mask: Any, *, tokens: float | None = None) -> Any:
    """The mean of what the tokens that train cost; `tokens`: of the whole update, of which this is a batch."""
    counted = mask.to(logprobs.dtype)
    return -(logprobs * counted).sum() / (counted.sum().clamp(min=1.0) if tokens is None else max(tokens, 1.0))


def _reduced(losses: Any, counted: Any, settings: GrpoSettings, extent: Extent) -> Any:
    if settings.loss == "dapo":
        return losses.sum() / max(extent.tokens, 1.0)
    if settings.loss == "dr_grpo":
        return losses.sum() / (extent.rows * extent.longest)
    return (losses.sum(-1) / counted.sum(-1).clamp(min=1.0)).sum() / extent.rows


def _distance(log_ratio: Any) -> Any:
    """Of the policy that the ratio is taken from, by samples of the other: Schulman's third estimator."""
    return log_ratio.exp() - log_ratio - 1
