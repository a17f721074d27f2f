"""More cases for a problem: inputs like the known ones, and the outputs its own solution gives for them."""

from __future__ import annotations

import re
from random import Random

from pydantic import JsonValue

from agentgym.errors import SandboxFault, UsageError
from agentgym.jsontext import dump_plain
from agentgym.seeds import checked_seed, derive_seed
from environments.programs.observing import Observe
from environments.programs.problem import Case, Problem

TRIES_PER_CASE = 20
_NUMBER = re.compile(r"-?[0-9]+")
_WORD = re.compile(r"[A-Za-z]+")


async def more_cases(problem: Problem, *, observe: Observe, count: int, seed: int = 0) -> list[Case]:
    """Up to `count` cases with inputs not among the known ones; equal arguments give equal cases.

    An input is a known one with a few values changed; one on which the solution fails is dropped. Whether the
    problem's statement allows an input is not known: numbers stay near the known ones, counts stay as they are.
    """
    checked_seed(seed)
    if problem.solution is None or not problem.cases:
        raise UsageError(f"{problem.query_id}: needs a solution and at least one case to make more cases from")
    rng = Random(derive_seed(seed, problem.query_id, "cases"))
    known = {case.input for case in problem.cases}
    made: list[Case] = []
    for _ in range(count * TRIES_PER_CASE):
        if len(made) == count:
            break
        given = _changed(problem, rng)
        if given in known:
            continue
        known.add(given)
        made.extend(await _judged(problem, problem.solution, given, observe))
    return made


async def _judged(problem: Problem, solution: str, given: str, observe: Observe) -> list[Case]:
    """The case, if the solution comes to an end on it and says the same twice."""
    asked = Case(input=given, output="null" if problem.fn_name else "")
    (first,) = await observe(problem, solution, [asked])
    if first.status == "sandbox_error":
        raise SandboxFault(f"{problem.query_id}: {first.message}")
    if first.status not in ("passed", "wrong_answer"):
        return []
    case = Case(input=given, output=first.output.strip() if problem.fn_name else first.output)
    (second,) = await observe(problem, solution, [case])
    return [case] if second.status == "passed" else []


def _changed(problem: Problem, rng: Random) -> str:
    case = rng.choice(problem.cases)
    if problem.fn_name is not None:
        arguments = case.arguments
        at = rng.randrange(len(arguments)) if arguments else 0
        changed = [_value(value, rng) if i == at else value for i, value in enumerate(arguments)]
        return "\n".join(dump_plain(value) for value in changed)
    lines = case.input.split("\n")
    filled = [i for i, line in enumerate(lines) if line.strip()]
    # The first of several lines mostly holds counts, which have to go with what follows.
    free = filled[1:] if len(filled) > 1 else filled
    for _ in range(rng.randint(1, 3)):
        if free:
            at = rng.choice(free)
            lines[at] = _line(lines[at], rng)
    return "\n".join(lines)


def _line(line: str, rng: Random) -> str:
    words = line.split(" ")
    if len(words) > 2 and rng.random() < 0.3:
        rng.shuffle(words)
        return " ".join(words)
    places = [*_NUMBER.finditer(line)] or [*_WORD.finditer(line)]
    if not places:
        return line
    place = rng.choice(places)
    text = place.group()
    wanted = str(_number(int(text), rng)) if _NUMBER.fullmatch(text) and len(text) < 300 else _letters(text, rng)
    return line[: place.start()] + wanted + line[place.end() :]


def _value(value: JsonValue, rng: Random) -> JsonValue:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return _number(value, rng)
    if isinstance(value, float):
        return rng.choice([value + 1, value / 2, -value, 0.0])
    if isinstance(value, str):
        return _letters(value, rng)
    if isinstance(value, list):
        return _items(value, rng)
    if isinstance(value, dict) and value:
        key = rng.choice(sorted(value))
        return value | {key: _value(value[key], rng)}
    return value


def _items(items: list[JsonValue], rng: Random) -> list[JsonValue]:
    if not items:
        return []
    at = rng.randrange(len(items))
    rows = all(isinstance(item, list) for item in items)  # perhaps a table, whose rows must stay equally long
    kind = rng.choice(["change", "swap"] if rows else ["change", "swap", "drop", "repeat"])
    if kind == "change":
        return [_same_length(item, rng) if i == at else item for i, item in enumerate(items)]
    if kind == "drop":
        return items[:at] + items[at + 1 :]
    if kind == "repeat":
        return [*items[: at + 1], *items[at:]]
    return rng.sample(items, len(items))


def _same_length(value: JsonValue, rng: Random) -> JsonValue:
    if not isinstance(value, list) or not value:
        return _value(value, rng)
    at = rng.randrange(len(value))
    return [_same_length(item, rng) if i == at else item for i, item in enumerate(value)]


def _number(value: int, rng: Random) -> int:
    """A number near the known one, and never far beyond its size: statements limit their numbers."""
    if value < 0:
        return -_number(-value, rng)
    return rng.choice([value + 1, max(value - 1, 0), value // 2, rng.randint(0, max(value, 1)), 0 if value > 1 else 1])


def _letters(text: str, rng: Random) -> str:
    if not text:
        return text
    at = rng.randrange(len(text))
    other = rng.choice(sorted(set(text)))
    ways = [text[:at] + other + text[at + 1 :], text + text[at], text[::-1], "".join(rng.sample(text, len(text)))]
    return rng.choice(ways)
