"""Splits between which nothing leaks: trials of a task, and tasks that share what the caller names, stay together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import product

from pydantic import JsonValue

from agentgym.errors import UsageError
from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject
from trainers.dataset.rows import Trajectory

SHARES: Mapping[str, float] = {"train": 0.7, "validation": 0.15, "test": 0.15}
SEED = 3407


@dataclass(frozen=True, slots=True)
class Splits:
    """Which trajectory is in which split."""

    by: tuple[str, ...]
    _families: Families
    _split_of: Mapping[str, str]

    def of(self, trajectory: Trajectory) -> str:
        """The split of one of the trajectories that this was planned for."""
        (key, *_) = keys_of(trajectory, self.by)
        try:
            return self._split_of[self._families.head(key)]
        except KeyError:
            raise UsageError(f"task {trajectory.origin.task_id}: these splits were planned without it") from None


def plan_splits(
    trajectories: Iterable[Trajectory],
    *,
    shares: Mapping[str, float] = SHARES,
    seed: int = SEED,
    by: Sequence[str] = (),
) -> Splits:
    """Put each task into a split; the same for the same tasks and seed, in whatever order they come.

    `by` names fields of the tasks, such as `user_id` or `actions.kwargs.order_id`: tasks that have a value in common
    stay together. Fields joined by `+` count as one, so that only tasks that share the pair do.
    """
    _check(shares)
    families, counts, found = Families(), Counter[str](), set[str]()
    for trajectory in trajectories:
        first, *others = keys = keys_of(trajectory, by)
        counts[first] += 1
        families.add(first)
        for other in others:
            families.join(first, other)
        found |= {field for field in by if any(key.startswith(f"{field}=") for key in keys)}
    for field in by:
        if counts and field not in found:
            raise UsageError(f"no task has the field {field!r}; name one that tasks have, such as 'user_id'")
    sizes = Counter[str]()
    for key, count in counts.items():
        sizes[families.head(key)] += count
    return Splits(tuple(by), families, _dealt(sizes, families.names(), shares, seed))


def keys_of(trajectory: Trajectory, by: Sequence[str] = ()) -> list[str]:
    """What others must not share with a trajectory in another split: the task first."""
    origin = trajectory.origin
    keys = [f"task={dump_json([origin.environment, origin.task_id]).decode()}"]
    for field in by:
        columns = [sorted(set(_values(trajectory.fields, part.split(".")))) for part in field.split("+")]
        keys += [f"{field}={dump_json(values).decode()}" for values in product(*columns)]
    return keys


class Families:
    """Keys of which some belong together."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def add(self, key: str) -> None:
        """Make a key known."""
        self._above.setdefault(key, key)

    def join(self, one: str, other: str) -> None:
        """Have two keys, and all that belong with them, belong together."""
        self.add(one)
        self.add(other)
        self._above[self.head(other)] = self.head(one)

    def head(self, key: str) -> str:
        """The key that stands for all that belong together; KeyError for one that is not known."""
        while (above := self._above[key]) != key:
            self._above[key] = self._above[above]
            key = above
        return key

    def names(self) -> dict[str, str]:
        """For each head the first of its keys, whatever the order they came in."""
        members = defaultdict[str, list[str]](list)
        for key in self._above:
            members[self.head(key)].append(key)
        return {head: min(keys) for head, keys in members.items()}


def _dealt(
    sizes: Mapping[str, int], names: Mapping[str, str], shares: Mapping[str, float], seed: int
) -> dict[str, str]:
    """Each family in turn to the split that lacks most."""
    total, lacking = sum(sizes.values()), dict[str, float]()
    for split, share in shares.items():
        lacking[split] = total * share / sum(shares.values())
    dealt: dict[str, str] = {}
    for head in sorted(sizes, key=lambda head: _drawn(seed, names[head])):
        split = max((split for split, share in shares.items() if share), key=lacking.__getitem__)
        lacking[split] -= sizes[head]
        dealt[head] = split
    return dealt


def _drawn(seed: int, name: str) -> bytes:
    return blake2b(f"{seed} {name}".encode(), digest_size=16).digest()


def _values(value: JsonValue | JsonObject, path: Collection[str]) -> Iterator[str]:
    """What stands at a path, as JSON; through lists, of each of their members."""
    if isinstance(value, list):
        for inner in value:
            yield from _values(inner, path)
    elif not path:
        if value is not None and value != "":
            yield dump_json(value).decode()
    elif isinstance(value, dict):
        name, *rest = path
        yield from _values(value.get(name), rest)


def _check(shares: Mapping[str, float]) -> None:
    if not all(0 <= share < float("inf") for share in shares.values()) or not sum(shares.values()):
        raise UsageError(f"shares={dict(shares)}: give numbers of at least 0, not all of them 0")
