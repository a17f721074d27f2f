"""What is made of a run's records: the summary, the page and the pictures."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from random import Random

import pytest

from agentgym import RandomPolicy
from agentgym.facts import EpisodeFacts
from agentgym.page import page
from agentgym.plots import Histogram, draw
from agentgym.report import figures_of, summarise
from agentgym.runner import run
from agentgym.runs import BASELINE, EPISODES, read_info
from agentgym.suite import load_suite

pytestmark = pytest.mark.anyio


class Reader(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.words = ""
        self._open: list[str] = []
        self.feed(content.decode())
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += f" {data}"


async def test_a_summary_is_made_of_the_records_alone_however_much_there_is(tmp_path: Path) -> None:
    whole = (await run(load_suite("guess"), RandomPolicy(), tmp_path)).summary
    assert figures_of(tmp_path) == whole
    lines = (tmp_path / EPISODES).read_bytes().splitlines(keepends=True)
    (tmp_path / EPISODES).write_bytes(b"".join(lines[:4]) + lines[4][:200])
    part = summarise(tmp_path)
    assert (part["episodes"], part["planned"]) == (4, 10)
    assert json.loads((tmp_path / "summary.json").read_bytes()) == part
    table = (tmp_path / "summary.csv").read_text().splitlines()
    assert "episodes,4" in table
    (tmp_path / EPISODES).unlink()
    assert figures_of(tmp_path)["solved_rate"] is None
    assert page(read_info(tmp_path), figures_of(tmp_path)).count(b"0 of 10 episodes") == 1


async def test_the_baseline_stands_in_the_summary_and_a_broken_one_is_none(tmp_path: Path) -> None:
    await run(load_suite("guess"), RandomPolicy(), tmp_path)
    (tmp_path / BASELINE).write_text('{"policy": "idle", "episodes": 7, "mean_reward": 0.25}')
    assert figures_of(tmp_path)["baseline"] == {"policy": "idle", "episodes": 7, "mean_reward": 0.25}
    assert "0.250" in Reader(page(read_info(tmp_path), figures_of(tmp_path))).words
    (tmp_path / BASELINE).write_text('{"policy"')
    assert "baseline" not in figures_of(tmp_path)


HOSTILE = "</pre><script>alert(1)</script><img src=//x onerror=y> \x1b[2J\x00\u202e\ud800 & so on"


async def test_nothing_that_a_model_wrote_becomes_part_of_the_page(tmp_path: Path) -> None:
    await run(load_suite("guess"), RandomPolicy(), tmp_path)
    summary = figures_of(tmp_path)
    summary["causes"], summary["cause_examples"] = {HOSTILE: 1}, {HOSTILE: HOSTILE}
    summary["reward_terms"] = {HOSTILE: {"mean": 1.0, "episodes": 1}}
    summary["of_the_suite"] = {HOSTILE: [HOSTILE]}
    made = page(read_info(tmp_path), summary, state=HOSTILE, unsolved=[(HOSTILE, HOSTILE)], more=3)
    read = Reader(made)
    assert not {"script", "img", "link", "iframe"} & set(read.tags)
    assert read.attributes <= {"lang", "charset", "http-equiv", "content", "name", "class", "style", "title"}
    assert read.words.count("<script>alert(1)</script>") >= 6
    assert not set("\x1b\x00\u202e") & set(made.decode())


async def test_a_page_has_the_three_denominators_and_the_parts(tmp_path: Path) -> None:
    await run(load_suite("guess"), RandomPolicy(), tmp_path, trials=2)
    words = Reader(page(read_info(tmp_path), figures_of(tmp_path))).words
    for part in ("can be judged", "of all planned", "own end", "pass@k", "Reward terms", "turns per episode", "random"):
        assert part in words


def test_a_table_with_very_many_rows_is_cut_and_says_so(tmp_path: Path) -> None:
    from agentgym.episode import EnvironmentInfo
    from agentgym.runs import PolicyInfo, RunInfo
    from agentgym.summary import Summary

    summary = Summary(tag_fields=("tags",))
    for number in range(500):
        summary.add(EpisodeFacts(task_id=str(number), task={"tags": [f"tag {number}"]}, outcome="failed"))
    info = RunInfo(environment=EnvironmentInfo("e", "1"), policy=PolicyInfo("p"))
    assert "300 more rows are in summary.json" in Reader(page(info, summary.to_json())).words


def some_facts(count: int) -> list[EpisodeFacts]:
    chance = Random(1)
    return [
        EpisodeFacts(
            task_id=str(number),
            outcome="solved" if number % 2 else "failed",
            reward=chance.uniform(-3, 3),
            latencies_s=(chance.expovariate(1.0), 0.0),
        )
        for number in range(count)
    ]


def test_pictures_are_drawn_without_a_display_and_equal_for_equal_runs() -> None:
    pytest.importorskip("matplotlib")
    drawn = draw(some_facts(300))
    assert set(drawn) == {"outcomes.png", "rewards.png", "latency.png"}
    assert all(content.startswith(b"\x89PNG") for content in drawn.values())
    assert drawn == draw(reversed(some_facts(300)))
    assert draw([]) == {}
    assert set(draw([EpisodeFacts(task_id="1", outcome="not_evaluable")])) == {"outcomes.png"}
    assert set(draw([EpisodeFacts(task_id="1", outcome="failed", reward=reward) for reward in (1e308, -1e308)])) == {
        "outcomes.png",
        "rewards.png",
    }


def test_a_histogram_keeps_few_bins_whatever_comes_in_any_order() -> None:
    values = [facts.reward * 10**power for facts in some_facts(200) for power in range(5)]
    there, back = Histogram(0.01), Histogram(0.01)
    for value in values:
        there.add(value)
    for value in reversed(values):
        back.add(value)
    assert (there.bins, there.width) == (back.bins, back.width)
    assert sum(there.bins.values()) == len(values)
    assert max(there.bins) - min(there.bins) < 40
