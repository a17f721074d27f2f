"""Twenty thousand episodes need no more memory than four thousand, to play, to sum up and to report."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentgym import Job, Observation, ScriptedPolicy, Task, ToolCall, ToolEnv, read_episodes, rollouts, run, tool

PEAK = """
import sys
def tell(count):
    # Not by getrusage: what that tells begins with what the process that started this one had.
    with open("/proc/self/status") as file:
        print(count, next(line.split()[1] for line in file if line.startswith("VmHWM")))
"""
PLAYED = f"""{PEAK}
from agentgym import Job, ScriptedPolicy, ToolCall, run, run_sync
from environments.guess import Guess, Secret

def jobs(count):
    return (Job(make=Guess, task=Secret(id=f"t{{n}}", digit=n % 10), seed=n) for n in range(count))

policy = ScriptedPolicy([ToolCall("guess", {{"n": 5}}), ToolCall("guess", {{"n": 7}})])
result = run_sync(run(jobs(int(sys.argv[2])), policy, sys.argv[1]))
tell(result.summary["episodes"])
"""
SUMMED = f"""{PEAK}
from agentgym.report import figures_of
tell(figures_of(sys.argv[1])["episodes"])
"""
READ = f"""{PEAK}
from agentgym import read_episodes
tell(sum(1 for _ in read_episodes(sys.argv[1])))
"""
REPORTED = f"""{PEAK}
import contextlib, io, json
from agentgym.cli import main
printed = io.StringIO()
with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
    main(["report", sys.argv[1], "--json"])
tell(json.loads(printed.getvalue())["scores"][0]["episodes"])
"""
FEW, MANY = 4_000, 20_000
MORE_KIB = 6 << 10
"""What a process may need more for five times as many: a note of each task that was tried, and no records."""


def measured(program: str, *arguments: object) -> tuple[int, int]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    count, peak_kib = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    return int(count), int(peak_kib)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, int]:
    """Runs with few episodes and with many, and how many KiB the many took more."""
    if sys.platform != "linux":
        pytest.skip("peak memory is read from /proc")
    folder = tmp_path_factory.mktemp("runs")
    few, many = folder / "few", folder / "many"
    (_, few_kib), (count, many_kib) = measured(PLAYED, few, FEW), measured(PLAYED, many, MANY)
    assert count == MANY
    return few, many, many_kib - few_kib


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_memory_does_not_grow_with_the_number_of_episodes(runs: tuple[Path, Path, int]) -> None:
    _, many, more_kib = runs
    assert more_kib < MORE_KIB
    assert json.loads((many / "summary.json").read_bytes())["episodes"] == MANY
    with (many / "episodes.jsonl").open("rb") as file:
        assert sum(1 for _ in file) == MANY


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("program", [SUMMED, READ, REPORTED], ids=["summed", "read", "reported"])
def test_what_is_done_with_a_run_streams(runs: tuple[Path, Path, int], program: str) -> None:
    few, many, _ = runs
    (few_count, few_kib), (many_count, many_kib) = measured(program, few), measured(program, many)
    assert (few_count, many_count) == (FEW, MANY)
    assert many_kib - few_kib < MORE_KIB


class Once(ToolEnv[Task, Observation], id="once", max_turns=2):
    "Go."

    async def begin(self, task: Task) -> Observation:
        return Observation(text="go")

    @tool
    def go(self) -> str:
        "Go."
        self.finish(reward=1.0)
        return "gone"


class Planned:
    """Jobs that are made when they are asked for."""

    def __init__(self, count: int) -> None:
        self.made = 0
        self._count = count

    def __iter__(self) -> Iterator[Job]:
        for number in range(self._count):
            self.made += 1
            yield Job(make=Once, task=Task(id=f"t{number}"), seed=number)


GOING = ScriptedPolicy([ToolCall("go", {})])
AHEAD = 100
"""So many may be under way where no endpoint is called: far fewer than are planned."""


@pytest.mark.anyio
async def test_jobs_are_made_when_there_is_room_for_them_and_none_is_forgotten(tmp_path: Path) -> None:
    planned, ended, furthest = Planned(2_000), 0, 0

    def on_episode(episode: object) -> None:
        nonlocal ended, furthest
        ended += 1
        furthest = max(furthest, planned.made - ended)

    result = await run(planned, GOING, tmp_path / "run", on_episode=on_episode)
    assert result.summary["outcomes"] == {"solved": 2_000, "failed": 0, "truncated": 0, "not_evaluable": 0}
    assert len({episode.task_id for episode in read_episodes(tmp_path / "run")}) == 2_000
    assert furthest <= AHEAD


@pytest.mark.anyio
async def test_a_slow_reader_is_waited_for() -> None:
    planned, read, furthest = Planned(1_000), 0, 0
    async for _ in rollouts(planned, GOING):
        read += 1
        furthest = max(furthest, planned.made - read)
    assert read == 1_000
    assert furthest <= AHEAD
