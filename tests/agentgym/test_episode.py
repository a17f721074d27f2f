"""The record on disk: what is written is what is read, and old records stay readable."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentgym import Episode, Limits, Message, OraclePolicy, TokenSpan, ToolCall, Turn, Usage, rollout
from agentgym.episode import (
    SCHEMA_VERSION,
    Cause,
    EnvironmentInfo,
    RewardTerm,
    StepRecord,
    Timings,
    TurnRecord,
    episode_adapter,
)
from agentgym.errors import DataFileError
from environments.guess import Guess, Secret

text = st.text(max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(text, values, max_size=3)
calls = st.builds(ToolCall, text, objects, text, st.none() | text, st.none() | text)
spans = st.builds(
    TokenSpan,
    st.lists(st.integers(0, 200_000)).map(tuple),
    st.lists(st.integers(0, 200_000)).map(tuple),
    st.none() | st.lists(numbers).map(tuple),
    exact=st.booleans(),
)
turns = st.builds(
    Turn,
    text,
    st.lists(calls, max_size=2).map(tuple),
    reasoning=st.none() | text,
    usage=st.builds(Usage, st.integers(0), st.integers(0), cost_usd=numbers),
    span=st.none() | spans,
)
steps = st.builds(StepRecord, objects, objects, numbers, st.booleans(), st.booleans(), st.none() | text, objects)
messages = st.builds(Message, st.sampled_from(["system", "user", "tool"]), text)
records = st.builds(
    TurnRecord, turns, st.lists(steps, max_size=2).map(tuple), st.lists(messages, max_size=2).map(tuple)
)
episodes = st.builds(
    Episode,
    schema_version=st.just(SCHEMA_VERSION),
    environment=st.builds(EnvironmentInfo, text, text, objects),
    policy=text,
    task_id=text,
    task=objects,
    trial=st.integers(0, 9),
    seed=st.integers(0, 2**53),
    limits=st.builds(Limits, turns=st.none() | st.integers(1, 99)),
    outcome=st.sampled_from(["solved", "failed", "truncated", "not_evaluable"]),
    limit=st.none() | st.sampled_from(["turns", "time"]),
    cause=st.none() | st.builds(Cause, st.sampled_from(["policy", "tool"]), text, text),
    reward=numbers,
    terms=st.dictionaries(text, st.builds(RewardTerm, numbers, numbers), max_size=2),
    opening=st.lists(messages, max_size=2).map(tuple),
    turns=st.lists(records, max_size=3).map(tuple),
    versions=st.dictionaries(text, text, max_size=2),
    timings=st.builds(Timings, text, numbers),
)


@settings(max_examples=60, deadline=None)
@given(episodes)
def test_what_is_written_is_what_is_read(episode: Episode) -> None:
    line = episode.to_json()
    assert b"\n" not in line
    assert Episode.from_json(line) == episode
    assert Episode.from_json(line).to_json() == line


@pytest.mark.anyio
async def test_records_fit_the_published_schema() -> None:
    episode = await rollout(Guess(), OraclePolicy(), Secret(id="t", digit=3))
    schema = episode_adapter().json_schema()
    jsonschema.Draft202012Validator(schema).validate(json.loads(episode.to_json()))


def test_a_record_of_the_first_version_stays_readable() -> None:
    """The file is never rewritten: if this fails, a reader of old runs would break."""
    line = (Path(__file__).parent / "episode-v1.json").read_bytes()
    episode = Episode.from_json(line)
    assert (episode.outcome, episode.reward, episode.tool_errors) == ("solved", 1.0, 1)
    assert [message.role for message in episode.messages()] == [
        *("system", "user", "assistant", "tool", "assistant", "tool", "assistant", "tool")
    ]
    assert episode.turns[1].turn.tool_calls[0].problem is not None


def test_fields_a_reader_does_not_know_are_passed_over() -> None:
    line = json.loads((Path(__file__).parent / "episode-v1.json").read_bytes())
    line["mood"] = "good"
    line["turns"][0]["turn"]["colour"] = "blue"
    assert Episode.from_json(json.dumps(line)).solved


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{}", "environment: Field required"),
        ("{", "Invalid JSON"),
        ('{"schema_version": 999}', "schema version 999"),
    ],
)
def test_what_is_no_record_is_refused_in_one_line(line: str, told: str) -> None:
    with pytest.raises(DataFileError, match=told) as caught:
        Episode.from_json(line)
    assert "\n" not in str(caught.value)
