"""What customers want, put together to tasks that nobody can misunderstand, and that doing nothing does not solve."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from random import Random

from environments.retail.database import RetailDB
from environments.retail.desk import TERMINAL, WRITES, perform
from environments.retail.state import State
from environments.retail.task import Action, RetailTask
from environments.retail.world import inquiries, refusals, requests
from environments.retail.world.customer import Customer, action
from environments.retail.world.names import MOODS
from environments.retail.world.wish import SCENARIOS, Wish

Build = Callable[[Customer], Wish | None]
_INQUIRIES: dict[str, tuple[Build, ...]] = {
    "order_inquiry": (
        inquiries.ask_total,
        inquiries.ask_tracking,
        inquiries.ask_item_price,
        inquiries.ask_dearest,
        inquiries.ask_sum,
    ),
    "product_inquiry": (
        inquiries.ask_variant_price,
        inquiries.ask_cheapest,
        inquiries.ask_range,
        inquiries.ask_item_number,
    ),
}
_REQUESTS: dict[str, tuple[Build, ...]] = {
    "order_cancellation": (requests.cancel,),
    "order_modification": (requests.modify_items, requests.move_order, requests.move_and_modify),
    "item_return": (requests.take_back,),
    "item_exchange": (requests.exchange, requests.exchange, requests.exchange_for_second_choice),
    "address_change": (requests.move_house, requests.move_house_and_order),
    "payment_update": (requests.pay_otherwise,),
    **_INQUIRIES,
}
_REFUSALS: dict[str, tuple[Build, ...]] = {
    "order_cancellation": (
        refusals.cancel_too_late,
        refusals.cancel_for_another_reason,
        refusals.cancel_of_another,
    ),
    "order_modification": (
        refusals.modify_too_late,
        refusals.modify_into_another_product,
        refusals.move_too_late,
    ),
    "item_return": (refusals.return_too_early, refusals.refund_elsewhere),
    "item_exchange": (
        refusals.exchange_too_early,
        refusals.exchange_for_unavailable,
        refusals.exchange_for_another_product,
    ),
    "address_change": (refusals.move_friend,),
    "payment_update": (refusals.pay_too_late, refusals.pay_with_too_little),
    "order_inquiry": (refusals.ask_of_another,),
    "product_inquiry": (),
}
_BESIDE = tuple(build for scenario in SCENARIOS for build in _REQUESTS[scenario] if build is not inquiries.ask_dearest)
"""What is wanted besides; not which order cost most, which other changes may change."""
_SHAPES = {"single": 40, "several": 35, "forbidden": 25}
_ATTEMPTS = 200
"""After so many a scenario is given up: in a small world it may have no task left."""


def make_tasks(
    db: RetailDB, count: int, *, users: Sequence[str], seed: int = 0, prefix: str = "task"
) -> list[RetailTask]:
    """So many tasks of the users, each scenario as often as any other; fewer where the world holds no more."""
    drafts = _drafts(db, count, users, Random(f"tasks {seed} {prefix}"))
    return [draft.model_copy(update={"id": f"{prefix}-{number}"}) for number, draft in enumerate(drafts)]


def _drafts(db: RetailDB, count: int, users: Sequence[str], chance: Random) -> Iterator[RetailTask]:
    known: set[str] = set()
    scenarios = [*SCENARIOS] if users else []
    while count and scenarios:
        for scenario in tuple(scenarios):
            draft = next((found for found in _attempts(db, scenario, users, chance) if _key(found) not in known), None)
            if draft is None:
                scenarios.remove(scenario)
                continue
            known.add(_key(draft))
            yield draft
            count -= 1
            if not count:
                return


def _attempts(db: RetailDB, scenario: str, users: Sequence[str], chance: Random) -> Iterator[RetailTask]:
    shape = chance.choices(list(_SHAPES), list(_SHAPES.values()))[0]
    for _ in range(_ATTEMPTS):
        customer = Customer(db, chance.choice(users), chance)
        wishes = _wishes(customer, scenario, shape)
        draft = None if wishes is None else _draft(customer, scenario, wishes)
        if draft is not None:
            yield draft
        shape = chance.choice(list(_SHAPES))


def _wishes(customer: Customer, scenario: str, shape: str) -> list[Wish] | None:
    """All that a customer wants, the scenario's first; None where some of it does not fit."""
    chance = customer.chance
    if shape == "single":
        builds = [chance.choice(_REQUESTS[scenario])]
    elif shape == "several":
        builds = [chance.choice(_REQUESTS[scenario]), *_beside(scenario, chance, chance.choice((1, 1, 2)))]
    elif _REFUSALS[scenario] and chance.random() < 0.75:
        builds = [chance.choice(_REFUSALS[scenario]), *_beside(scenario, chance, chance.choice((0, 0, 1)))]
    else:
        builds = [chance.choice(_REQUESTS[scenario]), requests.hand_over]
    wishes = [wish for build in dict.fromkeys(builds) if (wish := build(customer)) is not None]
    return wishes if len(wishes) == len(builds) else None


