"""The speed benchmarks run and print their ratios; what the ratios are is for a quiet machine to say."""

from __future__ import annotations

import re

import pytest

from benchmarks.speed import rollout, startup, stepping
from benchmarks.speed.measure import interleaved, ratio


def test_ratios_are_medians_of_what_was_measured_in_the_same_round() -> None:
    ours, floor = iter([9.0, 2.0, 30.0, 4.0]), iter([9.0, 1.0, 10.0, 4.0])
    taken = interleaved({"ours": lambda: next(ours), "floor": lambda: next(floor)}, rounds=3)
    assert taken == {"ours": [2.0, 30.0, 4.0], "floor": [1.0, 10.0, 4.0]}, "the first round warms up"
    assert ratio(taken, "ours", "floor") == 2.0


@pytest.mark.slow
def test_episodes_at_once_are_measured_beside_their_peers(capsys: pytest.CaptureFixture[str]) -> None:
    rollout.main(sizes=(16,), quick=True)
    printed = capsys.readouterr().out
    assert "the server saw 16 calls in flight" in printed
    for figure in ("time against raw sockets", "CPU against AsyncOpenAI", "CPU against aiohttp", "memory", "messages"):
        assert figure in printed


@pytest.mark.slow
@pytest.mark.parametrize("script", [startup, stepping], ids=["startup", "stepping"])
def test_a_benchmark_prints_its_ratios(script: object, capsys: pytest.CaptureFixture[str]) -> None:
    script.main(rounds=1)  # type: ignore[attr-defined]
    printed = capsys.readouterr().out
    assert re.search(r"\d\.\d+ x \(at most \d", printed)
    assert re.search(r"\d+\.\d (ms|us) CPU", printed)
