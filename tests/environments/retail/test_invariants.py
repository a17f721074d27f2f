"""Whatever an agent does, nothing is raised, the shop stays sound, and it is as if all were written into a copy."""

from __future__ import annotations

import asyncio
import copy
from collections import Counter
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from agentgym import ToolCall
from agentgym.tools import Say, ToolError
from environments.retail.database import RetailDB
from environments.retail.env import Profile, RetailEnv
from environments.retail.task import RetailTask

T = TypeVar("T")
TASK = RetailTask(id="t", user_id="ada_ito_1000", instruction="You want to cancel #W1.", outputs=["never told"])
NEXT = {
    "pending": {"pending", "cancelled", "pending (item modified)"},
    "delivered": {"delivered", "return requested", "exchange requested"},
}
"""Which status may follow which; all others are final."""

orders = st.sampled_from(["#W1", "#W2", "#W3", "#W4", "#W5", "#W9"])
items = st.lists(st.sampled_from(["m1", "m2", "m3", "c1", "c2", "m9"]), max_size=3)
methods = st.sampled_from(["gift_card_1", "credit_card_1", "paypal_2", "gift_card_2", "none"])
users = st.sampled_from(["ada_ito_1000", "ben_ray_2000", "nobody"])
words = st.sampled_from(["", "CA", "00001", "00002", "Zürich"])  # not 00003, where a namesake lives
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    **{"order_id": orders, "item_ids": items, "new_item_ids": items, "payment_method_id": methods, "user_id": users},
    **dict.fromkeys(("address1", "address2", "city", "state", "country", "zip", "first_name", "last_name"), words),
    "reason": st.sampled_from(["no longer needed", "ordered by mistake", "other"]),
    "email": st.sampled_from(["ada.ito@example.com", "CYD@example.com", ""]),
    "expression": st.sampled_from(["1 + 1", "9**9**9", "1/0", "(", "__import__"]),
    "product_id": st.sampled_from(["p1", "p9"]),
    "thought": words,
}
hostile = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), orders, methods),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)
TOOLS = [name for name in RetailEnv.tools if name != "transfer_to_human_agents"]


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A call of any tool with arguments of the right types."""
    found = RetailEnv.tools[draw(st.sampled_from(TOOLS))]
    named: Any = found.spec.parameters.get("properties", {})
    return found.name, {name: draw(FIELDS[name]) for name in named}


class Episodes(RuleBasedStateMachine):
    """One episode, and a fork of it that is told the same by way of records."""

    tables: ClassVar[dict[str, Any]]
    profile: ClassVar[Profile]

    @initialize(fixed=st.booleans())
    def open(self, fixed: bool) -> None:
        self.runner = asyncio.Runner()
        self.config: dict[str, Any] = {"profile": self.profile, "user": "rules", "fixed_refunds": fixed}
        self.db = RetailDB(**copy.deepcopy(self.tables))
        self.env = self.begun(self.db)
        self.twin = self.env.fork()
        self.untouched = self.env.state_hash()

    def begun(self, db: RetailDB) -> RetailEnv:
        env = RetailEnv(db, **self.config)
        env.max_turns = None
        self.run(env.reset(TASK, seed=1))
        return env

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.close()

    def copied(self) -> RetailDB:
        """A world of its own, with the changes written into it."""
        state = self.env.state
        changed = {"orders": {**state.db.orders, **state.orders}, "users": {**state.db.users, **state.users}}
        return RetailDB(**copy.deepcopy({**changed, "products": state.db.products}))

    @rule(call=calls())
    def call(self, call: tuple[str, dict[str, Any]]) -> None:
        name, arguments = call
        plain = self.begun(self.copied())
        before, statuses = self.env.state_hash(), self.statuses(self.env)
        assert plain.state_hash() == before
        told = self.run(self.env.call(name, arguments)).observation
        assert told == self.run(plain.call(name, arguments)).observation
        assert self.env.state_hash() == plain.state_hash()
        assert getattr(told, "changed", False) == (self.env.state_hash() != before)
        for order_id, status in self.statuses(self.env).items():
            assert status in NEXT.get(statuses[order_id], {statuses[order_id]})
        self.retold(name, arguments)

    @rule(name=st.sampled_from([*TOOLS, "nonsense"]), data=st.data())
    def nonsense(self, name: str, data: st.DataObject) -> None:
        """A call with anything at all; in a fork, as the profile `compat` may keep what no other shop would."""
        keys = st.sampled_from([*FIELDS, "desk", "self", ""])
        arguments = data.draw(st.dictionaries(keys, hostile, max_size=6))
        tried = self.env.fork()
        before = tried.state_hash()
        told = self.run(tried.call(name, arguments)).observation
        assert isinstance(told.text, str)
        assert getattr(told, "changed", False) == (tried.state_hash() != before)
        if self.profile == "typed" and isinstance(told, ToolError):
            assert tried.state_hash() == before

    @rule(text=st.sampled_from(["", "Who are you?", "Shall I cancel #W1 (yes/no)?", "One moment.", "\x00"]))
    @precondition(lambda self: not self.env.over)
    def speak(self, text: str) -> None:
        before = self.env.state_hash()
        said = [self.run(env.step(Say(text))).observation for env in (self.env, self.twin)]
        assert said[0] == said[1]
        assert self.env.state_hash() == before
        if self.env.over:
            assert self.env.reward == 0.0
            self.env = self.begun(self.db)
            self.twin = self.env.fork()

    def retold(self, name: str, arguments: dict[str, Any]) -> None:
        action = self.env.parse_call(
            self.env.compose(self.twin.load_action(self.dumped(name, arguments))).tool_calls[0]
        )
        self.run(self.twin.step(action))

    def dumped(self, name: str, arguments: dict[str, Any]) -> Any:

        return self.env.dump_action(self.env.parse_call(ToolCall(name, arguments)))

    def statuses(self, env: RetailEnv) -> dict[str, str]:
        return {order_id: (env.state.order(order_id) or order)["status"] for order_id, order in env.db.orders.items()}

    @invariant()
    def what_was_told_again_came_to_the_same(self) -> None:
        assert self.env.state == self.twin.state
        assert self.env.state_hash() == self.twin.state_hash()

    @invariant()
    def scoring_is_pure_and_the_shared_world_as_it_was(self) -> None:
        before = self.env.state_hash()
        assert self.env.score().reward == 0.0, "the output was never told"
        assert self.env.score().state == (before == self.untouched)
        assert self.env.state_hash() == before
        assert {"users": self.db.users, "orders": self.db.orders, "products": self.db.products} == self.tables

    @invariant()
    def the_shop_is_sound(self) -> None:
        state = self.env.state
        for order_id, record in self.db.orders.items():
            order = state.order(order_id) or record
            owner = state.user(order["user_id"]) or self.db.users[order["user_id"]]
            assert order["user_id"] == record["user_id"]
            assert order_id in owner["orders"]
            products = [Counter(item["product_id"] for item in held["items"]) for held in (order, record)]
            assert products[0] == products[1], "an item stays of its product"
            assert {entry["payment_method_id"] for entry in order["payment_history"]} <= set(owner["payment_methods"])
            assert all(method.get("balance", 0) >= 0 for method in owner["payment_methods"].values())


@pytest.mark.parametrize("profile", ["compat", "typed"])
def test_any_sequence_of_calls_leaves_a_sound_shop(tables: dict[str, Any], profile: Profile) -> None:
    machine = type("Played", (Episodes,), {"tables": tables, "profile": profile})
    run_state_machine_as_test(machine, settings=settings(max_examples=30, stateful_step_count=12, deadline=None))
