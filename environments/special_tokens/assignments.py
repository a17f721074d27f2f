"""What rows are to be written: which defect is asked about, in which mode, language and frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from agentgym.seeds import derive_seed
from environments.programs.problem import Problem
from environments.special_tokens.defects import Defect
from environments.special_tokens.frames.frame import LANGUAGES, Frame, frames
from environments.special_tokens.modes import AGENT, EDIT

SPLIT = "train"
"""Whose frames requests are put in: those of the other splits stay unseen."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One row to be written."""

    defect: Defect
    problem: Problem
    mode: str
    frame: Frame
    rank: int
    """Its place among those of its mode."""

    @property
    def key(self) -> str:
        """Equal for rows that would be about the same thing; each is written once."""
        return f"{self.problem.query_id}|{self.mode}|{self.defect.id}"

    @property
    def language(self) -> str:
        """What the request is written in."""
        return self.frame.language

    def rng(self, seed: int) -> Random:
        """The chance of this row, independent of all others."""
        return Random(derive_seed(seed, self.key))


def assign(
    defects: Sequence[Defect],
    problems: Mapping[str, Problem],
    mode: str,
    *,
    seed: int = 0,
    languages: Sequence[str] = LANGUAGES,
) -> Iterator[Assignment]:
    """All rows of a mode that these defects give, spread over problems, classes, languages and frames."""
    rng = Random(derive_seed(seed, "assign", mode))
    ordered = [defect for defect in _spread(defects, rng) if mode != AGENT.name or defect.explorable]
    if mode == EDIT.name:
        ordered = _mixed(ordered)
    decks = {language: _deck(mode, language, rng) for language in languages}
    for rank, defect in enumerate(ordered):
        frame = next(decks[languages[rank % len(languages)]])
        yield Assignment(defect, problems[defect.query_id], mode, frame, rank)


def _spread(defects: Sequence[Defect], rng: Random) -> Iterator[Defect]:
    """One of each problem, then the next of each."""
    of_problem: dict[str, list[Defect]] = {}
    for defect in defects:
        of_problem.setdefault(defect.query_id, []).append(defect)
    waiting = list(of_problem.values())
    rng.shuffle(waiting)
    for listed in waiting:
        rng.shuffle(listed)
    while waiting:
        for listed in waiting:
            yield listed.pop()
        waiting = [listed for listed in waiting if listed]


def _mixed(defects: Sequence[Defect]) -> list[Defect]:
    """Wrong answers in between, so that the name of an exception does not give the mode away; all classes in turn."""
    of_class: dict[str, list[Defect]] = {}
    for defect in defects[::-1]:
        of_class.setdefault(defect.bug_class, []).append(defect)
    wrong = of_class.pop("wrong_answer", [])
    mixed: list[Defect] = []
    while wrong or of_class:
        for bug_class in list(of_class) or [""]:
            mixed += [wrong.pop()] if wrong else []
            if bug_class:
                mixed.append(of_class[bug_class].pop())
        of_class = {bug_class: left for bug_class, left in of_class.items() if left}
    return mixed


def _deck(mode: str, language: str, rng: Random) -> Iterator[Frame]:
    """The frames in a random order, again and again."""
    listed = list(frames(SPLIT, mode, language))
    while True:
        rng.shuffle(listed)
        yield from listed
