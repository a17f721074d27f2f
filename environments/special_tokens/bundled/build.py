"""Finds the defects that are shipped, and writes them.

Run as `python -m environments.special_tokens.bundled.build [SANDBOX]`; all that is executed was written here.
"""

from __future__ import annotations

import sys

import anyio

from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject
from agentgym.sandbox.specs import make_sandbox
from environments.programs.library import bundled_problems
from environments.programs.observing import observe_in
from environments.special_tokens.defects import BUNDLED, Defect, find_defects

COUNT = 700
CPU_S = 0.5


async def built(spec: str) -> list[Defect]:
    """Defects over all problems and classes, in the order of the problems."""
    problems = bundled_problems()
    order = {problem.query_id: number for number, problem in enumerate(problems)}
    async with make_sandbox(spec) as sandbox:
        found = await find_defects(problems, observe=observe_in(sandbox, cpu_s=CPU_S), count=COUNT, concurrency=4)
    return sorted(found, key=lambda defect: (order[defect.query_id], defect.bug_class, defect.id))


def _row(defect: Defect) -> JsonObject:
    """Without the fixed program, which is the problem's solution."""
    row: JsonObject = defect.model_dump(mode="json", exclude={"fixed"})
    return row


if __name__ == "__main__":
    defects = anyio.run(built, sys.argv[1] if len(sys.argv) > 1 else "local")
    BUNDLED.write_bytes(b"".join(dump_json(_row(defect)) + b"\n" for defect in defects))
