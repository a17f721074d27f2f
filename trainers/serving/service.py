"""Answers requests from an engine: bytes in, bytes out, whether they come over HTTP or in process."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import time

import anyio

from agentgym.errors import Fault
from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject
from trainers.engine.engine import Engine
from trainers.engine.sample import COLDEST, Sample, SampleRequest
from trainers.engine.text import TokenNames
from trainers.serving.answers import Head
from trainers.serving.chats import Chat
from trainers.serving.form import Form
from trainers.serving.prompts import Prompts
from trainers.serving.refusal import Refusal, broken, too_long, unknown_model
from trainers.serving.requests import ChatAsked, Common, TextAsked, read_request
from trainers.serving.texts import Text

_UNBOUNDED = 2048
"""Tokens of an answer where neither the request nor the model says how long it may get."""
Answer = bytes | AsyncGenerator[bytes]
"""A whole body, or the events of a stream."""


class Service:
    """One model under one name."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine = engine
        self.name = name
        self._prompts = Prompts(engine.checkpoint.tokenizer)
        self._names = TokenNames(engine.checkpoint.tokenizer)
        self._since = int(time())

    async def chat(self, body: bytes) -> Answer:
        """Answer a body of `/v1/chat/completions`; Refusal says no."""
        asked = read_request(body, ChatAsked)
        self._check_model(asked)
        text = self._prompts.render(asked)
        likeliest = (asked.top_logprobs or 0) if asked.logprobs else 0
        request = self._request(asked, self._prompts.ids(text, asked.seed), asked.most_tokens, likeliest, "messages")
        form = Chat(asked, request, Head.new("chatcmpl", self.name), self._names, prompt_text=text)
        return await self._answer(asked, [form])

    async def complete(self, body: bytes) -> Answer:
        """Answer a body of `/v1/completions`; Refusal says no."""
        asked = read_request(body, TextAsked)
        self._check_model(asked)
        head, forms = Head.new("cmpl", self.name), list[Form]()
        for prompt in asked.prompts:
            ids = tuple(prompt) if isinstance(prompt, list) else self._encoded(asked, prompt)
            request = self._request(asked, ids, asked.max_tokens, asked.logprobs or 0, "prompt")
            forms.append(Text(asked, request, head, self._names, first=len(forms) * request.n))
        return await self._answer(asked, forms)

    def models(self) -> JsonObject:
        """The body of `/v1/models`."""
        return {"object": "list", "data": [self.model(self.name)]}

    def model(self, name: str) -> JsonObject:
        """The body of `/v1/models/NAME`; Refusal where that is another one."""
        if name != self.name:
            raise unknown_model(name, self.name)
        told: JsonObject = {"id": name, "object": "model", "created": self._since, "owned_by": "agentgym"}
        return told | {"max_model_len": self.engine.checkpoint.context_length}

    def health(self) -> JsonObject:
        """The body of `/health`."""
        load = self.engine.load_now
        return {
            "status": "ok",
            "model": self.name,
            "model_version": self.engine.version,
            "running": load.running,
            "waiting": load.waiting,
        }

    def _encoded(self, asked: TextAsked, prompt: str) -> tuple[int, ...]:
        return self._prompts.encode(prompt, special=asked.add_special_tokens)

    def _check_model(self, asked: Common) -> None:
        self.model(asked.model)

    def _request(
        self, asked: Common, ids: tuple[int, ...], most: int | None, likeliest: int, what: str
    ) -> SampleRequest:
        """The engine's own words for what is asked, where it fits the model."""
        known, longest = self.engine.checkpoint.vocabulary, self.engine.checkpoint.context_length
        if not ids or max(ids) >= known:
            told = "is empty" if not ids else f"holds token ids that the model does not know, of {known} and more"
            raise Refusal(f"The prompt {told}.", param=what)
        if longest is not None and len(ids) + (most or 1) > longest:
            raise too_long(limit=longest, prompt=len(ids), answer=most, what=what)
        return SampleRequest(
            prompt_ids=ids,
            max_tokens=most or (_UNBOUNDED if longest is None else longest - len(ids)),
            temperature=_temperature(asked.temperature),
            top_p=asked.top_p or 1.0,
            stop=asked.stops,
            seed=asked.seed,
            n=asked.n or 1,
            likeliest=likeliest,
            skip_special_tokens=asked.skip_special_tokens,
        )

    async def _answer(self, asked: Common, forms: list[Form]) -> Answer:
        if asked.stream:
            return self._stream(asked, forms)
        answers: list[tuple[Sample, ...]] = [()] * len(forms)

        async def sample(number: int, form: Form) -> None:
            answers[number] = await self._sample(form)

        if len(forms) == 1:
            await sample(0, forms[0])
        else:
            async with anyio.create_task_group() as group:
                for number, form in enumerate(forms):
                    group.start_soon(sample, number, form)
        return dump_json(forms[0].whole(list(zip(forms, answers, strict=True))))

    async def _sample(self, form: Form) -> tuple[Sample, ...]:
        try:
            samples = await self.engine.sample(form.request)
        except Fault as fault:
            raise broken(str(fault)) from None
        for index, sample in enumerate(samples):
            self._keep(form, index, sample)
        return samples

    def _keep(self, form: Form, index: int, sample: Sample | None) -> None:
        if sample is not None and isinstance(form, Chat):
            self._prompts.keep(form.prompt_text, form.request, index, sample)

    async def _stream(self, asked: Common, forms: list[Form]) -> AsyncGenerator[bytes]:
        """Server-sent events; several prompts are answered one after another."""
        completion_tokens, version = 0, self.engine.version
        try:
            for form in forms:
                for opening in form.opening(version):
                    yield _event(opening)
                async with aclosing(self.engine.stream(form.request)) as pieces:
                    async for piece in pieces:
                        completion_tokens += len(piece.token_ids)
                        version = piece.sample.model_version if piece.sample is not None else version
                        self._keep(form, piece.index, piece.sample)
                        for chunk in form.chunks(piece, version):
                            yield _event(chunk)
        except Fault as fault:
            yield b"data: " + broken(str(fault)).body() + b"\n\n"
            return
        if asked.tells_usage:
            prompt_tokens = sum(len(form.request.prompt_ids) for form in forms)
            yield _event(forms[0].ending(prompt_tokens, completion_tokens, version))
        yield b"data: [DONE]\n\n"


def _temperature(asked: float | None) -> float:
    """Whoever asks for next to nothing wants the likeliest token."""
    if asked is None:
        return 1.0
    return asked if asked >= COLDEST else 0.0


def _event(chunk: JsonObject) -> bytes:
    return b"data: " + dump_json(chunk) + b"\n\n"
