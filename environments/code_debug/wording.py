"""What is said in a debugging conversation: of a failure, its cause, a change, and the end."""

from __future__ import annotations

from difflib import SequenceMatcher
from random import Random

from environments.code_debug.observations import CaseReport, RunReport
from environments.code_debug.scripts import Version
from environments.programs.bugs.inject import Bug

_OPENINGS = (
    "I write a first program and run it on the visible cases.",
    "Let me put the idea into a program and see what the visible cases say.",
    "Here is a program that follows the statement step by step; I run it on all visible cases.",
    "I begin with a direct solution and check it on the examples.",
)
_GUESSES = (
    "My guess is that the trouble is elsewhere:",
    "I take another part of the program for the cause:",
    "Perhaps this is what goes wrong:",
)
_RETRACTIONS = (
    "That was not the cause: the failure is still there, so I take the last change back.",
    "The last change did not help, so it is undone; my diagnosis was wrong.",
)
_ENDINGS = (
    "All visible cases pass now. The final program:",
    "Every visible case passes, so this is my answer:",
    "The program gives what is expected on all visible cases:",
)


def opening(rng: Random) -> str:
    """What is said with the first program."""
    return rng.choice(_OPENINGS)


def ending(version: Version, rng: Random) -> str:
    """The final answer."""
    return f"{rng.choice(_ENDINGS)}\n\n```python\n{version.code.rstrip()}\n```"


def step(before: Version, version: Version, seen: RunReport, rng: Random) -> str:
    """What is said with a later program, after what was seen of the one before."""
    failure, change = _failure(seen), _change(before.code, version.code)
    if version.kind == "misled":
        return f"{failure} {rng.choice(_GUESSES)} {change}"
    retraction = f"{rng.choice(_RETRACTIONS)} " if version.kind == "back" else ""
    causes = version.mended[:1] if version.kind == "back" else version.mended
    return f"{failure} {retraction}{' '.join(map(_cause, causes))} {change}"


def _failure(seen: RunReport) -> str:
    case: CaseReport = next((case for case in seen.cases if not case.passed), seen)
    where = "" if case.test_case_index is None else f"Visible case {case.test_case_index}"
    if case.status == "wrong_answer":
        return f"{where} gives {_excerpt(case.actual)} where {_excerpt(case.expected)} is expected."
    if case.status == "runtime_error":
        at = "" if case.line is None else f" at line {case.line}"
        return f"{where} ends in {case.error_type}{at}."
    return {
        "timeout": f"{where} does not end in time.",
        "memory": f"{where} takes too much memory.",
        "output_limit": f"{where} prints without end.",
    }.get(case.status, f"{where} fails.")


def _cause(bug: Bug) -> str:
    return f"The cause: I {bug.mutation} at line {bug.line}."


def _change(before: str, after: str) -> str:
    """Which lines become which."""
    old, new = before.split("\n"), after.split("\n")
    told = []
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        gone, come = _quoted(old[i:j]), _quoted(new[k:m])
        if kind == "replace":
            told.append(f"{gone} becomes {come}")
        elif kind == "delete":
            told.append(f"{gone} goes")
        elif kind == "insert":
            told.append(f"{come} is added")
    return f"{'; '.join(told)}."


def _quoted(lines: list[str]) -> str:
    return " / ".join(f"`{line.strip()}`" for line in lines if line.strip()) or "a blank line"


def _excerpt(text: str | None) -> str:
    flat = " / ".join((text or "").strip().split("\n"))
    return f"`{flat[:60]}...`" if len(flat) > 60 else f"`{flat}`" if flat else "nothing"
