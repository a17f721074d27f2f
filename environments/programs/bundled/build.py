"""Computes the drafts' outputs and writes what is shipped; run as `python -m environments.programs.bundled.build`."""

from __future__ import annotations

import ast
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from textwrap import dedent
from typing import Any

from agentgym.jsontext import dump_json
from environments.programs.bundled.draft import Draft, Input
from environments.programs.library import BUNDLED, TOPICS
from environments.programs.problem import Case, Problem

MODULES = {
    "algorithms": ("ordering", "optimising", "paths"),
    "data structures": ("linear", "trees", "tables"),
    "mathematics": ("integers", "arithmetic", "shapes"),
    "strings": ("characters", "words", "formats"),
    "edge cases": ("boundaries", "doubtful_input", "limits"),
}
FOR_A_PROGRAM = "Write a Python program that reads from standard input and prints its answer to standard output."
FOR_A_FUNCTION = "Write a Python function with the name and the parameters given; it returns its answer."


def drafts() -> Iterator[tuple[str, Draft]]:
    """Every draft with its topic."""
    for topic in TOPICS:
        for module in MODULES[topic]:
            source = import_module(f"{__package__}.{topic.replace(' ', '_')}.{module}")
            yield from ((topic, draft) for draft in source.PROBLEMS)


def finished(topic: str, draft: Draft) -> Problem:
    """The draft with the outputs its own solution gives."""
    solution = dedent(draft.solution).strip() + "\n"
    return Problem(
        query_id=draft.query_id,
        topic=topic,
        prompt=FOR_A_FUNCTION if draft.fn_name else FOR_A_PROGRAM,
        question=dedent(draft.question).strip(),
        fn_name=draft.fn_name,
        starter=_starter(solution, draft.fn_name) if draft.fn_name else "",
        solution=solution,
        visible=tuple(_case(solution, draft, given) for given in draft.visible),
        hidden=tuple(_case(solution, draft, given) for given in draft.hidden),
    )


def shipped() -> bytes:
    """What the file of problems has to hold."""
    lines = (dump_json(finished(topic, draft).model_dump(mode="json")) for topic, draft in drafts())
    return b"".join(line + b"\n" for line in lines)


def _case(solution: str, draft: Draft, given: Input) -> Case:
    if isinstance(given, str):
        text = given if not given or given.endswith("\n") else given + "\n"
        return Case(input=text, output=_printed(solution, text))
    copied = Case.of_call(given, None).arguments  # the solution may change its arguments
    return Case.of_call(given, _run(solution)[str(draft.fn_name)](*copied))


def _run(solution: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(solution, "main.py", "exec"), names)
    return names


def _printed(solution: str, text: str) -> str:
    with _stdin(text), redirect_stdout(io.StringIO()) as out:
        _run(solution)
    return out.getvalue()


@contextmanager
def _stdin(text: str) -> Iterator[None]:
    before = sys.stdin
    sys.stdin = io.StringIO(text)
    try:
        yield
    finally:
        sys.stdin = before


def _starter(solution: str, fn_name: str) -> str:
    functions = (node for node in ast.parse(solution).body if isinstance(node, ast.FunctionDef))
    wanted = next(function for function in functions if function.name == fn_name)
    wanted.body = [ast.Pass()]
    return ast.unparse(wanted) + "\n"


if __name__ == "__main__":
    BUNDLED.write_bytes(shipped())
