"""What the verifier buys, simulated: `python -m benchmarks.flow_simulation`.

No model takes part. An oracle that slips plays alone, and as the planner of an agent whose verifier knows rules only;
both may make the same number of calls. Every slip is one that rules can see, so this is the most that rules can buy.
Beside what was played stands what is to be expected, worked out from the error rate and from which steps a task needs.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import mean

import anyio
from pydantic import BaseModel

import agentgym
from agentgym import Episode, Limits, Policy, rollout
from agentgym.cli.options import whole_number
from agentgym.cli.output import write, write_json, write_table
from agentgym.flow.noisy import NoisyOracle
from agentgym.flow.policy import AgentFlowPolicy
from agentgym.seeds import derive_seed
from agentgym.steps import task_id

ENVIRONMENTS = ("retail", "guess")
RATES = (0.0, 0.1, 0.3, 0.5)
SPARE = 6
"""So many calls more than the solution has steps may be made."""
REPLANS = 2
"""As many times in a row the agent plans a step anew before it goes on."""
_HEADER = ("environment", "error rate", "who", "episodes", "success", "expected", "calls", "budget")


@dataclass(frozen=True, slots=True)
class Row:
    """One player in one environment at one error rate."""

    environment: str
    error_rate: float
    who: str
    episodes: int
    success: float
    expected: float
    """By the error rate alone; that two steps are lost together may do more, or less, than each does by itself."""
    calls: float
    """Of the planner, in an episode."""
    budget: float
    """The most calls in an episode, on average over the tasks."""


@dataclass(frozen=True, slots=True)
class StepKind:
    """What becomes of a task if one step of its solution is lost."""

    vital: bool
    """It is not solved."""
    repeated: bool
    """The solution comes back to the step by itself."""


@dataclass(frozen=True, slots=True)
class Known:
    """A task, and what its solution is like."""

    task: BaseModel
    steps: tuple[StepKind, ...]
    budget: int


def main(argv: Sequence[str] | None = None) -> int:
    """Play, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flow_simulation", description=__doc__)
    parser.add_argument("--environment", metavar="ENV", action="append", help="may be repeated")
    parser.add_argument("--tasks", metavar="N", type=whole_number, default=20, help="the first N (default: 20)")
    parser.add_argument("--trials", metavar="N", type=whole_number, default=10, help="of each task (default: 10)")
    parser.add_argument("--seed", metavar="N", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(argv)
    environments = args.environment or ENVIRONMENTS
    rows = anyio.run(partial(simulate, environments, tasks=args.tasks, trials=args.trials, seed=args.seed))
    if args.json:
        write_json({"kind": "simulation", "rows": rows})
        return 0
    write("simulation: an oracle that slips, alone and as the planner of an agent; no model was asked")
    write_table(_HEADER, [_cells(row) for row in rows], right=_HEADER[3:])
    return 0


async def simulate(environments: Sequence[str], *, tasks: int, trials: int, seed: int) -> list[Row]:
    """Two rows for each environment and error rate."""
    rows = []
    for name in environments:
        known = [await study(name, task) for task in list(agentgym.make(name).tasks())[:tasks]]
        for rate in RATES:
            noisy = NoisyOracle(rate)
            agent = AgentFlowPolicy(noisy, prompted=True, max_replans=REPLANS)
            for who, policy, tries in (("alone", noisy, 1), ("in the flow", agent, 1 + REPLANS)):
                played = [await _play(name, policy, each, trial, seed) for each in known for trial in range(trials)]
                expected = mean(expected_success(each, rate, tries=tries) for each in known)
                rows.append(_row(name, rate, who, played, expected, known))
    return rows


async def study(environment: str, task: BaseModel) -> Known:
    """Play a task without a slip, and then once for each step with a slip in its place."""

    async def turns_of(*slips: int, most: int | None = None) -> int | None:
        policy = NoisyOracle(slips=slips)
        episode = await rollout(agentgym.make(environment), policy, task, seed=0, limits=Limits(turns=most))
        return len(episode.turns) if episode.solved else None

    length = await turns_of()
    if length is None:
        raise agentgym.errors.UsageError(f"{environment}: the solution of {task_id(task)} does not solve it")
    most = agentgym.make(environment).max_turns
    budget = length + SPARE if most is None else min(length + SPARE, most)
    taken = [await turns_of(step, most=budget) for step in range(length)]
    return Known(task, tuple(StepKind(turns is None, turns is not None and turns > length) for turns in taken), budget)


def expected_success(known: Known, error_rate: float, *, tries: int) -> float:
    """How probable it is that no step a task needs is lost, and that the calls suffice."""
    reached = {0: 1.0}
    """By the number of calls made."""
    for step in known.steps:
        before, reached = reached, defaultdict[int, float](float)
        for made, chance in before.items():
            most = known.budget - made if step.repeated else tries
            for slips in range(most):
                reached[made + slips + 1] += chance * error_rate**slips * (1 - error_rate)
            if not step.vital and not step.repeated:
                reached[made + most] += chance * error_rate**most
    return sum(chance for made, chance in reached.items() if made <= known.budget)


async def _play(environment: str, policy: Policy, known: Known, trial: int, seed: int) -> Episode:
    """Alone and in the flow a trial has the same seed."""
    chance = derive_seed(seed, task_id(known.task), str(trial))
    limits = Limits(turns=known.budget)
    return await rollout(agentgym.make(environment), policy, known.task, seed=chance, limits=limits, trial=trial)


def _row(name: str, rate: float, who: str, played: list[Episode], expected: float, known: list[Known]) -> Row:
    return Row(
        name,
        rate,
        who,
        len(played),
        mean(episode.solved for episode in played),
        expected,
        mean(len(episode.turns) for episode in played),
        mean(each.budget for each in known),
    )


def _cells(row: Row) -> tuple[str, ...]:
    figures = (f"{row.success:.3f}", f"{row.expected:.3f}", f"{row.calls:.1f}", f"{row.budget:.1f}")
    return (row.environment, f"{row.error_rate:g}", row.who, str(row.episodes), *figures)


if __name__ == "__main__":
    raise SystemExit(main())
