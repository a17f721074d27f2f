"""Finding an environment, and learning all about it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.agentgym.cli.conftest import Cli, Install

NEEDY = "from agentgym.extras import require\nrequire('a_package_nobody_has')\n"


def test_the_installed_environments_are_listed_with_what_they_are_about(cli: Cli) -> None:
    ran = cli("envs")
    assert (ran.code, ran.err) == (0, "")
    rows = dict(line.split(maxsplit=1) for line in ran.out.splitlines())
    assert rows["guess"] == "Find the hidden digit."
    assert "\x1b" not in ran.out


def test_an_environment_that_cannot_be_imported_is_a_row_with_the_mend(cli: Cli, install: Install) -> None:
    install("environments", "needy", "needy_env:Needy", NEEDY)
    install("environments", "broken", "broken_env:Broken", "class Broken(:")
    ran = cli("envs")
    assert ran.code == 0
    rows = dict(line.split(maxsplit=1) for line in ran.out.splitlines())
    assert "pip install 'a_package_nobody_has'" in rows["needy"]
    assert "SyntaxError" in rows["broken"]
    by_id = {row["id"]: row for row in json.loads(cli("envs", "--json").out)}
    assert by_id["guess"] == {"id": "guess", "description": "Find the hidden digit.", "problem": None}
    assert by_id["needy"]["description"] is None


def test_a_description_tells_all_that_a_player_must_know(cli: Cli, hilo: Path) -> None:
    ran = cli("envs", "describe", f"{hilo}:HiLo")
    assert (ran.code, ran.err) == (0, "")
    lines = {" ".join(line.split()) for line in ran.out.splitlines()}
    assert lines >= {
        "hilo, version 2",
        "Every answer is exact.",
        "tasks 2",
        "most turns 3",
        "number integer, 1 to 100 required what is sought",
        "text string required",
        "tool compare (readonly): Learn whether the number is less or more than n.",
        "n integer required what to compare with",
        'how one of "less", "more" default "more"',
        "tool name (at most 5 s): Say what it is.",
        "found weight 0.5 whether the number was named",
        "solved rate the share of evaluable episodes that end solved",
        'assistant compare(n=50, how="more")',
        "outcome solved",
        "reward 1 = found 1 x 0.5 + quick 1 x 0.5",
    }


def test_a_description_is_json_on_request_wherever_the_flag_stands(cli: Cli, hilo: Path) -> None:
    told = json.loads(cli("envs", "describe", str(hilo), "--json").out)
    assert told["tools"][0]["readonly"] is True
    assert told["tools"][0]["parameters"][1]["default"] == '"more"'
    assert told["example"]["outcome"] == "solved"
    again = json.loads(cli("envs", "--json", "describe", str(hilo)).out)
    assert again["tools"] == told["tools"]


def test_without_a_reference_solution_the_example_is_random_and_long_ones_are_cut(cli: Cli, hilo: Path) -> None:
    source = hilo.read_text().replace("def reference", "def solution").replace("max_turns=3", "max_turns=9")
    hilo.write_text(source.replace("self.finish(", "dict("))
    ran = cli("envs", "describe", str(hilo), "--set", f"greeting={'Guess! ' * 100}")
    assert ran.code == 0
    assert "policy random" in ran.out
    assert "more characters)" in ran.out
    assert "more)" in ran.out


def test_an_environment_that_lists_no_tasks_is_described_without_an_example(cli: Cli, hilo: Path) -> None:
    hilo.write_text(hilo.read_text().replace("def tasks", "def problems"))
    ran = cli("envs", "describe", str(hilo))
    assert ran.code == 0
    assert "tasks       0" in ran.out
    assert "example" not in ran.out
