"""The simulation of what the verifier buys: it finds what is to be expected, and no harm where nobody slips."""

from __future__ import annotations

import math
from functools import partial

import anyio
import pytest

from agentgym.errors import UsageError
from agentgym.flow.noisy import NoisyOracle
from benchmarks.flow_simulation import RATES, Known, StepKind, expected_success, main, simulate
from environments.guess import Secret


def test_what_is_played_is_what_is_expected() -> None:
    rows = anyio.run(partial(simulate, ("guess", "retail"), tasks=4, trials=10, seed=1))
    assert len(rows) == 2 * 2 * len(RATES)
    for alone, flow in zip(rows[::2], rows[1::2], strict=True):
        assert (alone.who, flow.who, alone.budget) == ("alone", "in the flow", flow.budget)
        for row in (alone, flow):
            spread = math.sqrt(row.expected * (1 - row.expected) / row.episodes)
            assert abs(row.success - row.expected) <= 4 * spread + 0.03, row
            assert row.calls <= row.budget
        if alone.error_rate == 0:
            assert (flow.success, flow.calls) == (alone.success, alone.calls) == (1.0, alone.calls)
        else:
            assert flow.expected > alone.expected


def test_the_expectation_is_worked_out_right() -> None:
    needed, spare, again = StepKind(True, False), StepKind(False, False), StepKind(False, True)
    task = Secret(id="t", digit=1)

    def expected(*steps: StepKind, budget: int, tries: int) -> float:
        return expected_success(Known(task, steps, budget), 0.5, tries=tries)

    assert expected(needed, needed, budget=9, tries=1) == 0.25
    assert expected(needed, spare, budget=9, tries=1) == 0.5
    assert expected(needed, budget=9, tries=3) == 0.875
    assert expected(needed, budget=2, tries=3) == 0.75
    assert expected(again, budget=3, tries=1) == 0.875
    assert expected(needed, needed, budget=3, tries=3) == 0.5


def test_the_command_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--environment", "guess", "--tasks", "1", "--trials", "1"]) == 0
    assert capsys.readouterr().out.startswith("simulation: ")
    assert main(["--environment", "guess", "--tasks", "1", "--trials", "1", "--json"]) == 0
    assert '"kind":"simulation"' in capsys.readouterr().out


def test_an_error_rate_is_a_probability() -> None:
    with pytest.raises(UsageError, match="from 0 to 1"):
        NoisyOracle(1.5)
