"""What is wrong with a turn beyond doubt: found before any model is asked."""

from __future__ import annotations

from collections.abc import Iterator

from agentgym.flow.arguments import canonical
from agentgym.flow.memory import Memory
from agentgym.flow.types import CallResult, ExecutionResult, Verdict

MOST_FAILURES = 2
"""The same call failing so often is going round in circles."""
MOST_REPEATS = 3
"""So is the same call made so often, whatever it gave."""
_HINTS = {
    "unknown_tool": "use one of the tools there are",
    "invalid_json": "write the arguments as one JSON object",
    "invalid_arguments": "give the arguments as the tool's schema asks for them",
    "timeout": "ask for less at once",
}


def judge_by_rules(memory: Memory, execution: ExecutionResult) -> Verdict | None:
    """The verdict where a rule is broken; else None, and somebody has to think."""
    issues = list(_issues(memory, execution))
    if not issues:
        return None
    kinds = (result.error_type for result in execution.results)
    hint = next((_HINTS[kind] for kind in kinds if kind in _HINTS), "do something else than this call")
    return Verdict(execution.turn, "replan", "; ".join(issues), issues=tuple(issues), hint=hint)


def _issues(memory: Memory, execution: ExecutionResult) -> Iterator[str]:
    for result in execution.results:
        if not result.ok:
            yield f"{result.call.name}: {result.error_type}: {' '.join((result.error or '').split())[:500]}"
        yield from _circles(memory, result)
    if not execution.observation.strip():
        yield "nothing was shown"


def _circles(memory: Memory, result: CallResult) -> Iterator[str]:
    """The loop guard."""
    key = canonical(result.call)
    before = [
        earlier
        for record in memory.records
        for earlier in record.execution.results
        if earlier.call.name == result.call.name and canonical(earlier.call) == key
    ]
    failures = sum(not each.ok for each in (*before, result))
    if failures >= MOST_FAILURES:
        yield f"{result.call.name}: the same call has failed {failures} times"
    elif len(before) + 1 >= MOST_REPEATS:
        yield f"{result.call.name}: the same call was made {len(before) + 1} times"
