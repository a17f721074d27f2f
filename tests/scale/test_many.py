"""A hundred thousand episodes need no more memory than twenty thousand, to play and to sum up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PLAYED = """
import resource, sys
from pathlib import Path
from agentgym import Job, make, make_policy, run, run_sync
from agentgym.policies.scripted import ScriptedPolicy
from agentgym import ToolCall
from environments.guess import Guess, Secret

def jobs(count):
    return (Job(make=Guess, task=Secret(id=f"t{n}", digit=n % 10), seed=n) for n in range(count))

policy = ScriptedPolicy([ToolCall("guess", {"n": 5}), ToolCall("guess", {"n": 7})])
result = run_sync(run(jobs(int(sys.argv[2])), policy, sys.argv[1]))
peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(result.summary["episodes"], peak_kib)
"""
SUMMED = """
import resource, sys
from agentgym import read_episodes
from agentgym.report import figures_of
figures = figures_of(sys.argv[1])
assert sum(1 for _ in read_episodes(sys.argv[1])) == figures["episodes"]
print(figures["episodes"], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
FEW, MANY = 20_000, 100_000
MORE_KIB = 16 << 10
"""What a process may need more for five times as many: what the allocator leaves between objects, and no lists."""


def measured(program: str, *arguments: object) -> tuple[int, int]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    count, peak_kib = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return int(count), int(peak_kib)


def test_memory_does_not_grow_with_the_number_of_episodes(tmp_path: Path) -> None:
    few, many = tmp_path / "few", tmp_path / "many"
    (_, few_kib), (count, many_kib) = measured(PLAYED, few, FEW), measured(PLAYED, many, MANY)
    assert count == MANY
    assert many_kib - few_kib < MORE_KIB
    (_, few_kib), (count, many_kib) = measured(SUMMED, few), measured(SUMMED, many)
    assert count == MANY == json.loads((many / "summary.json").read_bytes())["episodes"]
    assert many_kib - few_kib < MORE_KIB
