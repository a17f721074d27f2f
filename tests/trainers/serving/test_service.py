"""What the served model answers, body by body; no HTTP is between."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agentgym.policies.completions import read_reply, read_turns
from agentgym.policies.streams import read_stream
from tests.trainers.engine.tiny import player
from trainers.engine.engine import Engine
from trainers.serving.refusal import Refusal
from trainers.serving.service import Service

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytestmark = [pytest.mark.anyio, pytest.mark.slow]
COUNT = {"role": "user", "content": "Count from 1 to 5."}
GUESS = {"role": "user", "content": "Guess a digit with the tool."}
TOOL = {"type": "function", "function": {"name": "guess", "parameters": {"type": "object"}}}


@asynccontextmanager
async def service() -> AsyncIterator[Service]:
    engine = Engine.load(player())
    try:
        yield Service(engine, "player")
    finally:
        await engine.aclose()


async def said(served: Service, **fields: Any) -> dict[str, Any]:
    answer = await served.chat(json.dumps({"model": "player", "messages": [COUNT], "temperature": 0} | fields).encode())
    assert isinstance(answer, bytes)
    body: dict[str, Any] = json.loads(answer)
    return body


async def events(served: Service, **fields: Any) -> bytes:
    asked = {"model": "player", "messages": [COUNT], "temperature": 0, "stream": True} | fields
    answer = await served.chat(json.dumps(asked).encode())
    assert not isinstance(answer, bytes)
    return b"".join([event async for event in answer])


async def completed(served: Service, **fields: Any) -> dict[str, Any]:
    answer = await served.complete(json.dumps({"model": "player", "prompt": "Say", "max_tokens": 9} | fields).encode())
    assert isinstance(answer, bytes)
    body: dict[str, Any] = json.loads(answer)
    return body


async def test_a_chat_is_answered_in_the_usual_shape() -> None:
    async with service() as served:
        body = await said(served)
        version = served.engine.version
    assert body["object"] == "chat.completion"
    assert body["model"] == "player"
    assert body["system_fingerprint"] == version
    assert body["choices"][0]["message"] == {"role": "assistant", "content": "1 2 3 4 5"}
    assert body["choices"][0]["finish_reason"] == "stop"
    assert "token_ids" not in body["choices"][0]
    usage = body["usage"]
    assert usage["prompt_tokens"] > 5
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


async def test_token_ids_and_logprobs_stand_where_vllm_puts_them() -> None:
    async with service() as served:
        body = await said(served, return_token_ids=True, logprobs=True, top_logprobs=2, n=2, temperature=0.9, seed=3)
        words = served.engine.checkpoint.tokenizer
    assert len(body["choices"]) == 2
    assert "".join(words.decode(body["prompt_token_ids"])).endswith("<|im_start|>assistant\n")
    completion_tokens = 0
    for choice in body["choices"]:
        content = choice["logprobs"]["content"]
        completion_tokens += len(choice["token_ids"])
        assert [words.decode([number]) for number in choice["token_ids"]] == [entry["token"] for entry in content]
        assert all(len(entry["top_logprobs"]) == 2 and entry["logprob"] <= 0 for entry in content)
    assert body["usage"]["completion_tokens"] == completion_tokens
    assert body["usage"]["prompt_tokens"] == len(body["prompt_token_ids"])


async def test_next_to_no_temperature_is_none() -> None:
    async with service() as served:
        coldest = await said(served, temperature=1e-45, logprobs=True)
        cold = await said(served, temperature=0, logprobs=True)
    assert coldest["choices"] == cold["choices"]
    assert _numbers(coldest["choices"][0])


async def test_calls_are_read_from_the_text_when_tools_are_given() -> None:
    async with service() as served:
        with_tools = (await said(served, messages=[GUESS], tools=[TOOL]))["choices"][0]
        without = (await said(served, messages=[GUESS]))["choices"][0]
        unwanted = (await said(served, messages=[GUESS], tools=[TOOL], tool_choice="none"))["choices"][0]
        cut = (await said(served, messages=[GUESS], tools=[TOOL], max_tokens=12))["choices"][0]
    call = with_tools["message"]["tool_calls"][0]
    assert with_tools["finish_reason"] == "tool_calls"
    assert with_tools["message"]["content"] is None
    assert (call["type"], call["function"]["name"]) == ("function", "guess")
    assert json.loads(call["function"]["arguments"]) == {"n": 4}
    assert without == unwanted
    assert without["message"]["content"].startswith("<tool_call>")
    assert cut["finish_reason"] == "length"


@pytest.mark.parametrize("messages", [[COUNT], [GUESS]], ids=["words", "call"])
@pytest.mark.parametrize(
    "wishes",
    [
        {},
        {"n": 4, "temperature": 2.5, "seed": 7, "max_tokens": 40},
        {"return_token_ids": True, "logprobs": True, "top_logprobs": 1},
        {"stop": ["3", "guess"]},
    ],
    ids=str,
)
async def test_what_is_streamed_amounts_to_the_whole(messages: Any, wishes: dict[str, Any]) -> None:
    fields = {"messages": messages, "tools": [TOOL]} | wishes
    async with service() as served:
        whole = await said(served, **fields)
        streamed = json.loads(read_stream(await events(served, **fields, stream_options={"include_usage": True})))
    assert streamed["usage"] == whole["usage"]
    assert streamed["system_fingerprint"] == whole["system_fingerprint"]
    assert streamed.get("prompt_token_ids") == whole.get("prompt_token_ids")
    for one, other in zip(streamed["choices"], whole["choices"], strict=True):
        assert one["finish_reason"] == other["finish_reason"]
        assert (one["message"]["content"] or None) == (other["message"]["content"] or None)
        assert one["message"].get("tool_calls") == other["message"].get("tool_calls")
        assert one.get("token_ids") == other.get("token_ids")
        assert _numbers(one) == pytest.approx(_numbers(other), abs=1e-5)


def _numbers(choice: dict[str, Any]) -> list[float]:
    return [entry["logprob"] for entry in (choice.get("logprobs") or {"content": []})["content"]]


async def test_a_stream_ends_with_done_and_tells_usage_only_when_asked() -> None:
    async with service() as served:
        plain, counted = await events(served), await events(served, stream_options={"include_usage": True})
    assert plain.endswith(b"data: [DONE]\n\n")
    assert b'"usage"' not in plain
    assert b'"choices":[],"usage"' in counted


async def test_an_episode_is_one_row_of_tokens() -> None:
    """Each prompt begins with the prompt and the answer before it, though texts drift."""
    async with service() as served:
        drifted, hidden, words = 0, served.engine.checkpoint.hidden_ids, served.engine.checkpoint.tokenizer
        for seed in range(12):
            messages, held = [COUNT], list[int]()
            for _ in range(4):
                fields = {"messages": messages, "temperature": 3.0, "seed": seed, "max_tokens": 12}
                body = await said(served, **fields, return_token_ids=True)
                prompt, choice = body["prompt_token_ids"], body["choices"][0]
                assert prompt[: len(held)] == held
                ended = choice["finish_reason"] == "stop"
                if hidden.intersection(choice["token_ids"][:-1] if ended else choice["token_ids"]):
                    break  # no text tells of these, and so none can go on from them
                held = prompt + choice["token_ids"]
                text = choice["message"]["content"]
                drifted += words.encode(text) != [number for number in choice["token_ids"] if number not in hidden]
                messages = [*messages, {"role": "assistant", "content": text}, COUNT]
    assert drifted


async def test_plain_completions_take_texts_and_ids_one_or_several() -> None:
    async with service() as served:
        ids = served.engine.checkpoint.tokenizer("Say")["input_ids"]
        one = await completed(served, seed=1)
        same = await completed(served, seed=1, prompt=ids, return_token_ids=True, logprobs=2)
        several = await completed(served, seed=1, prompt=["Say", "Count", "Say"], n=2)
    choice = same["choices"][0]
    assert one["object"] == "text_completion"
    assert choice["text"] == one["choices"][0]["text"]
    assert (choice["prompt_token_ids"], len(choice["token_ids"])) == (ids, same["usage"]["completion_tokens"])
    logprobs = choice["logprobs"]
    assert len(logprobs["tokens"]) == len(logprobs["token_logprobs"]) == len(logprobs["top_logprobs"])
    assert [entry["index"] for entry in several["choices"]] == list(range(6))
    assert several["choices"][0]["text"] == several["choices"][4]["text"] == one["choices"][0]["text"]


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({"model": "another"}, 404, "does not exist"),
        ({"messages": [{"role": "user", "content": "hi " * 2000}]}, 400, "maximum context length is 1024 tokens"),
        ({"max_tokens": 1020}, 400, "maximum context length is 1024 tokens"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, 400, "no text"),
        ({"chat_template_kwargs": {"messages": []}}, 400, "chat template"),
    ],
    ids=str,
)
async def test_what_cannot_be_answered_is_refused(fields: dict[str, Any], status: int, told: str) -> None:
    async with service() as served:
        for ask in (said, events):
            with pytest.raises(Refusal, match=told) as raised:
                await ask(served, **fields)
            assert raised.value.status == status


@pytest.mark.parametrize("prompt", ["", [[]], [10**6]], ids=str)
async def test_prompts_that_the_model_cannot_read_are_refused(prompt: Any) -> None:
    async with service() as served:
        with pytest.raises(Refusal, match="prompt"):
            await completed(served, prompt=prompt)


async def test_replies_are_read_as_those_of_any_server() -> None:
    async with service() as served:
        body = json.dumps(await said(served, messages=[GUESS], tools=[TOOL], return_token_ids=True, logprobs=True))
    (turn,) = read_turns(read_reply(body.encode()), temperature=0.0)
    assert turn.tool_calls[0].arguments == {"n": 4}
    assert turn.span is not None
    assert turn.span.logprobs is not None
    assert len(turn.span.logprobs) == len(turn.span.completion_ids) == turn.usage.completion_tokens
