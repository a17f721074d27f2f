"""How the next tokens are drawn: by each row's own chances, so that it does not matter which rows share a batch."""

from __future__ import annotations

from array import array
from hashlib import blake2b
from secrets import randbits
from typing import Any

from agentgym.extras import require
from trainers.engine.sample import SampleRequest

_BLOCK = 1 << 15
"""Numbers drawn at once; one call a step would cost tiny models more than their step."""
_SEED_BITS = 63


class Chances:
    """One row's random numbers, as many a step as the model knows tokens."""

    def __init__(self, request: SampleRequest, index: int) -> None:
        self._request = request
        self._index = index
        self._generator: Any = None
        self._even: Any = None
        self._block: Any = None
        self._left = 0

    def noise(self, like: Any) -> Any:
        """Gumbel noise: the token whose log-probability plus noise is largest is drawn with its probability.

        Rows of other lengths beside it change a logit in its last digits; with this noise that changes a draw only
        where two sums are as near as that, and not wherever a boundary of the cumulated chances moves.
        """
        if self._even is None:
            torch, known = require("torch"), like.shape[-1]
            # Uniform numbers in double precision, for the largest noise comes of those that lie nearest to 1.
            self._even = torch.empty((max(1, _BLOCK // known), known), device=like.device, dtype=torch.float64)
            self._generator = torch.Generator(device=like.device).manual_seed(_seed(self._request, self._index))
        if not self._left:
            self._even.uniform_(generator=self._generator).log_().neg_()
            self._block = self._even.float().log_().neg_()
            self._left = len(self._block)
        self._left -= 1
        return self._block[self._left]


def _seed(request: SampleRequest, index: int) -> int:
    """Another one for each choice and each prompt: else all turns of an episode would be drawn by the same numbers."""
    if request.seed is None:
        return randbits(_SEED_BITS)
    digest = blake2b(f"{request.seed}:{index}:".encode(), digest_size=8)
    digest.update(array("q", request.prompt_ids).tobytes())
    return int.from_bytes(digest.digest(), "big") >> (64 - _SEED_BITS)


class Draw:
    """The requests of a batch as tensors; made anew when rows come or go."""

    def __init__(self, requests: list[SampleRequest], chances: list[Chances | None], *, device: Any) -> None:
        torch = require("torch")
        self._chances = chances
        self._divisors = torch.tensor([[request.temperature or 1.0] for request in requests], device=device)
        self._is_hot = not all(request.temperature in (0.0, 1.0) for request in requests)
        self._top_p = None
        if any(request.top_p < 1.0 and request.temperature for request in requests):
            self._top_p = torch.tensor([[request.top_p] for request in requests], device=device)
        self._zeros = None
        self.most_likeliest = max(request.likeliest for request in requests)

    def draw(self, logits: Any) -> tuple[Any, Any, Any]:
        """The next token of each row, its log-probability, and the log-probabilities of all tokens."""
        logits = logits.float()
        logprobs = (logits / self._divisors if self._is_hot else logits).log_softmax(-1)
        scores = logprobs if self._top_p is None else _nucleus(logprobs, self._top_p)
        if any(self._chances):
            scores = scores + self._noise(logprobs)
        chosen = scores.argmax(-1, keepdim=True)
        return chosen[:, 0], logprobs.gather(-1, chosen)[:, 0], logprobs

    def _noise(self, like: Any) -> Any:
        if self._zeros is None:
            self._zeros = like.new_zeros(like.shape[-1])
        return require("torch").stack([one.noise(like) if one is not None else self._zeros for one in self._chances])


def _nucleus(logprobs: Any, top_p: Any) -> Any:
    """Only the likeliest tokens that together reach `top_p`; the rest can never be drawn."""
    ordered, order = logprobs.sort(-1, descending=True)
    chances = ordered.exp()
    outside = chances.cumsum(-1) - chances >= top_p
    return logprobs.masked_fill(outside.scatter(-1, order, outside), float("-inf"))
