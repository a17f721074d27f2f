"""The tools as agents are told of them."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, get_type_hints

from pydantic import Field

from agentgym.toolenv import ToolEnv
from agentgym.tools import BadCall, Say, Tool, ToolAction, ToolError, tool
from environments.retail.desk import TERMINAL
from environments.retail.observations import ToolResult, UserLine
from environments.retail.state import REASONS
from environments.retail.task import RetailTask

OrderId = Annotated[str, Field(description="the order's id, such as '#W0000000'; mind the '#'")]
ItemIds = Annotated[list[str], Field(description="ids of items of the order; one that is meant twice stands twice")]
NewItemIds = Annotated[
    list[str], Field(description="ids of the variants to get instead, in the order of the items they replace")
]
PaymentMethodId = Annotated[
    str, Field(description="id of a payment method of the customer, such as 'gift_card_0000000'; see their details")
]
Reason = Annotated[str, Field(description="why the customer cancels", json_schema_extra={"enum": list(REASONS)})]
UserId = Annotated[str, Field(description="the user's id, such as 'sara_doe_496'")]
Address1 = Annotated[str, Field(description="first line of the address, such as '123 Main Street'")]
Address2 = Annotated[str, Field(description="second line of the address, such as 'Apt 1', or ''")]
City = Annotated[str, Field(description="such as 'San Francisco'")]
Region = Annotated[str, Field(description="such as 'CA'")]
Country = Annotated[str, Field(description="such as 'USA'")]
Zip = Annotated[str, Field(description="such as '12345'")]
Shown = ToolResult | ToolError


OwnerId = Annotated[str | None, Field(description="id of the user whose order it must be")]
OWNER = "user_id"
"""What order tools of the profile `typed` take besides."""

_TYPED = ("environments.retail.typed", "TypedRetailEnv")
"""Where such tools stand, for pickle to find their actions again."""


class RetailTools(ToolEnv[RetailTask, UserLine | ToolResult]):
    """The sixteen tools; what they do is `_result`'s affair."""

    last_tool: str | None
    """The tool that ends the conversation; None where only the customer can."""

    @tool(readonly=True)
    def calculate(
        self, expression: Annotated[str, Field(description="digits, + - * / ( ) . and spaces, such as '2 * (3 + 4)'")]
    ) -> Shown:
        """Work out a sum, rounded to cents."""
        return self._result("calculate", expression=expression)

    @tool
    def cancel_pending_order(self, order_id: OrderId, reason: Reason) -> Shown:
        """Cancel a pending order, which pays back what was paid. The customer must have agreed to the details."""
        return self._result("cancel_pending_order", order_id=order_id, reason=reason)

    @tool
    def exchange_delivered_order_items(
        self, order_id: OrderId, item_ids: ItemIds, new_item_ids: NewItemIds, payment_method_id: PaymentMethodId
    ) -> Shown:
        """Exchange items of a delivered order for variants of the same products; once per order.

        The customer must have agreed to the details."""
        return self._result(
            "exchange_delivered_order_items",
            order_id=order_id,
            item_ids=item_ids,
            new_item_ids=new_item_ids,
            payment_method_id=payment_method_id,
        )

    @tool(readonly=True)
    def find_user_id_by_email(
        self, email: Annotated[str, Field(description="such as 'somebody@example.com'")]
    ) -> Shown:
        """Find a user's id by their e-mail address."""
        return self._result("find_user_id_by_email", email=email)

    @tool(readonly=True)
    def find_user_id_by_name_zip(
        self,
        first_name: Annotated[str, Field(description="such as 'Sara'")],
        last_name: Annotated[str, Field(description="such as 'Doe'")],
        zip: Zip,
    ) -> Shown:
        """Find a user's id by name and zip code, for those who cannot say their e-mail address."""
        return self._result("find_user_id_by_name_zip", first_name=first_name, last_name=last_name, zip=zip)

    @tool(readonly=True)
    def get_order_details(self, order_id: OrderId) -> Shown:
        """Look an order up: status, items, payments, address."""
        return self._result("get_order_details", order_id=order_id)

    @tool(readonly=True)
    def get_product_details(
        self, product_id: Annotated[str, Field(description="the product's id, which is not an item's")]
    ) -> Shown:
        """Look a product up: all its variants with options, price and whether they are available."""
        return self._result("get_product_details", product_id=product_id)

    @tool(readonly=True)
    def get_user_details(self, user_id: UserId) -> Shown:
        """Look a user up: name, addresses, payment methods, orders."""
        return self._result("get_user_details", user_id=user_id)

    @tool(readonly=True)
    def list_all_product_types(self) -> Shown:
        """List all kinds of products with their product ids."""
        return self._result("list_all_product_types")

    @tool
    def modify_pending_order_address(
        self,
        order_id: OrderId,
        address1: Address1,
        address2: Address2,
        city: City,
        state: Region,
        country: Country,
        zip: Zip,
    ) -> Shown:
        """Change where a pending order is sent. The customer must have agreed to the details."""
        where = {"address1": address1, "address2": address2, "city": city, "state": state, "country": country}
        return self._result("modify_pending_order_address", order_id=order_id, **where, zip=zip)

    @tool
    def modify_pending_order_items(
        self, order_id: OrderId, item_ids: ItemIds, new_item_ids: NewItemIds, payment_method_id: PaymentMethodId
    ) -> Shown:
        """Change items of a pending order into variants of the same products; once per order, and last.

        The customer must have agreed to the details."""
        return self._result(
            "modify_pending_order_items",
            order_id=order_id,
            item_ids=item_ids,
            new_item_ids=new_item_ids,
            payment_method_id=payment_method_id,
        )

    @tool
    def modify_pending_order_payment(self, order_id: OrderId, payment_method_id: PaymentMethodId) -> Shown:
        """Pay a pending order in another way. The customer must have agreed to the details."""
        return self._result("modify_pending_order_payment", order_id=order_id, payment_method_id=payment_method_id)

    @tool
    def modify_user_address(
        self,
        user_id: UserId,
        address1: Address1,
        address2: Address2,
        city: City,
        state: Region,
        country: Country,
        zip: Zip,
    ) -> Shown:
        """Change a user's default address. The customer must have agreed to the details."""
        where = {"address1": address1, "address2": address2, "city": city, "state": state, "country": country}
        return self._result("modify_user_address", user_id=user_id, **where, zip=zip)

    @tool
    def return_delivered_order_items(
        self, order_id: OrderId, item_ids: ItemIds, payment_method_id: PaymentMethodId
    ) -> Shown:
        """Take items of a delivered order back. The customer must have agreed to the details."""
        return self._result(
            "return_delivered_order_items", order_id=order_id, item_ids=item_ids, payment_method_id=payment_method_id
        )

    @tool(readonly=True)
    def think(self, thought: Annotated[str, Field(description="what goes through your mind")]) -> Shown:
        """Note a thought; it changes nothing and nobody reads it."""
        return self._result("think", thought=thought)

    @tool
    def transfer_to_human_agents(
        self, summary: Annotated[str, Field(description="what the customer wants and what was done")]
    ) -> Shown:
        """Hand the customer over to a human agent, where their request lies outside what you can do."""
        shown = self._result(TERMINAL, summary=summary)
        if self.last_tool == TERMINAL:
            self._conclude()
        return shown

    def _batches(self, actions: Sequence[ToolAction | BadCall | Say]) -> Iterator[Sequence[ToolAction | BadCall | Say]]:
        """One by one, though lookups could run side by side: they wait for nothing, and their order is reported."""
        return ([action] for action in actions)

    @abstractmethod
    def _result(self, name: str, **arguments: object) -> Shown:
        """Carry a call out."""

    @abstractmethod
    def _conclude(self) -> None:
        """Score the episode and end it."""


def owned(base: Tool[..., Shown], **more: Any) -> Tool[..., Shown]:
    """An order's tool that takes a `user_id` too; `more` gives parameters that may be left out another type."""

    def run(self: RetailTools, **arguments: object) -> Shown:
        return self._result(base.name, **arguments)

    optional = {**more, OWNER: OwnerId}
    known = inspect.signature(base.function).parameters
    kept = [parameter for name, parameter in known.items() if name not in optional]
    added = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in optional]
    run.__signature__ = inspect.Signature([*kept, *added])  # type: ignore[attr-defined]  # read by `inspect`
    run.__annotations__ = {**get_type_hints(base.function, include_extras=True), **optional}
    run.__name__, run.__doc__ = base.name, base.__doc__
    run.__module__, run.__qualname__ = _TYPED[0], f"{_TYPED[1]}.{base.name}"
    return tool(readonly=base.readonly)(run)
