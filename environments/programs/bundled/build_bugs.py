"""Puts a bug into every bundled solution and writes what is shipped.

Run as `python -m environments.programs.bundled.build_bugs [SANDBOX]`; all that is executed was written here.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable

import anyio

from agentgym.jsontext import dump_json
from agentgym.sandbox.specs import make_sandbox
from environments.programs.bugs.classes import BUG_CLASSES
from environments.programs.bugs.inject import Bug, inject
from environments.programs.library import BUNDLED_BUGS, bundled_problems
from environments.programs.observing import observe_in

PLENTY = 900
"""Bugs to choose from: nearly every class then has one in nearly every program that can hold it."""
CPU_S = 0.5


async def built(spec: str) -> list[Bug]:
    """A bug for each problem, in the order of the problems."""
    async with make_sandbox(spec) as sandbox:
        injected = await inject(bundled_problems(), observe=observe_in(sandbox, cpu_s=CPU_S), count=PLENTY, seed=0)
    return chosen(injected.bugs)


def chosen(bugs: Iterable[Bug]) -> list[Bug]:
    """One of each problem, such that no class is much more frequent than another."""
    by_problem: dict[str, dict[str, Bug]] = {}
    for bug in bugs:
        by_problem.setdefault(bug.query_id, {}).setdefault(bug.bug_class, bug)
    counts = Counter[str]()
    taken: dict[str, Bug] = {}
    for query_id in sorted(by_problem, key=lambda query_id: len(by_problem[query_id])):
        rarest = min(by_problem[query_id], key=lambda name: (counts[name], BUG_CLASSES.index(name)))
        counts[rarest] += 1
        taken[query_id] = by_problem[query_id][rarest]
    return [taken[problem.query_id] for problem in bundled_problems() if problem.query_id in taken]


if __name__ == "__main__":
    found = anyio.run(built, sys.argv[1] if len(sys.argv) > 1 else "local")
    BUNDLED_BUGS.write_bytes(b"".join(dump_json(bug.model_dump(mode="json")) + b"\n" for bug in found))
