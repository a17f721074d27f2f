"""What tau2-bench's tools do, by their names."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps

from environments.retail import lookups
from environments.retail.desk import Tools
from environments.retail.refusal import Refusal
from environments.retail.state import State
from environments.retail.tau2 import changes


def _in_their_words(lookup: Callable[..., str]) -> Callable[..., str]:
    @wraps(lookup)
    def told(*args: object, **kwargs: object) -> str:
        try:
            return lookup(*args, **kwargs)
        except Refusal as refusal:
            raise Refusal(changes.in_their_words(str(refusal))) from None

    return told


def get_item_details(desk: State, /, item_id: str) -> str:
    product_id = desk.db.index.product_of_item.get(item_id)
    if product_id is None:
        raise Refusal("Item not found")
    return json.dumps(desk.db.products[product_id]["variants"][item_id])


_LOOKUPS = (
    lookups.calculate,
    lookups.find_user_id_by_email,
    lookups.find_user_id_by_name_zip,
    lookups.get_order_details,
    lookups.get_product_details,
    lookups.get_user_details,
    lookups.list_all_product_types,
    lookups.transfer_to_human_agents,
)
_CHANGES = (
    changes.cancel_pending_order,
    changes.exchange_delivered_order_items,
    changes.modify_pending_order_address,
    changes.modify_pending_order_items,
    changes.modify_pending_order_payment,
    changes.modify_user_address,
    changes.return_delivered_order_items,
)
TAU2_TOOLS: Tools = {
    **{function.__name__: _in_their_words(function) for function in _LOOKUPS},
    **{function.__name__: function for function in (get_item_details, *_CHANGES)},
}
TAU2_TOOLS_318: Tools = {**TAU2_TOOLS, "modify_pending_order_items": changes.modify_items_as_in_bug_318}
"""With the bug of changed items that get price and options of the last."""
