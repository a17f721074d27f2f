"""The benchmark of customer service runs and prints its ratios."""

from __future__ import annotations

import re

import pytest

from benchmarks.speed import retail


@pytest.mark.slow
def test_every_figure_is_printed_beside_its_goal(capsys: pytest.CaptureFixture[str]) -> None:
    retail.main(rounds=1, live=100)
    printed = capsys.readouterr().out
    for figure in ("reset", "read call", "write call", "reward", "episode"):
        assert re.search(rf"\d\.\d x .*cheaper {figure}: +\d+\.\d us CPU", printed), figure
    assert "100 live environments" in printed
    assert re.search(r"\d ms \(at most 5\)", printed)
