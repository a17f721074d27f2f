"""The form an answer is given in: whole, or as the chunks of a stream."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar

from pydantic import JsonValue

from agentgym.messages import JsonObject
from trainers.engine.sample import Piece, Sample, SampleRequest
from trainers.engine.text import TokenNames
from trainers.serving.answers import Head, usage
from trainers.serving.requests import Common


class Form(ABC):
    """Of the answer to one prompt."""

    object: ClassVar[str]
    chunk_object: ClassVar[str]

    def __init__(self, asked: Common, request: SampleRequest, head: Head, names: TokenNames) -> None:
        self.request = request
        self.head = head
        self.tells_ids = asked.return_token_ids is True
        self.names = names

    @abstractmethod
    def choice(self, index: int, sample: Sample) -> JsonObject:
        """One choice of a whole body."""

    @abstractmethod
    def chunks(self, piece: Piece, version: str) -> Iterator[JsonObject]:
        """What is said of a piece."""

    def opening(self, version: str) -> Iterator[JsonObject]:
        """What is said before the first piece."""
        yield from ()

    def whole(self, answers: Sequence[tuple[Form, Sequence[Sample]]]) -> JsonObject:
        """The body for the answers to all prompts of a request."""
        choices: list[JsonValue] = [
            form.choice(index, sample) for form, samples in answers for index, sample in enumerate(samples)
        ]
        prompt_tokens = sum(len(form.request.prompt_ids) for form, _ in answers)
        completion_tokens = sum(len(sample.token_ids) for _, samples in answers for sample in samples)
        body = self.head.body(self.object, version=answers[-1][1][-1].model_version)
        return body | {"choices": choices, "usage": usage(prompt_tokens, completion_tokens)} | self.beside()

    def beside(self) -> JsonObject:
        """What stands beside the choices."""
        return {}

    def chunk(self, choice: JsonObject, version: str) -> JsonObject:
        """One chunk with one choice."""
        return self.head.body(self.chunk_object, version=version) | {"choices": [choice]}

    def ending(self, prompt_tokens: int, completion_tokens: int, version: str) -> JsonObject:
        """The chunk that says what was used."""
        body = self.head.body(self.chunk_object, version=version)
        return body | {"choices": [], "usage": usage(prompt_tokens, completion_tokens)}
