"""Benchmarks: the same numbers every time, the idle agent beside every other, and nobody crashes anybody."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.agentgym.cli.conftest import HILO, Cli, Install

SUITE = """
from agentgym.suite import Suite
SUITE = Suite("{name}", "{environment}", "A suite for a test.", policies={policies})
"""

COIN = """
from agentgym import Observation, Task, ToolEnv

class Coin(ToolEnv[Task, Observation], id="coin", max_turns=1):
    "Say which side is up."

    async def begin(self, task: Task) -> Observation:
        return Observation(text="Heads or tails?")

    async def hear(self, text: str) -> Observation:
        self.finish(reward=float(text == self.task.id))
        return Observation(text="so it is")

    def tasks(self, split: str | None = None) -> list[Task]:
        return [Task(id="heads"), Task(id="tails")]
"""


def scores(cli: Cli, *words: str, code: int = 0) -> list[dict[str, Any]]:
    """The scores of a benchmark, without their times."""
    ran = cli("bench", *words, "--json", "--quiet")
    assert (ran.code, ran.err) == (code, "")
    found: list[dict[str, Any]] = json.loads(ran.out)["scores"]
    return [{key: value for key, value in score.items() if key not in ("timings", "run")} for score in found]


def test_every_policy_of_the_suite_plays_every_task_with_the_idle_agent_first(cli: Cli) -> None:
    idle, random, oracle = scores(cli, "guess")
    assert [score["policy"] for score in (idle, random, oracle)] == ["idle", "random", "oracle"]
    assert (idle["episodes"], idle["outcomes"]["solved"], idle["outcomes"]["failed"]) == (10, 0, 10)
    assert idle["trials"] == random["trials"] == 1
    assert (oracle["solved_rate"], oracle["mean_reward"], oracle["idle_mean_reward"]) == (1.0, 1.0, 0.0)
    assert (oracle["turns"]["mean"], oracle["outcomes"]["not_evaluable"]) == (1.0, 0)
    assert 0 < random["outcomes"]["solved"] < 10
    assert random["solved_interval"][0] < random["solved_rate"] < random["solved_interval"][1]


def test_equal_seeds_give_equal_numbers_in_any_order_and_other_seeds_others(cli: Cli) -> None:
    first = scores(cli, "guess", "--policy", "random", "--trials", "5")
    assert first == scores(cli, "guess", "--policy", "random", "--trials", "5", "--concurrency", "1")
    assert first != scores(cli, "guess", "--policy", "random", "--trials", "5", "--seed", "1")
    assert [score["episodes"] for score in first] == [50, 50]


def test_the_idle_agent_plays_beside_whoever_is_asked_for(cli: Cli) -> None:
    assert [score["policy"] for score in scores(cli, "guess", "--policy", "oracle", "--limit", "2")] == [
        "idle",
        "oracle",
    ]
    (alone,) = scores(cli, "guess", "--policy", "idle", "--limit", "2")
    assert (alone["episodes"], alone["idle_mean_reward"]) == (2, 0.0)


def test_a_table_goes_to_standard_output_and_progress_beside_it(cli: Cli) -> None:
    ran = cli("bench", "guess")
    assert ran.code == 0
    header, *rows = ran.out.splitlines()
    assert header.split()[:7] == ["suite", "policy", "episodes", "solved", "failed", "truncated", "not"]
    assert [row.split()[:5] for row in rows] == [
        ["guess", "idle", "10", "0", "10"],
        ["guess", "random", "10", "7", "0"],
        ["guess", "oracle", "10", "10", "0"],
    ]
    assert ran.err.splitlines()[2].startswith("guess / oracle: 10 of 10, 10 solved, ")
    assert "\x1b" not in ran.out + ran.err


def test_an_environment_in_a_file_is_a_suite_of_its_own_and_its_run_plays_again(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "coin.py"
    file.write_text(COIN)
    (played,) = scores(cli, f"{file}:Coin", "--policy", "idle", "--out", str(tmp_path / "run"))
    assert (played["suite"], played["episodes"]) == (f"{file}:Coin", 2)
    assert cli("replay", str(tmp_path / "run")).code == 0
    assert cli("bench", "none.py:Coin").err == "agentgym bench: no file 'none.py'; give path/to/file.py:Class\n"


def test_a_suite_of_ones_own_is_played_from_its_file(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text(
        "from agentgym import Limits\nfrom agentgym.suite import Suite\n"
        "TWICE = Suite('twice', 'guess', 'Twice.', trials=2, limits=Limits(turns=1))\n"
    )
    ran = cli("bench", f"{path}:TWICE", "--policy", "oracle", "--limit", "3", "--out", "run", "--quiet", "--json")
    assert ran.code == 0, ran.err
    (score,) = [score for score in json.loads(ran.out)["scores"] if score["policy"] == "oracle"]
    assert (score["episodes"], score["trials"], score["solved_rate"]) == (6, 2, 1.0)
    assert cli("resume", "run", "--quiet").code == 0
    assert cli("bench", f"{path}:NONE").code == 2


def test_suites_are_listed(cli: Cli, install: Install) -> None:
    install("suites", "broken", "broken_suite:SUITE", "SUITE = (")
    ran = cli("bench", "--list")
    assert ran.code == 0
    assert re.search(r"idle random oracle +Find each of the ten digits", ran.out)
    assert "not available: broken (broken_suite:SUITE) cannot be imported: SyntaxError" in ran.out
    assert {row["suite"] for row in json.loads(cli("bench", "--list", "--json").out)} >= {"guess", "broken"}


def test_a_suite_that_cannot_be_played_is_a_row_and_the_others_are_played(cli: Cli, install: Install) -> None:
    install("environments", "needy", "needy2_env:Env", "from agentgym.extras import require\nrequire('no_package_x')")
    install("suites", "needs", "needs_suite:SUITE", SUITE.format(name="needs", environment="needy", policies=("idle",)))
    ran = cli("bench", "all", "--limit", "1", "--quiet")
    assert ran.code == 0
    rows = {line.split()[0]: line for line in ran.out.splitlines()}
    assert "skipped: needs the package 'no_package_x', which is not installed; run: pip install" in rows["needs"]
    assert "guess" in rows
    skipped = scores(cli, "needs", "guess", code=1)[0]
    assert "episodes" not in skipped
    assert "no_package_x" in skipped["skipped"]
    alone = cli("bench", "needs", "--quiet")
    assert alone.code == 2
    assert alone.err.startswith("agentgym bench: needs the package 'no_package_x'")


def test_a_policy_that_an_environment_cannot_have_is_a_row_too(cli: Cli, install: Install) -> None:
    source = HILO.replace("def reference", "def solution")
    install("environments", "hilo-blind", "hilo_blind:HiLo", source)
    install(
        "suites",
        "blind",
        "blind_suite:SUITE",
        SUITE.format(name="blind", environment="hilo-blind", policies=("oracle", "random")),
    )
    idle, oracle, random = scores(cli, "blind", code=1)
    assert (idle["episodes"], random["episodes"]) == (2, 2)
    assert "no reference solution" in oracle["skipped"]


def test_what_is_not_evaluable_is_counted_apart_and_exits_with_1(cli: Cli, install: Install) -> None:
    install("environments", "hilo-bug", "hilo_bug:HiLo", HILO.replace('return "done"', 'return "done" + 1'))
    install(
        "suites",
        "bug",
        "bug_suite:SUITE",
        SUITE.format(name="bug", environment="hilo-bug", policies=("idle", "oracle")),
    )
    idle, oracle = scores(cli, "bug", "--trials", "3", code=1)
    assert (idle["outcomes"]["not_evaluable"], idle["outcomes"]["failed"]) == (0, 6)
    assert (oracle["outcomes"]["not_evaluable"], oracle["solved_rate"], oracle["mean_reward"]) == (6, None, None)
    assert oracle["causes"] == {"tool TypeError": 6}
    ran = cli("bench", "bug", "--trials", "3")
    assert "6 x tool TypeError" in ran.out
    assert ran.err.count("is not evaluable: hilo.name: TypeError") == 3, "the first few are told at once"


TWICE = """
from agentgym import Observation, Task, ToolEnv

class Twice(ToolEnv[Task, Observation], id="twice"):
    "Has a task two times."

    async def begin(self, task):
        return Observation(text="go")

    def tasks(self, split=None):
        return [Task(id="a"), Task(id="b"), Task(id="a")]
"""


def test_tasks_that_share_an_id_are_refused_before_anything_is_played(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "twice.py").write_text(TWICE)
    ran = cli("bench", str(tmp_path / "twice.py:Twice"), "--policy", "random", "--out", "run")
    assert (ran.code, Path("run").exists()) == (2, False)
    assert "two tasks have the id 'a'; see: agentgym check" in ran.err
    assert cli("bench", str(tmp_path / "twice.py:Twice"), "--policy", "random", "--limit", "2", "--quiet").code == 0


def test_a_model_without_a_name_is_wrong_use(cli: Cli) -> None:
    ran = cli("bench", "guess", "--model", "")
    assert ran.code == 2
    assert "MODEL" in ran.err
