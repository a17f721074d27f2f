"""One choice while it is sampled, and the request it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from agentgym.errors import Fault
from trainers.engine.chances import Chances
from trainers.engine.sample import FinishReason, Likeliest, Piece, Sample, SampleRequest
from trainers.engine.text import Reading, Words

Deliver = Callable[["Job"], None]
"""Is told, in the worker's thread, that there is something new of a job."""


class Job:
    """One request under way; whoever asked reads `samples` or `fault` once it is done, and may give it up."""

    def __init__(self, request: SampleRequest, words: Words, deliver: Deliver, *, streams: bool) -> None:
        self.request = request
        self.words = words
        self.streams = streams
        self.fault: Fault | None = None
        self.abandoned = False
        """Set by whoever asked; its rows then leave at the next step."""
        self.samples: list[Sample | None] = [None] * request.n
        self.pieces: list[Piece] = []
        """What is new since it was last delivered."""
        self._deliver = deliver

    @property
    def done(self) -> bool:
        """Whether nothing more comes."""
        return self.fault is not None or all(sample is not None for sample in self.samples)

    @property
    def unwanted(self) -> bool:
        """Whether nobody waits for its rows any more."""
        return self.abandoned or self.fault is not None

    def fail(self, fault: Fault) -> None:
        """End without samples."""
        if not self.done:
            self.fault = fault
            self._deliver(self)

    def tell(self, index: int, piece: Piece | None, sample: Sample | None) -> None:
        """Deliver what is new."""
        if piece is not None:
            self.pieces.append(piece)
        if sample is not None:
            self.samples[index] = sample
        if piece is not None or self.done:
            self._deliver(self)


class Row:
    """One choice of a request."""

    def __init__(self, job: Job, index: int, chances: Chances | None, *, end_ids: frozenset[int]) -> None:
        self.job = job
        self.request = job.request
        self.chances = chances
        self.ids: list[int] = []
        self.version = ""
        """Of the weights it is sampled from."""
        self._index = index
        self._end_ids = end_ids
        self._logprobs: list[float] = []
        self._likeliest: list[Likeliest] = []
        self._reading = Reading(job.words, job.request.stop) if job.streams or job.request.stop else None

    @property
    def length(self) -> int:
        """Of the prompt and what was sampled."""
        return len(self.request.prompt_ids) + len(self.ids)

    def take(self, number: int, logprob: float, likeliest: Likeliest | None) -> bool:
        """Add a token; tells whether that was the last one."""
        self.ids.append(number)
        self._logprobs.append(logprob)
        if likeliest is not None:
            self._likeliest.append(likeliest)
        if self._reading is not None:
            self._reading.feed(number)
        reason = self._reason(number)
        sample = None if reason is None else self._sample(reason)
        if sample is not None or self.job.streams:
            self.job.tell(self._index, self._piece(sample) if self.job.streams else None, sample)
        return reason is not None

    def _reason(self, number: int) -> FinishReason | None:
        if number in self._end_ids or (self._reading is not None and self._reading.stopped):
            return "stop"
        return "length" if len(self.ids) >= self.request.max_tokens else None

    def _sample(self, reason: FinishReason) -> Sample:
        text = self.job.words.text(self.ids)
        if self._reading is not None:
            self._reading.finish(text)
            text = self._reading.text
            reason = "stop" if self._reading.stopped else reason
        ids, logprobs = tuple(self.ids), tuple(self._logprobs)
        return Sample(ids, logprobs, text, reason, self.version, tuple(self._likeliest))

    def _piece(self, sample: Sample | None) -> Piece:
        assert self._reading is not None
        text = self._reading.news(done=sample is not None)
        return Piece(self._index, (self.ids[-1],), (self._logprobs[-1],), text, sample, tuple(self._likeliest[-1:]))


def likeliest_of(logprobs: Any, wanted: Sequence[int]) -> list[Likeliest | None]:
    """The likeliest tokens, for each row as many as it wants; None for a row that wants none."""
    most = min(max(wanted), logprobs.shape[-1])
    values, ids = (found.tolist() for found in logprobs.topk(most, dim=-1))
    return [
        tuple(zip(ids[row][:few], values[row][:few], strict=True)) if few else None for row, few in enumerate(wanted)
    ]
