"""Whether a task is one of its scenario."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agentgym.errors import UnknownNameError, did_you_mean
from environments.retail.desk import WRITES
from environments.retail.factory.checks.entries import Entry
from environments.retail.factory.envelope import Blueprint, Call
from environments.retail.factory.scenarios import BY_KEY


def scenario_of(blueprint: Blueprint) -> str | None:
    """What a task is about, by its first change, or else by what it looks up; None where its calls do not tell."""
    named = [call.name for call in blueprint.agt]
    first = next((name for name in named if name in WRITES), None)
    fitting = [key for key, scenario in BY_KEY.items() if scenario.is_inquiry is (first is None)]
    wanted = named if first is None else [first]
    return next((key for key in fitting if not set(BY_KEY[key].defined_by).isdisjoint(wanted)), None)


def scenario_entries(scenario: str, calls: Sequence[Call]) -> Iterator[Entry]:
    """What keeps the calls from being of a scenario."""
    if scenario not in BY_KEY:
        raise UnknownNameError(f"no scenario {scenario!r}; {did_you_mean(scenario, BY_KEY)}")
    wanted = BY_KEY[scenario]
    if set(wanted.defined_by).isdisjoint(call.name for call in calls):
        message = f"a task of {scenario} calls {' or '.join(wanted.defined_by)}, and this one does not"
        yield Entry("SCENARIO_MISMATCH", "error", message, value=scenario)
    for index, call in enumerate(calls if wanted.is_inquiry else ()):
        if call.name in WRITES:
            message = f"a task of {scenario} changes nothing, but this call does"
            yield Entry("SCENARIO_MISMATCH", "error", message, index, scenario, call.name)
