"""Proving an environment from the command line."""

from __future__ import annotations

import json
from pathlib import Path

from tests.agentgym.cli.conftest import Cli


def test_a_sound_environment_passes(cli: Cli) -> None:
    ran = cli("check", "guess")
    assert (ran.code, ran.err) == (0, "")
    assert "guess: ok" in ran.out


def test_an_environment_that_draws_from_outside_its_seed_is_found_out(cli: Cli, hilo: Path) -> None:
    source = hilo.read_text().replace("text=self.greeting", "text=str(random.random())")
    hilo.write_text(f"import random\n{source}")
    ran = cli("check", str(hilo))
    assert (ran.code, ran.err) == (1, "")
    assert "violation" in ran.out


def test_the_report_is_json_on_request(cli: Cli, hilo: Path) -> None:
    ran = cli("check", str(hilo), "--json")
    report = json.loads(ran.out)
    assert (ran.code, report["ok"], report["environment"]) == (0, True, "hilo")
    assert {finding["status"] for finding in report["findings"]} <= {"ok", "warning", "skipped"}


def test_it_is_checked_on_the_tasks_of_a_file(cli: Cli, hilo: Path, tmp_path: Path) -> None:
    tasks = tmp_path / "tasks.jsonl"
    tasks.write_text('{"id": "mine", "number": 0}\n')
    ran = cli("check", str(hilo), "--tasks", str(tasks))
    assert (ran.code, ran.out) == (2, "")
    assert f"{tasks}:1: not a Number: number: " in ran.err
    tasks.write_text('{"id": "mine", "number": 42}\n')
    assert cli("check", str(hilo), "--tasks", str(tasks)).code == 0
