"""The eight scenarios: what defines each, and which one is next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from agentgym.errors import DefinitionError, UnknownNameError, UsageError, did_you_mean
from environments.retail.desk import TOOLS, WRITES
from environments.retail.world.wish import SCENARIOS

_ALWAYS = ("find_user_id_by_email", "find_user_id_by_name_zip", "get_user_details", "get_order_details")
_PRODUCTS = ("get_product_details", "list_all_product_types")


@dataclass(frozen=True, slots=True)
class Scenario:
    """What tasks of a scenario are about."""

    key: str
    about: str
    """What the customer wants, for whoever writes such a task."""
    defined_by: tuple[str, ...]
    """One of these must be called."""
    beside: tuple[str, ...] = ()
    """Tools that may be needed besides."""

    @property
    def tools(self) -> tuple[str, ...]:
        """All that such a task may need."""
        return tuple(dict.fromkeys((*_ALWAYS, *self.beside, *self.defined_by)))

    @property
    def is_inquiry(self) -> bool:
        """Whether nothing may be changed."""
        return WRITES.isdisjoint(self.defined_by)


_ALL = (
    Scenario("order_cancellation", "cancel a pending order, for one of the two reasons", ("cancel_pending_order",)),
    Scenario(
        "order_modification",
        "get other variants of the same products in a pending order, or have it sent elsewhere",
        ("modify_pending_order_items", "modify_pending_order_address"),
        _PRODUCTS,
    ),
    Scenario("item_return", "send items of a delivered order back", ("return_delivered_order_items",)),
    Scenario(
        "item_exchange",
        "exchange items of a delivered order for other variants of the same products",
        ("exchange_delivered_order_items",),
        _PRODUCTS,
    ),
    Scenario("address_change", "have another default address in their account", ("modify_user_address",)),
    Scenario("payment_update", "pay a pending order by another method", ("modify_pending_order_payment",)),
    Scenario("order_inquiry", "know something about orders that only their records tell", ("get_order_details",)),
    Scenario("product_inquiry", "know something about products that only their records tell", _PRODUCTS),
)
BY_KEY: Mapping[str, Scenario] = MappingProxyType({scenario.key: scenario for scenario in _ALL})
"""In the order in which ties are broken."""


def check_tools(tools: Collection[str] = TOOLS) -> None:
    """Refuse to begin where a scenario needs a tool that the shop has not."""
    if tuple(BY_KEY) != SCENARIOS:
        raise DefinitionError(f"the scenarios are {', '.join(BY_KEY)}, but the world's are {', '.join(SCENARIOS)}")
    for scenario in BY_KEY.values():
        missing = [name for name in scenario.tools if name not in tools]
        if missing:
            raise DefinitionError(f"the scenario {scenario.key} needs {', '.join(missing)}, which the shop has not")


def chosen_scenarios(names: Iterable[str] | None) -> tuple[str, ...]:
    """The keys that are meant, in the order in which ties are broken; all, where none is named."""
    wanted = tuple(dict.fromkeys(names or ()))
    for name in wanted:
        if name not in BY_KEY:
            raise UnknownNameError(f"no scenario {name!r}; {did_you_mean(name, BY_KEY)}")
    return wanted or tuple(BY_KEY)


class Schedule:
    """Says which scenario is next: the one that fewest tasks are of, ties by their order."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise UsageError("no scenario is left to make tasks of: the data holds no customer that fits any")
        self._keys = list(keys)
        self.accepted = Counter[str]()
        self._under_way = Counter[str]()

    def begin(self) -> str:
        """The next one; what is under way counts as accepted until it fails."""
        key = min(self._keys, key=lambda key: self.accepted[key] + self._under_way[key])
        self._under_way[key] += 1
        return key

    def begin_with(self, key: str) -> None:
        """The same, for a slot that an earlier run began."""
        self._under_way[key] += 1

    def end(self, key: str, *, accepted: bool) -> None:
        """A task of it was accepted, or never will be."""
        self._under_way[key] -= 1
        self.accepted[key] += accepted

    def drop(self, key: str) -> bool:
        """No more tasks of it can be had; whether there are others."""
        if len(self._keys) > 1 and key in self._keys:
            self._keys.remove(key)
        return self._keys != [key]


def is_diverse(counts: Mapping[str, int]) -> bool:
    """Whether no scenario makes up more than half."""
    return 2 * max(counts.values(), default=0) <= sum(counts.values())
