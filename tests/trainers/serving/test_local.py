"""A checkpoint as a policy of this process."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentgym import Context, Conversation, Episode, Message, rollout
from agentgym.errors import ContextOverflow, UsageError
from agentgym.lines import Retries
from environments.guess import Guess
from tests.trainers.engine.tiny import fresh, player, save
from trainers.engine.checkpoint import load_checkpoint
from trainers.engine.engine import Engine
from trainers.serving.local import LocalPolicy

torch: Any = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@asynccontextmanager
async def local(source: Any = None, **wishes: Any) -> AsyncIterator[LocalPolicy]:
    policy = LocalPolicy(source or str(player()), **wishes)
    try:
        yield policy
    finally:
        await policy.aclose()


async def played(policy: LocalPolicy) -> list[Episode]:
    """Ten games at once, in the order of their digits."""
    tasks = list(Guess().tasks())
    episodes: list[Any] = [None] * len(tasks)

    async def play(number: int) -> None:
        episodes[number] = await rollout(Guess(), policy, tasks[number], seed=number)

    async with anyio.create_task_group() as group:
        for number in range(len(tasks)):
            group.start_soon(play, number)
    return episodes


@pytest.mark.parametrize("wishes", [{}, {"stream": True}, {"tools": "text"}, {"tools": "native"}], ids=str)
async def test_it_plays_whole_games(wishes: dict[str, Any]) -> None:
    async with local(temperature=0.0, **wishes) as policy:
        episodes = await played(policy)
    assert [episode.outcome for episode in episodes] == ["solved"] * 10


async def test_every_turn_keeps_what_was_sampled() -> None:
    model = load_checkpoint(player()).model
    async with local(temperature=0.7) as policy:
        episodes = await played(policy)
        version = policy.settings["weights"]
    for episode in episodes:
        for entry in episode.turns:
            span = entry.turn.span
            assert span is not None
            assert (span.exact, span.temperature, span.model_version) == (True, 0.7, version)
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([[*span.prompt_ids, *span.completion_ids]])).logits[0]
            logprobs = (logits / 0.7).log_softmax(-1)[len(span.prompt_ids) - 1 : -1]
            plain = logprobs.gather(-1, torch.tensor(span.completion_ids)[:, None])[:, 0]
            assert span.logprobs == pytest.approx(plain.tolist(), abs=1e-5)


async def test_the_seed_decides_the_episode() -> None:
    async with local(temperature=1.5, max_tokens=40) as policy:
        once, again = await played(policy), await played(policy)
    assert [episode.messages() for episode in once] == [episode.messages() for episode in again]


async def test_an_engine_of_the_caller_may_change_its_weights(tmp_path: Path) -> None:
    read = load_checkpoint(player())
    novice = fresh(read.tokenizer, seed=5)
    engine = Engine.of(novice, read.tokenizer, version="novice")
    async with local(engine, temperature=0.0, max_tokens=30) as policy:
        assert "weights" not in policy.settings
        before = await played(policy)
        await engine.reload(player())
        after = await played(policy)
        await policy.aclose()  # the engine is the caller's to close
        again = await played(policy)
    await engine.aclose()
    assert {episode.outcome for episode in before}.isdisjoint({"solved", "not_evaluable"})
    assert {_version(episode) for episode in before} == {"novice"}
    assert [episode.outcome for episode in (*after, *again)] == ["solved"] * 20
    assert {_version(episode) for episode in after} == {read.version}


def _version(episode: Episode) -> str | None:
    span = episode.turns[0].turn.span
    return None if span is None else span.model_version


async def test_a_policy_that_was_closed_loads_again() -> None:
    async with local(temperature=0.0) as policy:
        await policy.aclose()
        assert (await played(policy))[0].outcome == "solved"


async def test_a_conversation_that_outgrows_the_model_is_told_as_such() -> None:
    async with local(max_length=64, retries=Retries(attempts=1)) as policy:
        session = policy.start(Context())
        with pytest.raises(ContextOverflow):
            await session.act(Conversation([Message("user", "hi " * 100)]))


async def test_several_choices_are_kept() -> None:
    async with local(n=3, temperature=2.0, max_tokens=8) as policy:
        turn = await policy.start(Context(seed=1)).act(Conversation([Message("user", "Count from 1 to 5.")]))
    spans = [one.span for one in (turn, *turn.alternatives)]
    assert len({span.completion_ids for span in spans if span is not None}) == 3
    assert len({span.model_version for span in spans if span is not None}) == 1


async def test_what_cannot_be_loaded_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        LocalPolicy(str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="local:DIR"):
        LocalPolicy("")
    folder = Path(shutil.copytree(player(), tmp_path / "copy"))
    (folder / "tokenizer.json").write_text("{")
    async with local(str(folder)) as policy:
        with pytest.raises(UsageError, match="cannot be loaded"):
            await policy.preflight()


async def test_a_run_goes_on_with_its_own_weights_only(tmp_path: Path) -> None:
    read = load_checkpoint(player())
    settings = LocalPolicy(str(player())).settings
    assert LocalPolicy(str(player()), **dict(settings)).settings == settings  # type: ignore[arg-type]  # recorded ones
    other = save(tmp_path / "other", fresh(read.tokenizer, seed=5), read.tokenizer)
    with pytest.raises(UsageError, match="as the run began with"):
        LocalPolicy(str(other), weights=read.version)


def test_its_name_and_address_hold_no_network() -> None:
    policy = LocalPolicy(str(player()))
    assert policy.name == f"local:{player()}"
    assert policy.base_url is None
