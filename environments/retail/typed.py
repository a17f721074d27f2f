"""The profile `typed`: arguments must fit, and order tools take more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agentgym.messages import JsonObject, Turn
from agentgym.tools import BadCall, Say, ToolAction
from environments.retail.desk import Outcome, perform
from environments.retail.env import Profile, RetailEnv
from environments.retail.state import REASONS, State
from environments.retail.task import RetailTask
from environments.retail.tools import OWNER, Reason, owned


class TypedRetailEnv(RetailEnv, id="retail"):
    """Customer service of an online shop, with arguments that must fit; what `RetailEnv(profile="typed")` makes."""

    profile: Profile = "typed"

    cancel_pending_order = owned(RetailEnv.cancel_pending_order, reason=Reason | None)
    exchange_delivered_order_items = owned(RetailEnv.exchange_delivered_order_items)
    get_order_details = owned(RetailEnv.get_order_details)
    modify_pending_order_address = owned(RetailEnv.modify_pending_order_address)
    modify_pending_order_items = owned(RetailEnv.modify_pending_order_items)
    modify_pending_order_payment = owned(RetailEnv.modify_pending_order_payment)
    return_delivered_order_items = owned(RetailEnv.return_delivered_order_items)

    def check_action(self, action: ToolAction | BadCall | Say) -> None:
        """Refuse what is no action; those made of `RetailEnv`'s tools are taken too."""
        super().check_action(_own_action(action))

    def dump_action(self, action: ToolAction | BadCall | Say) -> JsonObject:
        """The action as JSON, without what was left out."""
        dumped = super().dump_action(_own_action(action))
        if isinstance(action, ToolAction):
            dumped["arguments"] = _given(dumped["arguments"])
        return dumped

    def compose(self, action: ToolAction | BadCall | Say) -> Turn:
        """The turn that stands for an action, without what was left out."""
        turn = super().compose(_own_action(action))
        if not isinstance(action, ToolAction):
            return turn
        calls = tuple(replace(call, arguments=_given(call.arguments)) for call in turn.tool_calls)
        return replace(turn, tool_calls=calls)

    def _perform(self, state: State, name: str, arguments: Mapping[str, object]) -> Outcome:
        """Call a tool, unless the order is not that of the user who is named."""
        if "order_id" not in arguments:
            return perform(state, name, arguments)
        order, owner = state.order(str(arguments["order_id"])), arguments.get(OWNER)
        if owner is not None and order is not None and order["user_id"] != owner:
            return Outcome(f"Error: user_id: the order is not one of {owner}", failed=True)
        return perform(state, name, {key: value for key, value in arguments.items() if key != OWNER})

    def _carry_out_bad(self, state: State, action: BadCall) -> Outcome | None:
        """Refuse it, unless it nearly fits."""
        if action.kind == "unknown_tool":
            return perform(state, action.call.name, {})
        arguments = self._mended(action)
        return None if arguments is None else self._perform(state, action.call.name, arguments)

    def _fresh_state(self, task: RetailTask) -> State:
        return State(self.db, fixed_refunds=self._fixed_refunds, reasons=(*REASONS, None))

    def _compared(self, actual: State, expected: State) -> State:
        """The shop as it is, but for reasons of cancelling where the reference gives none."""
        compared = actual.fork()
        for order_id, order in expected.orders.items():
            given = compared.orders.get(order_id)
            if order.get("cancel_reason", "") is None and given is not None and "cancel_reason" in given:
                compared.orders[order_id] = {**given, "cancel_reason": None}
        return compared


def _own_action(action: ToolAction | BadCall | Say) -> ToolAction | BadCall | Say:
    """The action with arguments of this class's own type, where it was made of `RetailEnv`'s tools."""
    if not isinstance(action, ToolAction):
        return action
    base, own = RetailEnv.tools.get(action.tool), TypedRetailEnv.tools.get(action.tool)
    if base is None or own is None or base is own or type(action.arguments) is not base.arguments_type:
        return action
    return own.action(**vars(action.arguments))


def _given(arguments: Any) -> JsonObject:
    return {name: value for name, value in arguments.items() if value is not None}
