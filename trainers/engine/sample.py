"""What is asked of the engine, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FinishReason = Literal["stop", "length"]
COLDEST = 1e-3
"""Below it there is nothing left to chance, and sums run out of bounds."""
Likeliest = tuple[tuple[int, float], ...]
"""The likeliest tokens of a place with their log-probabilities, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRequest:
    """One prompt, and how to go on from it."""

    prompt_ids: tuple[int, ...]
    max_tokens: int
    temperature: float = 1.0
    """0 takes the likeliest token; anything else is COLDEST at least."""
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int | None = None
    """With the prompt and the choice's number it decides every chance; None takes fresh ones."""
    n: int = 1
    likeliest: int = 0
    """How many of the likeliest tokens to tell at every place."""
    skip_special_tokens: bool = False
    """Whether to leave all special tokens out of the text, and not only those that begin, end and pad."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One choice, exactly as it was sampled."""

    token_ids: tuple[int, ...]
    """With the token that ended it, if one did."""
    logprobs: tuple[float, ...]
    """Natural, of each token at the request's temperature (at 1 where that is 0), whatever `top_p` is."""
    text: str
    finish_reason: FinishReason
    model_version: str
    """Of the weights; one choice is sampled from one version."""
    likeliest: tuple[Likeliest, ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """What is new of one choice while it is sampled; the text may lag behind the tokens."""

    index: int
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    text: str
    sample: Sample | None = None
    """The whole, on the last piece."""
    likeliest: tuple[Likeliest, ...] = ()
