"""How the agent went about it: which actions it took beside those of the reference, and whether it kept the policy."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from agentgym.messages import JsonObject
from environments.retail.database import RetailDB
from environments.retail.desk import WRITES, Outcome

_YES = re.compile(
    r"\b(yes|yeah|yep|yup|sure|ok|okay|confirm|confirmed|go ahead|proceed|please do(?! not)|do it|correct|agreed?)\b"
)
_NO = re.compile(r"\b(no|not|never|nope|cannot)\b|n['\N{RIGHT SINGLE QUOTATION MARK}]t\b")
_CLAUSE = re.compile(r"[.,;:!?\n]+")
_UNCOUNTED = ("respond", "think")
_PERSONAL = WRITES | {"get_order_details", "get_user_details"}
"""Tools that concern one customer."""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call, and what it gave; of a reference action nothing is known of that."""

    tool: str
    arguments: JsonObject
    outcome: Outcome | None = None

    def __deepcopy__(self, memo: object) -> Call:
        return self  # forks of an episode share it: nobody changes the arguments


@dataclass(frozen=True, slots=True)
class Line:
    """What was said."""

    text: str
    by_agent: bool

    def __deepcopy__(self, memo: object) -> Line:
        return self


Event = Call | Line


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many of the calls were expected, and how many of those that were expected were made."""

    shared: int
    made: int
    expected: int

    @property
    def precision(self) -> float:
        """The share of the calls made that were expected."""
        return self.shared / self.made if self.made else float(not self.expected)

    @property
    def recall(self) -> float:
        """The share of the expected calls that were made."""
        return self.shared / self.expected if self.expected else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


@dataclass(frozen=True, slots=True)
class Conduct:
    """The actions of an episode beside those of its reference; `think` and what is said are no actions."""

    names: Overlap
    """By the tools' names alone."""
    strict: Overlap
    """By names and arguments."""
    reads: Overlap
    """Of `strict`, the tools that change nothing; so `writes`."""
    writes: Overlap
    exact_names: bool
    """Whether the same tools were called in the same order."""
    exact: bool
    """Whether the same calls were made in the same order."""
    violations: tuple[str, ...]
    """Where the policy was broken, as far as rules can tell; the reward knows nothing of it."""


def judge_conduct(events: Sequence[Event], expected: Iterable[Call], db: RetailDB) -> Conduct:
    """Compare what was done with what was expected, and look for breaches of the policy."""
    made = _signatures(event for event in events if isinstance(event, Call))
    wanted = _signatures(expected)
    return Conduct(
        names=_overlap([name for name, _ in made], [name for name, _ in wanted]),
        strict=_overlap(made, wanted),
        reads=_overlap(*([pair for pair in pairs if pair[0] not in WRITES] for pairs in (made, wanted))),
        writes=_overlap(*([pair for pair in pairs if pair[0] in WRITES] for pairs in (made, wanted))),
        exact_names=[name for name, _ in made] == [name for name, _ in wanted],
        exact=made == wanted,
        violations=tuple(_violations(events, db)),
    )


def comparable_arguments(tool: str, arguments: JsonObject) -> str:
    """One text for all arguments that mean the same: items in any order, in pairs where they are exchanged."""
    held: dict[str, Any] = {key: _comparable(key, value) for key, value in arguments.items() if value is not None}
    items, new_items = held.get("item_ids"), held.get("new_item_ids")
    if isinstance(items, list) and isinstance(new_items, list) and len(items) == len(new_items):
        del held["new_item_ids"]
        held["item_ids"] = sorted(map(json.dumps, zip(items, new_items, strict=True)))
    elif isinstance(items, list) and new_items is None:
        held["item_ids"] = sorted(map(json.dumps, items))
    return json.dumps(held, sort_keys=True)


def _comparable(key: str, value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 2)
    if isinstance(value, str) and not key.endswith(("_id", "_ids")):
        return value.casefold()
    return value


def _signatures(calls: Iterable[Call]) -> list[tuple[str, str]]:
    counted = (call for call in calls if call.tool not in _UNCOUNTED)
    return [(call.tool, comparable_arguments(call.tool, call.arguments)) for call in counted]


def _overlap(made: Sequence[object], expected: Sequence[object]) -> Overlap:
    return Overlap((Counter(made) & Counter(expected)).total(), len(made), len(expected))


def _violations(events: Sequence[Event], db: RetailDB) -> Iterator[str]:
    customer: str | None = None
    agreed = False
    for event in events:
        if isinstance(event, Line):
            agreed = not event.by_agent and _agrees(event.text)
            continue
        if event.outcome is None or event.outcome.failed:
            continue
        if event.tool.startswith("find_user_id_by_"):
            if customer not in (None, event.outcome.text):
                yield f"{event.tool}: looked up {event.outcome.text} while serving {customer}"
            customer = customer or event.outcome.text
        elif event.tool in _PERSONAL:
            yield from _trespasses(event, customer, db)
        if event.tool in WRITES and not agreed:
            yield f"{event.tool}: changed something without a yes of the customer"


def _agrees(text: str) -> bool:
    """Whether a yes stands in it without a no before: `do not do it` is none, and `yes, but not #W1` is one."""
    for clause in _CLAUSE.split(text.casefold()):
        yes = _YES.search(clause)
        if yes is not None and _NO.search(clause, 0, yes.start()) is None:
            return True
    return False


def _trespasses(call: Call, customer: str | None, db: RetailDB) -> Iterator[str]:
    order = db.orders.get(str(call.arguments.get("order_id")))
    owner = call.arguments.get("user_id") if order is None else order["user_id"]
    if customer is None:
        yield f"{call.tool}: acted before it was known who the customer is"
    elif owner != customer:
        yield f"{call.tool}: concerns {owner} while serving {customer}"