def _beside(scenario: str, chance: Random, count: int) -> list[Build]:
    """More wishes; who only asks, only asks."""
    fitting = tuple(chain.from_iterable(_INQUIRIES.values())) if scenario in _INQUIRIES else _BESIDE
    return chance.sample(fitting, count)


def _draft(customer: Customer, scenario: str, wishes: Sequence[Wish]) -> RetailTask | None:
    """The task, without an id; None where it would not measure what it should."""
    search, told = _identify(customer)
    actions = _once([search, *chain.from_iterable(wish.actions for wish in wishes)])
    outputs = tuple(dict.fromkeys(chain.from_iterable(wish.outputs for wish in wishes)))
    moods = " and ".join(customer.chance.sample(MOODS, 2))
    instruction = f"{told} You are {moods}. {' '.join(wish.words for wish in wishes)}"
    if _clash(wishes) or not _measures(customer.db, instruction, actions, outputs):
        return None
    return RetailTask(
        id="",
        user_id=customer.user_id,
        instruction=instruction,
        actions=tuple(actions),
        outputs=outputs,
        tags=_tags(customer, scenario, wishes, outputs),
    )


def _identify(customer: Customer) -> tuple[Action, str]:
    """How they are found, and what they know of themselves."""
    first, last = customer.user["name"]["first_name"], customer.user["name"]["last_name"]
    if customer.chance.random() < 0.5:
        email = customer.user["email"]
        told = f"Your name is {first} {last} and your e-mail address is {email}."
        return action("find_user_id_by_email", email=email), told
    zip = customer.user["address"]["zip"]
    told = f"Your name is {first} {last} and your zip code is {zip}."
    return action("find_user_id_by_name_zip", first_name=first, last_name=last, zip=zip), told


def _clash(wishes: Sequence[Wish]) -> bool:
    """Whether it matters which of two wishes comes last: who moves must move once, and want no former address."""
    traits = [trait for wish in wishes for trait in wish.traits]
    moves = sum(act.name == "modify_user_address" for wish in wishes for act in wish.actions)
    return moves > 1 or (moves == 1 and "default-address" in traits)


def _once(actions: Sequence[Action]) -> list[Action]:
    """Each lookup where it is needed first."""
    return [act for place, act in enumerate(actions) if act.name in WRITES or act not in actions[:place]]


def _tags(customer: Customer, scenario: str, wishes: Sequence[Wish], outputs: Sequence[str]) -> tuple[str, ...]:
    traits = set(chain.from_iterable(wish.traits for wish in wishes))
    if len(wishes) > 1 or traits & {"several-changes", "condition"}:
        traits.add("multi-step")
    if customer.orders_taken > 1:
        traits.add("several-orders")
    if outputs:
        traits.add("outputs")
    shown = ("multi-step", "several-orders", "forbidden", "transfer", "outputs")
    return (scenario, *(trait for trait in shown if trait in traits))


def _measures(db: RetailDB, instruction: str, actions: Sequence[Action], outputs: Sequence[str]) -> bool:
    """Whether all actions work, in either order of what is independent, and neither silence nor an echo is enough."""
    done = _carried_out(db, actions)
    if done is None or not (outputs or done.difference()):
        return False
    turned = _carried_out(db, _other_order(actions))
    heard = instruction.lower().replace(",", "")
    return turned == done and not any(output.lower() in heard for output in outputs)


def _carried_out(db: RetailDB, actions: Sequence[Action]) -> State | None:
    """The shop after the actions; None where one of them fails."""
    state = State(db)
    outcomes = (perform(state, act.name, act.kwargs) for act in actions if act.name != TERMINAL)
    return None if any(outcome.failed for outcome in outcomes) else state


def _other_order(actions: Sequence[Action]) -> list[Action]:
    """The changes, those of the last order first; what belongs to one order keeps its order."""
    orders = dict.fromkeys(str(act.kwargs.get("order_id")) for act in actions if act.name in WRITES)
    return [
        act
        for order in reversed(list(orders))
        for act in actions
        if act.name in WRITES and str(act.kwargs.get("order_id")) == order
    ]


def _key(draft: RetailTask) -> str:
    """Equal for tasks that want the same."""
    return f"{draft.user_id} {draft.actions} {draft.outputs}"
