"""Solutions of problems that come without one: a model writes them, and only what passes all cases is taken."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import anyio

from agentgym.ambient import LINES
from agentgym.errors import EndpointFault, PolicyFault, boundary
from agentgym.lines import Lines
from agentgym.messages import Conversation, Message
from agentgym.policy import Context, Policy
from agentgym.sandbox.contract import Sandbox
from agentgym.seeds import derive_seed
from environments.programs.judge import graded_cases
from environments.programs.problem import Problem
from environments.special_tokens.outcome import passes_tests, unix_lines

ATTEMPTS = 3
"""Of one problem; then it is left out."""
_SOLVE = """\
You solve programming problems in Python. Reply with the whole program in one ```python block and nothing else."""
_FUNCTION = "Write the function {name}, or the class Solution with a method of that name; it returns its result."
_PROGRAM = "The program reads standard input and prints to standard output."
_AGAIN = "Your earlier program did not pass all cases:\n```python\n{code}\n```\nWrite one that does."
_FENCED = re.compile(r"^```[\w+-]*[^\S\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
OnSolved = Callable[[str, str | None], None]
"""Told a problem's id, and its solution or None."""


async def solve(
    problems: Sequence[Problem],
    policy: Policy,
    sandbox: Sandbox,
    *,
    wanted: int,
    known: Mapping[str, str | None],
    on_solved: OnSolved,
    seed: int = 0,
    threads: int = 32,
) -> list[Problem]:
    """The problems with solutions: their own, known ones, and as many more as are wanted in all; no others.

    What is known as None could not be solved before, and is not tried again.
    """
    solutions = {problem.query_id: problem.solution or known.get(problem.query_id) for problem in problems}
    waiting = iter([one for one in problems if not solutions[one.query_id] and one.query_id not in known])
    missing = wanted - sum(map(bool, solutions.values()))

    async def work() -> None:
        nonlocal missing
        while missing > 0 and (problem := next(waiting, None)) is not None:
            missing -= 1
            try:
                code = await _solution(problem, policy, sandbox, seed)
            except EndpointFault:
                missing += 1  # another one in its place; who goes on asks for this one again
                continue
            missing += code is None
            solutions[problem.query_id] = code
            on_solved(problem.query_id, code)

    token = LINES.set(Lines(pinned=threads))
    try:
        with boundary(PolicyFault, policy.name):
            async with anyio.create_task_group() as group:
                for _ in range(max(0, min(threads, missing))):
                    group.start_soon(work)
    finally:
        LINES.reset(token)
    solved = ((problem, solutions[problem.query_id]) for problem in problems)
    return [problem.model_copy(update={"solution": code}) for problem, code in solved if code]


async def _solution(problem: Problem, policy: Policy, sandbox: Sandbox, seed: int) -> str | None:
    """A program that passes; None where the model finds none."""
    asked = "\n\n".join(filter(None, (problem.question, problem.starter, _form(problem))))
    code = ""
    for attempt in range(ATTEMPTS):
        session = policy.start(
            Context(instructions=_SOLVE, seed=derive_seed(seed, problem.query_id, "solve", str(attempt)))
        )
        told = f"{asked}\n\n{_AGAIN.format(code=code)}" if code else asked
        turn = await session.act(Conversation([Message("system", _SOLVE), Message("user", told)]))
        code = _program(turn.text)
        cases = graded_cases(problem)
        if await passes_tests(sandbox, [code], cases, function=problem.fn_name, checker=problem.checker):
            return code
    return None


def _form(problem: Problem) -> str:
    return _PROGRAM if problem.fn_name is None else _FUNCTION.format(name=problem.fn_name)


def _program(said: str) -> str:
    found = _FENCED.search(f"{unix_lines(said)}\n")
    code = found[1] if found else unix_lines(said)
    return f"{code.strip()}\n"
