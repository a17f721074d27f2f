"""The sampler, beside what a plain forward pass of the model says."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import cache
from typing import Any

import anyio
import pytest

from agentgym.errors import PolicyFault, UsageError
from tests.trainers.engine.tiny import fresh
from trainers.engine.engine import Engine, Load
from trainers.engine.sample import Sample, SampleRequest

torch: Any = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytestmark = [pytest.mark.anyio, pytest.mark.slow]
LONGEST = 256


@cache
def tokenizer() -> Any:
    from tests.thirdparty.tiny_checkpoint import games, trained_tokenizer

    return trained_tokenizer(games())


@cache
def model(**sizes: Any) -> Any:
    return fresh(tokenizer(), seed=1, **sizes)


@asynccontextmanager
async def engine(made: Any = None, **options: Any) -> AsyncIterator[Engine]:
    running = Engine.of(made or model(), tokenizer(), **{"max_length": LONGEST} | options)
    try:
        yield running
    finally:
        await running.aclose()


def asked(number: int = 0, **wishes: Any) -> SampleRequest:
    """Prompts of many lengths."""
    prompt = tuple(range(5, 8 + 7 * number % 50))
    return SampleRequest(**{"prompt_ids": prompt, "max_tokens": 24, "seed": number} | wishes)


async def together(running: Engine, requests: list[SampleRequest]) -> list[tuple[Sample, ...]]:
    answers: list[tuple[Sample, ...]] = [()] * len(requests)

    async def one(number: int) -> None:
        answers[number] = await running.sample(requests[number])

    async with anyio.create_task_group() as group:
        for number in range(len(requests)):
            group.start_soon(one, number)
    return answers


def plain_logprobs(made: Any, request: SampleRequest, sample: Sample) -> list[float]:
    """By one forward pass over all of it, alone and without a cache."""
    ids = torch.tensor([[*request.prompt_ids, *sample.token_ids]])
    with torch.no_grad():
        logprobs = (made(input_ids=ids).logits[0] / (request.temperature or 1.0)).log_softmax(-1)
    begin = len(request.prompt_ids) - 1
    return [float(logprobs[begin + place, token]) for place, token in enumerate(sample.token_ids)]


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0, 1.7])
async def test_logprobs_are_those_of_a_plain_forward_pass(temperature: float) -> None:
    requests = [asked(number, temperature=temperature, n=1 + number % 3, top_p=0.9) for number in range(12)]
    async with engine() as running:
        for request, samples in zip(requests, await together(running, requests), strict=True):
            assert len(samples) == request.n
            for sample in samples:
                assert sample.logprobs == pytest.approx(plain_logprobs(model(), request, sample), abs=1e-5)


async def test_a_model_with_sliding_windows_is_sampled_as_it_is() -> None:
    made = model(sliding_window=8, use_sliding_window=True, max_window_layers=1)
    assert "sliding_attention" in made.config.layer_types
    requests = [asked(number) for number in range(6)]
    async with engine(made) as running:
        for request, samples in zip(requests, await together(running, requests), strict=True):
            assert samples[0].logprobs == pytest.approx(plain_logprobs(made, request, samples[0]), abs=1e-5)


async def test_half_precision_is_as_exact_as_it_can_be() -> None:
    made = fresh(tokenizer(), seed=1).to(torch.bfloat16)
    requests = [asked(number) for number in range(6)]
    async with engine(made) as running:
        for request, samples in zip(requests, await together(running, requests), strict=True):
            assert samples[0].logprobs == pytest.approx(plain_logprobs(made, request, samples[0]), abs=0.1)


def test_layers_that_padding_would_mislead_are_refused() -> None:
    made = fresh(tokenizer(), seed=1)
    made.config.layer_types = ["full_attention", "chunked_attention"]
    with pytest.raises(UsageError, match="chunked_attention layers"):
        Engine.of(made, tokenizer())


async def test_a_model_that_was_being_trained_drops_nothing() -> None:
    made = fresh(tokenizer(), seed=1, attention_dropout=0.5).train()
    async with engine(made) as running:
        sample = (await running.sample(asked()))[0]
    assert sample.logprobs == pytest.approx(plain_logprobs(model(), asked(), sample), abs=1e-5)


async def test_a_seed_gives_the_same_whatever_else_is_sampled() -> None:
    requests = [asked(number, n=2, temperature=1.3) for number in range(20)]
    async with engine(most_rows=16) as running:
        alone = [await running.sample(request) for request in requests]
        beside = await together(running, requests)
    assert [[one.token_ids for one in samples] for samples in alone] == [
        [one.token_ids for one in samples] for samples in beside
    ]


async def test_choices_prompts_and_seeds_have_chances_of_their_own() -> None:
    async with engine() as running:
        one, other = (await running.sample(asked(n=2)))[:2]
        again = (await running.sample(asked(seed=1)))[0]
        unseeded = [(await running.sample(asked(seed=None)))[0].token_ids for _ in range(2)]
    assert len({one.token_ids, other.token_ids, again.token_ids, *unseeded}) == 5


async def test_tokens_are_drawn_as_often_as_their_chances_say() -> None:
    request = asked(max_tokens=1, n=128, temperature=0.25)
    async with engine() as running:
        samples = [sample for seed in range(20) for sample in await running.sample(asked(**_fields(request, seed)))]
    drawn = Counter(sample.token_ids[0] for sample in samples)
    with torch.no_grad():
        logits = model()(input_ids=torch.tensor([request.prompt_ids])).logits[0, -1]
    chances = (logits / request.temperature).softmax(-1)
    for token in chances.topk(5).indices.tolist():
        chance = float(chances[token])
        spread = math.sqrt(chance * (1 - chance) / len(samples))
        assert drawn[token] / len(samples) == pytest.approx(chance, abs=5 * spread)


def _fields(request: SampleRequest, seed: int) -> dict[str, Any]:
    return {"max_tokens": 1, "n": request.n, "temperature": request.temperature, "seed": seed}


async def test_greedy_takes_the_likeliest_and_so_does_a_small_top_p() -> None:
    async with engine() as running:
        greedy = await running.sample(asked(temperature=0.0, n=2, likeliest=3))
        narrow = await running.sample(asked(top_p=1e-6))
    assert greedy[0].token_ids == greedy[1].token_ids == narrow[0].token_ids
    for token, logprob, likeliest in zip(greedy[0].token_ids, greedy[0].logprobs, greedy[0].likeliest, strict=True):
        assert len(likeliest) == 3
        assert likeliest[0] == (token, pytest.approx(logprob, abs=1e-6))


async def test_top_p_draws_nothing_from_the_tail() -> None:
    request = asked(max_tokens=1, n=128, top_p=0.1, seed=5)
    async with engine() as running:
        drawn = {sample.token_ids[0] for sample in await running.sample(request)}
    with torch.no_grad():
        chances = model()(input_ids=torch.tensor([request.prompt_ids])).logits[0, -1].softmax(-1)
    ordered = chances.sort(descending=True)
    allowed = set(ordered.indices[: int((ordered.values.cumsum(0) < 0.1).sum()) + 1].tolist())
    assert len(drawn) > 1
    assert drawn <= allowed


async def test_a_stop_cuts_the_text_and_keeps_its_tokens() -> None:
    async with engine() as running:
        whole = (await running.sample(asked(4, max_tokens=40)))[0]
        stop = whole.text[5:7]
        cut = (await running.sample(asked(4, max_tokens=40, stop=("never said", stop))))[0]
    assert cut.text == whole.text[: whole.text.index(stop)]
    assert cut.finish_reason == "stop"
    assert cut.token_ids == whole.token_ids[: len(cut.token_ids)]
    assert stop in tokenizer().decode(cut.token_ids)


async def test_the_end_token_ends_a_choice_and_is_kept() -> None:
    async with engine() as running:
        samples = [
            sample for seed in range(8) for sample in await running.sample(asked(n=64, max_tokens=16, seed=seed))
        ]
    ended = [sample for sample in samples if sample.finish_reason == "stop"]
    assert ended
    for sample in samples:
        assert (sample.token_ids[-1] == tokenizer().eos_token_id) == (sample.finish_reason == "stop")
        assert tokenizer().eos_token_id not in sample.token_ids[:-1]
        assert "<|im_end|>" not in sample.text


@pytest.mark.parametrize("stop", [(), ("a", "e"), ("\n\n",)], ids=str)
async def test_what_is_streamed_is_the_whole(stop: tuple[str, ...]) -> None:
    request = asked(3, n=6, max_tokens=40, stop=stop)
    async with engine() as running:
        whole = await running.sample(request)
        texts, ids, logprobs = [""] * 6, [()] * 6, [()] * 6
        async with aclosing(running.stream(request)) as pieces:
            async for piece in pieces:
                texts[piece.index] += piece.text
                ids[piece.index] += piece.token_ids
                logprobs[piece.index] += piece.logprobs
                assert piece.sample is None or piece.sample.text == texts[piece.index]
    assert texts == [sample.text for sample in whole]
    assert ids == [sample.token_ids for sample in whole]
    assert logprobs == [pytest.approx(sample.logprobs, abs=1e-5) for sample in whole]


async def test_more_than_fit_wait_and_are_sampled_then() -> None:
    async with engine(most_rows=3) as running:
        answers = await together(running, [asked(number, n=1 + number % 5) for number in range(20)])
        assert [len(samples) for samples in answers] == [1 + number % 5 for number in range(20)]
        await emptied(running)


async def emptied(running: Engine) -> None:
    """The engine's own thread lets go of rows, and tells nobody when."""
    with anyio.fail_after(20):
        while running.load_now != Load(0, 0):  # noqa: ASYNC110
            await anyio.sleep(0.001)


