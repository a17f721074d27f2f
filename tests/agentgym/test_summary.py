"""The summary of a run: every figure worked out by hand, whatever the order, and from any record or none."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgym import Episode, Limits, Turn, Usage
from agentgym.episode import Cause, EnvironmentInfo, RewardTerm, StepRecord, Timings, TurnRecord
from agentgym.errors import DataFileError
from agentgym.metrics import clustered_interval, wilson_interval
from agentgym.summary import EpisodeFacts, Summary, read_facts, tags_of

RECORD = (Path(__file__).parent / "episode-v1.json").read_bytes()
SOME = Usage(100, 20, 10, 0.25, 2)


def facts(task_id: str = "t", outcome: Any = "solved", /, **known: Any) -> EpisodeFacts:
    """The facts of an episode; its reward says whether it was solved."""
    known.setdefault("reward", float(outcome == "solved"))
    return EpisodeFacts(task_id=task_id, outcome=outcome, **known)


def summed(*episodes: EpisodeFacts, **asked: Any) -> dict[str, Any]:
    """The figures of some episodes."""
    summary = Summary(**asked)
    for episode in episodes:
        summary.add(episode)
    return summary.to_json()


def test_three_denominators_stand_beside_each_other() -> None:
    outcomes = ["solved"] * 3 + ["failed"] * 2 + ["truncated"] + ["not_evaluable"] * 4
    figures = summed(*(facts(str(number), outcome) for number, outcome in enumerate(outcomes)), planned=12)
    assert figures["outcomes"] == {"solved": 3, "failed": 2, "truncated": 1, "not_evaluable": 4}
    assert [figures[name] for name in ("planned", "episodes", "tasks", "trials", "evaluable")] == [12, 10, 10, 1, 6]
    assert figures["solved_rate"] == figures["mean_reward"] == 0.5
    assert figures["solved_rate_of_planned"] == 0.25
    assert figures["solved_rate_of_ended"] == 0.6
    assert figures["solved_interval"] == pytest.approx(wilson_interval(3, 6))
    assert (figures["pass_at"], figures["pass_hat"]) == ({"1": 0.5}, {"1": 0.5})


def test_nothing_is_summed_up_as_nulls() -> None:
    figures = summed(planned=5)
    assert figures["episodes"] == 0
    for name in ("solved_rate", "solved_interval", "solved_rate_of_ended", "mean_reward"):
        assert figures[name] is None
    assert figures["solved_rate_of_planned"] == 0.0
    assert figures["turns"] == {"mean": None, "p50": None, "p90": None, "max": None}
    assert figures["timings"]["policy_share"] is None
    assert figures["usage"]["cost_usd"] == 0.0
    assert summed(trials=0)["pass_at"] == {}
    assert summed(trials=2)["pass_at"] == {"1": None, "2": None}


def test_what_is_not_evaluable_is_counted_and_in_no_mean() -> None:
    broken = facts(
        "b",
        "not_evaluable",
        reward=9.0,
        terms={"x": RewardTerm(9.0)},
        turns=50,
        usage=SOME,
        tool_errors=("failed",),
        elapsed_s=99.0,
        latencies_s=(99.0,),
        divergences=1,
    )
    alone, both = summed(facts("a", turns=2)), summed(facts("a", turns=2), broken)
    for name in ("mean_reward", "reward_terms", "turns", "tokens_per_episode", "timings", "tool_errors", "pass_at"):
        assert both[name] == alone[name], name
    assert both["usage"]["prompt_tokens"] == 100, "what was spent was spent"
    assert both["divergences"] == 1
    assert both["causes"] == {"unknown": 1}


def test_limits_causes_and_their_first_examples() -> None:
    cuts = [facts("1", "truncated", limit="turns"), facts("2", "truncated", limit="turns"), facts("3", "truncated")]
    broken = [
        facts(task, "not_evaluable", trial=trial, cause=Cause("policy", "TimeoutError", f"{task} {trial}"))
        for task, trial in (("b", 0), ("a", 1), ("a", 0), ("c", 0))
    ]
    figures = summed(*cuts, *broken, facts("d", "not_evaluable", cause=Cause("tool", "KeyError", "no")))
    assert figures["limits"] == {"turns": 2, "unknown": 1}
    assert figures["causes"] == {"policy TimeoutError": 4, "tool KeyError": 1}
    assert figures["cause_examples"] == {"policy TimeoutError": "a 0", "tool KeyError": "no"}


def test_terms_errors_turns_and_usage() -> None:
    figures = summed(
        facts("1", turns=1, usage=SOME, terms={"a": RewardTerm(1.0, 0.5)}, tool_errors=("failed", "timeout")),
        facts("2", turns=3, usage=SOME, terms={"a": RewardTerm(0.5, 0.5), "b": RewardTerm(2.0)}),
        facts("3", turns=4, tool_errors=("failed",)),
    )
    assert figures["reward_terms"] == {"a": {"mean": 0.75, "episodes": 2}, "b": {"mean": 2.0, "episodes": 1}}
    assert figures["tool_errors"] == {"total": 3, "by_kind": {"failed": 2, "timeout": 1}, "episodes_with": 2}
    assert figures["turns"] == {"mean": pytest.approx(8 / 3), "p50": 3, "p90": 4, "max": 4}
    assert figures["usage"] == {
        "prompt_tokens": 200,
        "completion_tokens": 40,
        "cached_tokens": 20,
        "calls": 4,
        "cost_usd": 0.5,
    }
    assert figures["tokens_per_episode"] == {"mean": 80.0, "p50": 120, "p90": 120, "p99": 120, "max": 120}


def test_times_stand_under_timings_alone() -> None:
    slow = facts("1", elapsed_s=4.0, policy_s=3.0, latencies_s=(1.0, 2.0))
    assert summed(slow)["timings"] == {
        "episode_s": {"mean": 4.0, "p50": 4.0, "p90": 4.0, "p99": 4.0, "max": 4.0},
        "call_latency_s": {"mean": 1.5, "p50": 1.0, "p90": 2.0, "p99": 2.0, "max": 2.0},
        "policy_share": 0.75,
    }
    quick = replace(slow, elapsed_s=0.1, policy_s=0.1, latencies_s=(0.1,))
    assert summed(slow) | {"timings": None} == summed(quick) | {"timings": None}


def test_several_trials_are_counted_by_task() -> None:
    played = {"a": "ssss", "b": "sfff", "c": "ffff", "d": "sn"}
    named = {"s": "solved", "f": "failed", "n": "not_evaluable"}
    figures = summed(
        *(facts(task, named[how], trial=trial) for task, hows in played.items() for trial, how in enumerate(hows)),
        trials=4,
    )
    assert (figures["tasks"], figures["evaluable"]) == (4, 13)
    assert figures["pass_at"] == pytest.approx({"1": 2.25 / 4, "2": 0.5, "3": 1.75 / 3, "4": 2 / 3})
    assert figures["pass_hat"] == pytest.approx({"1": 2.25 / 4, "2": 1 / 3, "3": 1 / 3, "4": 1 / 3})
    assert figures["solved_interval"] == list(clustered_interval([(4, 4), (1, 4), (0, 4), (1, 1)]))


def test_no_number_of_trials_is_too_much() -> None:
    figures = summed(*(facts("a", "solved" if trial % 2 else "failed") for trial in range(1000)), trials=0)
    assert list(figures["pass_at"]) == [*map(str, range(1, 33)), "64", "128", "256", "512", "1000"]
    assert figures["pass_at"]["1"] == 0.5
    assert figures["tasks"] == 1


def test_tags_break_the_scores_down_and_know_of_trials() -> None:
    episodes = [
        facts(str(task), "solved" if task < 4 else "failed", trial=trial, task={"tags": ["x"], "level": task % 2})
        for task in range(8)
        for trial in range(5)
    ]
    figures = summed(
        *episodes, facts("9", "not_evaluable", task={"tags": ["y"]}), trials=5, tag_fields=("tags", "level")
    )
    assert list(figures["tags"]) == ["level=0", "level=1", "x", "y"]
    assert figures["tags"]["x"] == {
        "episodes": 40,
        "evaluable": 40,
        "solved": 20,
        "solved_rate": 0.5,
        "solved_interval": list(clustered_interval([(5, 5)] * 4 + [(0, 5)] * 4)),
        "mean_reward": 0.5,
    }
    assert figures["tags"]["y"]["solved_rate"] is figures["tags"]["y"]["solved_interval"] is None


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        (["a", "b", "a"], ["a", "b"]),
        (["a", None, ["b"], {}, 3, True], ["a", "3", "true"]),
        ("easy", ["field=easy"]),
        (True, ["field=true"]),
        (0.5, ["field=0.5"]),
        ("", ["field="]),
        (None, []),
        ({"a": 1}, []),
        ([], []),
    ],
)
def test_a_field_gives_its_items_or_its_value(value: Any, tags: list[str]) -> None:
    assert tags_of({"field": value}, ("field", "missing", "field")) == tags


seconds = st.floats(0, 1e4)
kinds = st.sampled_from(["failed", "timeout", "invalid_action"])
views = st.builds(
    EpisodeFacts,
    task_id=st.sampled_from("abcde"),
    task=st.fixed_dictionaries({"tags": st.lists(st.sampled_from(["x", "y"]))}),
    trial=st.integers(0, 3),
    outcome=st.sampled_from(["solved", "failed", "truncated", "not_evaluable"]),
    limit=st.none() | st.sampled_from(["turns", "time"]),
    cause=st.none() | st.builds(Cause, st.just("policy"), st.sampled_from(["A", "B"]), st.text(max_size=3)),
    reward=st.floats(-10, 10),
    terms=st.dictionaries(st.sampled_from("pq"), st.builds(RewardTerm, st.floats(-10, 10)), max_size=2),
    turns=st.integers(0, 400),
    usage=st.builds(Usage, st.integers(0, 10**6), st.integers(0, 10**5), cost_usd=st.floats(0, 10)),
    tool_errors=st.lists(kinds, max_size=3).map(tuple),
    divergences=st.integers(0, 2),
    latencies_s=st.lists(seconds, max_size=3).map(tuple),
    elapsed_s=seconds,
    policy_s=seconds,
)


@pytest.mark.parametrize("trials", [0, 1, 4])
@given(episodes=st.lists(views, max_size=25), chance=st.randoms())
def test_the_order_of_episodes_does_not_show(trials: int, episodes: list[EpisodeFacts], chance: Random) -> None:
    first = json.dumps(summed(*episodes, trials=trials), allow_nan=False)
    chance.shuffle(episodes)
    assert json.dumps(summed(*episodes, trials=trials), allow_nan=False) == first


@given(st.lists(views, max_size=25))
def test_figures_add_up(episodes: list[EpisodeFacts]) -> None:
    figures = summed(*episodes, planned=40, trials=0)
    assert sum(figures["outcomes"].values()) == figures["episodes"] == len(episodes)
    assert sum(figures["causes"].values()) == figures["outcomes"]["not_evaluable"]
    assert sum(figures["limits"].values()) == figures["outcomes"]["truncated"]
    assert sum(figures["tool_errors"]["by_kind"].values()) == figures["tool_errors"]["total"]
    passed = list(figures["pass_at"].values())
    if passed:
        low, high = figures["solved_interval"]
        assert 0.0 <= low <= figures["solved_rate"] + 1e-12 <= high + 2e-12 <= 1.0 + 2e-12
        assert passed[0] == figures["pass_hat"]["1"]


step = StepRecord({}, {"text": ""}, 0.0, tool_error="failed")
said = Episode(
    environment=EnvironmentInfo("e", "1"),
    policy="p",
    task_id="t",
    task={"id": "t", "tags": ["x"]},
    trial=2,
    seed=1,
    limits=Limits(),
    outcome="truncated",
    limit="turns",
    reward=1,
    terms={"a": RewardTerm(1, 1)},
    opening=(),
    turns=(
        TurnRecord(
            Turn(latency_s=0.5), (step, replace(step, tool_error="no_call"), replace(step, tool_error=None)), ()
        ),
        TurnRecord(Turn(), (), ()),
    ),
    usage=SOME,
    tool_errors=2,
    divergences=3,
    versions={},
    timings=Timings("now", 2, 1.5),
)
failed = replace(said, outcome="not_evaluable", limit=None, cause=Cause("tool", "KeyError", "no"), tool_errors=1)


@pytest.mark.parametrize("episode", [said, failed, Episode.from_json(RECORD)])
def test_a_record_tells_what_the_episode_told(episode: Episode) -> None:
    assert read_facts(episode.to_json() + b"\n") == EpisodeFacts.of(episode)


def test_the_facts_of_an_episode() -> None:
    known = EpisodeFacts.of(said)
    assert (known.task_id, known.trial, known.outcome, known.limit) == ("t", 2, "truncated", "turns")
    assert known.tool_errors == ("failed", "invalid_action"), "a turn that could not be read makes no step"
    assert (known.turns, known.latencies_s, known.divergences, known.usage) == (2, (0.5,), 3, SOME)


def test_a_count_of_errors_that_cannot_be_is_not_believed() -> None:
    told = read_facts(replace(said, tool_errors=10**12).to_json()).tool_errors
    assert told == ("failed", "invalid_action", "invalid_action")


def test_older_and_newer_fields_do_not_matter() -> None:
    record = json.loads(RECORD)
    record["usage"]["energy_j"] = record["turns"][0]["mood"] = record["new"] = 1
    del record["usage"]["calls"], record["seed"]
    record.pop("divergences", None)
    record["seed"] = 1
    assert read_facts(json.dumps(record).encode()) == replace(
        read_facts(RECORD), usage=replace(read_facts(RECORD).usage, calls=0)
    )


def altered(**changes: Any) -> bytes:
    """The record with some fields changed."""
    return json.dumps(json.loads(RECORD) | changes).encode()


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"{}", b"[]", b"7", b"null", b"\xff", RECORD[:-9], b"[" * 100_000, b'{"a":' * 5000 + b"1" + b"}" * 5000),
        *(altered(outcome="banana"), altered(outcome=None), altered(outcome=[])),
        *(altered(reward="much"), altered(reward=None), altered(task=[1]), altered(task_id=5), altered(trial="a")),
        *(
            altered(turns={}),
            altered(turns=[1]),
            altered(usage={"cost_usd": "a"}),
            altered(terms={"a": {"value": "b"}}),
        ),
        *(
            altered(timings={}),
            altered(cause={"boundary": "moon", "error": 1}),
            altered(limit=3),
            altered(tool_errors={}),
        ),
    ],
    ids=range(25),
)
def test_what_is_no_record_is_refused(line: bytes) -> None:
    with pytest.raises(DataFileError, match="not an episode record"):
        read_facts(line)


def test_a_later_record_is_refused_by_its_version() -> None:
    with pytest.raises(DataFileError, match="schema version 99"):
        read_facts(altered(schema_version=99))


@pytest.mark.parametrize("latency_s", [float("nan"), float("inf"), -1.0])
def test_a_latency_that_cannot_be_is_not_known(latency_s: float) -> None:
    turn = TurnRecord(Turn(latency_s=latency_s), (), ())
    assert EpisodeFacts.of(replace(said, turns=(turn,), tool_errors=0)).latencies_s == ()
    assert summed(EpisodeFacts.of(replace(said, timings=Timings("now", -1.0))))["timings"]["episode_s"]["max"] == 0.0


def test_the_usage_is_at_hand_while_it_grows() -> None:
    summary = Summary()
    summary.add(facts("1", usage=SOME))
    summary.add(facts("2", usage=SOME))
    assert summary.usage == SOME + SOME
    assert (summary.scores.episodes, summary.scores.outcomes["solved"]) == (2, 2)


@pytest.mark.slow
def test_a_hundred_thousand_records_take_seconds() -> None:
    line, summary, started = said.to_json(), Summary(), time.process_time()
    for _ in range(100_000):
        summary.add(read_facts(line))
    assert summary.scores.episodes == 100_000
    assert time.process_time() - started < 80
