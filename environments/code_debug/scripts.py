"""Which programs a debugging conversation shows, one after the other: wrong ones first, the right one last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from random import Random
from typing import Literal

from environments.programs.bugs.inject import Bug

Pattern = Literal["straight", "single fix", "chained bugs", "wrong diagnosis", "chained, then a wrong diagnosis"]
Kind = Literal["first", "fix", "misled", "back"]
"""How a program came about: written first, with the cause mended, after a wrong guess, or with that taken back."""
PATTERNS: dict[int, tuple[Pattern, ...]] = {
    0: ("straight",),
    1: ("single fix",),
    2: ("chained bugs", "wrong diagnosis"),
    3: ("chained bugs", "chained, then a wrong diagnosis"),
}
"""By how many of the programs are wrong."""
MOST_WRONG = max(PATTERNS)


@dataclass(frozen=True, slots=True)
class Version:
    """One of the programs."""

    code: str
    kind: Kind
    mended: tuple[Bug, ...] = ()
    """The bugs that the one before still had."""
    fails_as: Bug | None = None
    """The bug its failure has to come from, where one is meant."""


@dataclass(frozen=True, slots=True)
class Script:
    """The programs of a conversation."""

    pattern: Pattern
    versions: tuple[Version, ...]
    bugs: tuple[Bug, ...] = ()


def scripts(solution: str, bugs: Sequence[Bug], wrong: int, rng: Random) -> Iterator[Script]:
    """Scripts with so many wrong programs, or as many as the bugs allow; the last one has none."""
    for count in range(wrong, 0, -1):
        for pattern in rng.sample(PATTERNS[count], len(PATTERNS[count])):
            yield from _of_pattern(pattern, count, solution, bugs, rng)
    yield Script("straight", (Version(solution, "first"),))


def _of_pattern(pattern: Pattern, count: int, solution: str, bugs: Sequence[Bug], rng: Random) -> Iterator[Script]:
    needed = {"single fix": 1, "wrong diagnosis": 2}.get(pattern, count)
    chosen = list(permutations(bugs, needed))
    for several in rng.sample(chosen, len(chosen)):
        versions = _versions(pattern, solution, several)
        if versions is not None:
            yield Script(pattern, versions, several)


def _versions(pattern: Pattern, solution: str, bugs: Sequence[Bug]) -> tuple[Version, ...] | None:
    right = Version(solution, "fix", (bugs[-1],))
    if pattern == "single fix":
        return (Version(bugs[0].code, "first", fails_as=bugs[0]), right)
    if pattern == "chained bugs":
        return _chain(solution, bugs)
    *earlier, cause, guess = bugs
    both = merged(solution, cause, guess)
    if both is None:
        return None
    begun = _chain(solution, [*earlier, cause])
    if begun is None:
        return None
    return (*begun[:-1], Version(both, "misled"), Version(solution, "back", (cause, guess)))


def _chain(solution: str, bugs: Sequence[Bug]) -> tuple[Version, ...] | None:
    """All bugs at once, then one less each time."""
    versions: list[Version] = []
    for number, bug in enumerate(bugs):
        code = merged(solution, *bugs[number:])
        if code is None:
            return None
        mended = bugs[number - 1 : number] if number else ()
        versions.append(Version(code, "fix" if number else "first", tuple(mended), bug))
    return (*versions, Version(solution, "fix", (bugs[-1],)))


def merged(solution: str, *bugs: Bug) -> str | None:
    """The solution with all of the bugs, or None where they touch the same lines or shift any."""
    lines = solution.split("\n")
    changed = [_changed_lines(lines, bug.code.split("\n")) for bug in bugs]
    if len(bugs) == 1:
        return bugs[0].code
    if any(found is None for found in changed):
        return None
    places = [found for found in changed if found is not None]
    if any(one.keys() & other.keys() for one, other in combinations(places, 2)):
        return None
    for found in places:
        for number, line in found.items():
            lines[number] = line
    return "\n".join(lines)


def _changed_lines(before: Sequence[str], after: Sequence[str]) -> dict[int, str] | None:
    if len(before) != len(after):
        return None
    return {number: new for number, (old, new) in enumerate(zip(before, after, strict=True)) if old != new}