async def begun(running: Engine) -> None:
    with anyio.fail_after(20):
        while not running.load_now.running:  # noqa: ASYNC110
            await anyio.sleep(0.001)


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
async def test_who_gives_up_leaves_the_batch_and_disturbs_nobody(streams: bool) -> None:
    long = asked(max_tokens=LONGEST - 10, n=40)

    async def read() -> None:
        if not streams:
            await running.sample(long)
            return
        async with aclosing(running.stream(long)) as pieces:
            async for _ in pieces:
                pass

    async with engine(most_rows=8) as running:
        expected = await running.sample(asked(7))
        async with anyio.create_task_group() as group:
            group.start_soon(read)
            await begun(running)
            group.cancel_scope.cancel()
        assert await running.sample(asked(7)) == expected
        await emptied(running)


async def test_a_stream_that_is_left_in_the_middle_leaves_the_batch() -> None:
    async with engine() as running:
        async with aclosing(running.stream(asked(max_tokens=200))) as pieces:
            async for _ in pieces:
                break
        await emptied(running)


async def test_weights_change_between_requests_and_never_within_one() -> None:
    made, other = fresh(tokenizer(), seed=2), fresh(tokenizer(), seed=3)
    request = asked(max_tokens=100, n=4)
    async with engine(made, version="first") as running:
        before: list[tuple[Sample, ...]] = []

        async def sample() -> None:
            before.append(await running.sample(request))

        async with anyio.create_task_group() as group:
            group.start_soon(sample)
            await begun(running)
            assert await running.reload(other.state_dict(), version="second") == "second"
            after = await running.sample(request)
        assert {sample.model_version for sample in before[0]} == {"first"}
        assert {sample.model_version for sample in after} == {running.version} == {"second"}
        for sample in after:
            assert sample.logprobs == pytest.approx(plain_logprobs(other, request, sample), abs=1e-5)
        old = fresh(tokenizer(), seed=2)
        for sample in before[0]:
            assert sample.logprobs == pytest.approx(plain_logprobs(old, request, sample), abs=1e-5)


