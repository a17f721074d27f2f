"""Programs with a bug, and what was seen when they ran: what requests are made from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Literal

from agentgym.jsontext import parse_json
from agentgym.messages import JsonObject
from agentgym.seeds import derive_seed
from environments.programs.bugs.classes import BUG_CLASSES, UNPARSABLE
from environments.programs.bugs.inject import Bug, inject
from environments.programs.library import bundled_problem
from environments.programs.observing import Observe
from environments.programs.problem import Case, Problem

BUNDLED = Path(__file__).parent / "bundled" / "defects.jsonl"
"""Made by `python -m environments.special_tokens.bundled.build`."""
WRONG_ANSWERS = 0.4
"""The share of defects that show in a wrong answer alone, with no exception to be named."""
LONGEST = 240
"""Characters of what is quoted: a request holds no page of output."""
Kind = Literal["exception", "timeout", "wrong answer"]


class Defect(Bug):
    """A bug together with what its program gave on the case that shows it."""

    got: str = ""

    @property
    def id(self) -> str:
        """Equal for equal programs of a problem."""
        return f"{self.query_id}--{self.bug_class}--{blake2b(self.code.encode(), digest_size=4).hexdigest()}"

    @property
    def kind(self) -> Kind:
        """How the failure shows."""
        if self.error_type:
            return "exception"
        return "timeout" if self.bug_class == "timeout" else "wrong answer"

    @property
    def explorable(self) -> bool:
        """Whether the program runs, and to some end: one may be asked to find out what it does."""
        return self.bug_class not in UNPARSABLE and self.kind != "timeout"

    def shown_by(self, problem: Problem) -> Case:
        """The case that shows it."""
        return problem.visible[self.case]


async def find_defects(
    problems: Sequence[Problem], *, observe: Observe, count: int, seed: int = 0, concurrency: int = 2
) -> list[Defect]:
    """At most `count` defects whose failures can be quoted, a good part of them wrong answers without an exception."""
    by_id = {problem.query_id: problem for problem in problems}
    wrong = max(1, round(count * WRONG_ANSWERS))
    found: list[Defect] = []
    others = tuple(name for name in BUG_CLASSES if name != "wrong_answer")
    for classes, wanted in ((("wrong_answer",), wrong), (others, count - wrong)):
        if wanted:
            injected = await inject(
                problems,
                observe=observe,
                count=wanted,
                seed=derive_seed(seed, *classes),
                classes=classes,
                concurrency=concurrency,
            )
            found += [await _seen(bug, by_id[bug.query_id], observe) for bug in injected.bugs]
    return distinct(defect for defect in found if is_quotable(defect, by_id[defect.query_id]))


def is_quotable(defect: Defect, problem: Problem) -> bool:
    """Whether what it shows is short enough for a request, and there is something to see."""
    if defect.kind == "exception":
        return len(defect.message) <= LONGEST and "\n" not in defect.message.strip()
    case = defect.shown_by(problem)
    said = bool(defect.got.strip()) or defect.kind == "timeout"
    return said and len(case.input) + len(case.output) + len(defect.got) <= LONGEST


def distinct(defects: Iterable[Defect]) -> list[Defect]:
    """Without those whose programs are equal."""
    return list({defect.id: defect for defect in defects}.values())


@cache
def bundled_defects() -> tuple[Defect, ...]:
    """The defects that come with agentgym, of the bundled problems."""
    lines = BUNDLED.read_text(encoding="utf-8").splitlines()
    rows = [parse_json(line) for line in lines]
    return tuple(Defect.model_validate({**row, "fixed": _fixed(row)}) for row in rows if isinstance(row, dict))


@cache
def problem_of(query_id: str) -> Problem:
    """The bundled problem of a defect."""
    return bundled_problem(query_id)


def _fixed(row: JsonObject) -> str:
    """The solution of its problem: the file need not say it again."""
    return problem_of(str(row["query_id"])).solution or ""


async def _seen(bug: Bug, problem: Problem, observe: Observe) -> Defect:
    """The bug with what its program gives; an exception says enough by itself."""
    if bug.error_type or bug.bug_class == "timeout":
        return Defect(**bug.model_dump())
    (seen,) = await observe(problem, bug.code, [problem.visible[bug.case]])
    return Defect(**bug.model_dump(), got=seen.output)
