"""Answers of `/v1/completions`."""

from __future__ import annotations

from collections.abc import Iterator

from agentgym.messages import JsonObject
from trainers.engine.sample import Piece, Sample, SampleRequest
from trainers.engine.text import TokenNames
from trainers.serving.answers import Head, finish_reason, text_logprobs
from trainers.serving.form import Form
from trainers.serving.requests import TextAsked


class Text(Form):
    """The text as it stands."""

    object = chunk_object = "text_completion"

    def __init__(self, asked: TextAsked, request: SampleRequest, head: Head, names: TokenNames, *, first: int) -> None:
        super().__init__(asked, request, head, names)
        self._tells_logprobs = asked.logprobs is not None
        self._first = first
        """The number of its first choice among those of all prompts."""
        self._offset = [0] * request.n
        self._begun = [False] * request.n

    def choice(self, index: int, sample: Sample) -> JsonObject:
        choice: JsonObject = {
            "index": self._first + index,
            "text": sample.text,
            "logprobs": text_logprobs(sample, self.names, offset=0) if self._tells_logprobs else None,
            "finish_reason": finish_reason(sample),
        }
        return choice | self._ids(sample, with_prompt=True) if self.tells_ids else choice

    def chunks(self, piece: Piece, version: str) -> Iterator[JsonObject]:
        index, sample = piece.index, piece.sample
        choice: JsonObject = {"index": self._first + index, "text": piece.text, "logprobs": None}
        choice["finish_reason"] = None if sample is None else finish_reason(sample)
        if self._tells_logprobs:
            choice["logprobs"] = text_logprobs(piece, self.names, offset=self._offset[index])
            self._offset[index] += sum(len(self.names[number]) for number in piece.token_ids)
        if self.tells_ids:
            choice |= self._ids(piece, with_prompt=not self._begun[index])
            self._begun[index] = True
        yield self.chunk(choice, version)

    def _ids(self, said: Sample | Piece, *, with_prompt: bool) -> JsonObject:
        ids: JsonObject = {"token_ids": list(said.token_ids)}
        return ids | {"prompt_token_ids": list(self.request.prompt_ids)} if with_prompt else ids
