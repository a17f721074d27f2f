"""Answers of `/v1/chat/completions`."""

from __future__ import annotations

from collections.abc import Iterator

from agentgym.messages import JsonObject
from trainers.engine.sample import Piece, Sample, SampleRequest
from trainers.engine.text import TokenNames
from trainers.serving.answers import Head, calls_of, chat_logprobs, finish_reason, mark_of, message_of
from trainers.serving.form import Form
from trainers.serving.requests import ChatAsked
from trainers.serving.speech import read_speech, sure_words


class Chat(Form):
    """Thoughts, words and calls, read from the text."""

    object = "chat.completion"
    chunk_object = "chat.completion.chunk"

    def __init__(
        self, asked: ChatAsked, request: SampleRequest, head: Head, names: TokenNames, *, prompt_text: str
    ) -> None:
        super().__init__(asked, request, head, names)
        self.prompt_text = prompt_text
        self._names = asked.tool_names
        self._tells_logprobs = asked.logprobs is True
        self._thinks = prompt_text.rstrip().endswith("<think>")
        self._text = [""] * request.n
        self._said = [0] * request.n
        """Characters of the words that were sent of each choice."""
        self._thought = [False] * request.n

    def beside(self) -> JsonObject:
        return {"prompt_token_ids": list(self.request.prompt_ids)} if self.tells_ids else {}

    def choice(self, index: int, sample: Sample) -> JsonObject:
        found = read_speech(sample.text, self._names, thinks=self._thinks)
        choice: JsonObject = {
            "index": index,
            "message": message_of(found, mark=mark_of(self.request.prompt_ids, sample)),
            "logprobs": chat_logprobs(sample, self.names) if self._tells_logprobs else None,
            "finish_reason": finish_reason(sample, found),
        }
        return choice | {"token_ids": list(sample.token_ids)} if self.tells_ids else choice

    def opening(self, version: str) -> Iterator[JsonObject]:
        """Who speaks, and once for all choices the prompt's ids."""
        beside = self.beside()
        for index in range(self.request.n):
            delta: JsonObject = {"role": "assistant", "content": ""}
            yield self.chunk({"index": index, "delta": delta, "finish_reason": None}, version) | beside
            beside = {}

    def chunks(self, piece: Piece, version: str) -> Iterator[JsonObject]:
        """A token may add no words: those that may yet turn out to be a call are held back."""
        delta, reason = self._delta(piece)
        choice: JsonObject = {"index": piece.index, "delta": delta, "finish_reason": reason}
        if self._tells_logprobs:
            choice["logprobs"] = chat_logprobs(piece, self.names)
        if self.tells_ids:
            choice["token_ids"] = list(piece.token_ids)
        if delta or reason or self._tells_logprobs or self.tells_ids:
            yield self.chunk(choice, version)

    def _delta(self, piece: Piece) -> tuple[JsonObject, str | None]:
        index, sample = piece.index, piece.sample
        if sample is None:
            if not piece.text:
                return {}, None
            self._text[index] += piece.text
            words, thoughts = sure_words(self._text[index], self._names, thinks=self._thinks)
            return self._new(index, words, thoughts), None
        found = read_speech(sample.text, self._names, thinks=self._thinks)
        delta = self._new(index, found.text, found.reasoning)
        if found.calls:
            calls = calls_of(found, mark=mark_of(self.request.prompt_ids, sample))
            delta["tool_calls"] = [{"index": number} | call for number, call in enumerate(calls)]
        return delta, finish_reason(sample, found)

    def _new(self, index: int, words: str, thoughts: str | None) -> JsonObject:
        delta: JsonObject = {}
        if thoughts is not None and not self._thought[index]:
            self._thought[index] = True
            delta["reasoning_content"] = thoughts
        if len(words) > self._said[index]:
            delta["content"] = words[self._said[index] :]
            self._said[index] = len(words)
        return delta
