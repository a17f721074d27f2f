"""Whether two models say the same: asked one short text, of all that the tokenizer has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agentgym.errors import AgentGymError
from agentgym.extras import require

LENGTH = 48
AGREEMENT = {"float32": 1e-5, "bfloat16": 5e-2, "float16": 1e-2}
"""How far the figures of a merged model may be from the adapter's, relative to the largest: it is the rounding of one
addition to the weights, which is all that merging is."""


class MergeError(AgentGymError, ArithmeticError):
    """What was written does not say what the adapter says."""


def logits(model: Any, ids: Iterable[int]) -> Any:
    """What the model says after each token, in float32."""
    torch = require("torch")
    model.eval()
    device = model.get_input_embeddings().weight.device
    with torch.no_grad():
        return model(input_ids=torch.tensor([list(ids)], device=device), use_cache=False).logits.float().cpu()


def probe_ids(count: int, wanted: Iterable[int]) -> list[int]:
    """Tokens from all over the vocabulary, with those that matter most."""
    spread = [count * place // LENGTH for place in range(LENGTH)]
    return [*spread, *list(wanted)[:LENGTH], *spread[: LENGTH // 2]]


def distance(said: Any, expected: Any) -> float:
    """The largest difference, relative to the largest figure; infinite where something is no number."""
    torch = require("torch")
    if said.shape != expected.shape or not bool(torch.isfinite(said).all() and torch.isfinite(expected).all()):
        return float("inf")
    scale = float(expected.abs().max())
    difference = float((said - expected).abs().max())
    return difference / scale if scale else difference


def check_agreement(said: Any, expected: Any, *, most: float, told: str) -> float:
    """How far they are apart; MergeError where that is more than it may be."""
    apart = distance(said, expected)
    if not apart <= most:
        raise MergeError(f"{told}: the figures are {apart:.1e} apart, and at most {most:.0e} is rounding")
    return apart
