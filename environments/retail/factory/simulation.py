"""What feedback buys, as a simulation: an author who errs at a known rate, with one attempt and with several.

`python -m environments.retail.factory.simulation` prints it. Errors are drawn independently of what the author is
told, so feedback buys no more here than another attempt; what it teaches a model, a simulation cannot tell.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from agentgym.cli.output import write, write_table
from agentgym.messages import Conversation, Turn
from agentgym.policy import Context, Policy, Session
from environments.retail.factory.answers import object_in
from environments.retail.factory.pipeline import PipelineConfig, TaskConfigurationPipeline

RATES = (0.0, 0.1, 0.3, 0.5)
ATTEMPTS = (1, 3)
TASKS = 96


class NoisyOracle(Policy):
    """Knows a good task, and spoils it at a rate."""

    reads_reference = True

    def __init__(self, rate: float) -> None:
        self._rate = rate

    def start(self, context: Context) -> Session:
        assert context.reference is not None
        return _Noisy(context.reference, self._rate, Random(f"noise {context.seed}"))


class _Noisy(Session):
    def __init__(self, reference: Callable[[], Iterator[Turn]], rate: float, chance: Random) -> None:
        self._gold = next(reference())
        self._rate = rate
        self._chance = chance

    async def act(self, conversation: Conversation) -> Turn:
        if self._chance.random() >= self._rate:
            return self._gold
        task: dict[str, Any] = object_in(self._gold.text, having=("q",))
        self._chance.choice(_SPOILS)(task["agt"])
        return Turn(json.dumps(task))


def _invent_customer(calls: list[dict[str, Any]]) -> None:
    calls[0] = {"name": "find_user_id_by_email", "arguments": {"email": "nobody@nowhere.example"}}


def _invent_tool(calls: list[dict[str, Any]]) -> None:
    calls[-1]["name"] = "refund_everything"


def _forget_customer(calls: list[dict[str, Any]]) -> None:
    calls[0] = {"name": "get_order_details", "arguments": {"order_id": "#W0000000"}}


_SPOILS = (_invent_customer, _invent_tool, _forget_customer)
"""Each is something that the checks find."""


@dataclass(frozen=True, slots=True)
class Row:
    """One rate of errors, with so many attempts at most."""

    rate: float
    attempts: int
    tasks: int
    accepted: int
    candidates: int

    @property
    def expected(self) -> float:
        """The share that must be accepted."""
        return float(1 - self.rate**self.attempts)

    @property
    def expected_candidates(self) -> float:
        """How many a task takes."""
        return float(sum(self.rate**failed for failed in range(self.attempts)))


async def simulate(rate: float, attempts: int, *, tasks: int = TASKS, seed: int = 0) -> Row:
    """Have so many tasks written."""
    config = PipelineConfig(max_iterations=attempts, committee_size=0, generator=NoisyOracle(rate), seed=seed)
    _, statistics = await TaskConfigurationPipeline(config).generate(tasks)
    return Row(rate, attempts, tasks, statistics.successful, statistics.attempts)


async def main() -> None:
    """Print the simulation beside what must come of it."""
    rows = [await simulate(rate, attempts) for rate in RATES for attempts in ATTEMPTS]
    header = ("error rate", "attempts", "accepted", "expected", "candidates", "expected ")
    cells = [
        (
            f"{row.rate:.1f}",
            str(row.attempts),
            f"{row.accepted / row.tasks:.3f}",
            f"{row.expected:.3f}",
            f"{row.candidates / row.tasks:.3f}",
            f"{row.expected_candidates:.3f}",
        )
        for row in rows
    ]
    write(f"simulation: {TASKS} tasks each, written by an oracle that errs at a rate, whatever it is told")
    write_table(header, cells, right=header)


if __name__ == "__main__":
    import anyio

    anyio.run(main)