async def test_weights_that_do_not_fit_change_nothing() -> None:
    made = fresh(tokenizer(), seed=2)
    state = dict(made.state_dict())
    name = "model.layers.0.mlp.up_proj.weight"
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("missing", {key: value for key, value in state.items() if key != name}),
        ("unknown", state | {"another": state[name]}),
        ("of another shape", state | {name: state[name][:1]}),
    ]
    async with engine(made, version="first") as running:
        before = await running.sample(asked())
        for told, weights in wrong:
            with pytest.raises(UsageError, match=told):
                await running.reload(weights)
        assert running.version == "first"
        assert await running.sample(asked()) == before


async def test_tied_weights_may_be_told_once() -> None:
    made, other = fresh(tokenizer(), seed=2), fresh(tokenizer(), seed=3)
    state = {name: value for name, value in other.state_dict().items() if name != "lm_head.weight"}
    async with engine(made) as running:
        await running.reload(state)
        sample = (await running.sample(asked()))[0]
    assert sample.logprobs == pytest.approx(plain_logprobs(other, asked(), sample), abs=1e-5)


async def test_a_model_that_breaks_is_told_to_all_who_wait_and_the_next_are_served() -> None:
    made = fresh(tokenizer(), seed=2)
    whole = made.forward
    async with engine(made) as running:
        expected = await running.sample(asked())

        def broken(*args: Any, **kwargs: Any) -> Any:
            raise RuntimeError("out of memory, say")

        made.forward = broken
        faults: list[str] = []

        async def sample(number: int) -> None:
            with pytest.raises(PolicyFault) as raised:
                await running.sample(asked(number, n=3))
            faults.append(str(raised.value))

        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(sample, number)
        assert len(faults) == 5
        assert "out of memory, say" in faults[0]
        made.forward = whole
        assert await running.sample(asked()) == expected


async def test_an_engine_that_is_closed_tells_who_waits() -> None:
    async with engine() as running:
        told: list[str] = []

        async def sample() -> None:
            with pytest.raises(PolicyFault, match="closed"):
                await running.sample(asked(max_tokens=240, n=100))
            told.append("closed")

        async with anyio.create_task_group() as group:
            group.start_soon(sample)
            await begun(running)
            await running.aclose()
        assert told == ["closed"]
        with pytest.raises(PolicyFault, match="closed"):
            await running.sample(asked())


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        ({"prompt_ids": ()}, "empty"),
        ({"prompt_ids": (10**6,)}, "does not know"),
        ({"prompt_ids": (-1,)}, "does not know"),
        ({"max_tokens": LONGEST}, "more than"),
        ({"max_tokens": 0}, "at least 1"),
        ({"n": 0}, "at least 1"),
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": math.nan}, "temperature"),
        ({"temperature": 1e-45}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
    ],
    ids=str,
)
async def test_what_the_model_cannot_do_is_wrong_use(wishes: dict[str, Any], told: str) -> None:
    async with engine() as running:
        with pytest.raises(UsageError, match=told):
            await running.sample(asked(**wishes))
