"""Whether one customer is served, and can be found by what they say."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue

from environments.retail.database import RetailDB
from environments.retail.factory.checks.entries import Entry
from environments.retail.factory.checks.replay import Replay


def consistency_entries(replay: Replay) -> Iterator[Entry]:
    """More than one user over all calls."""
    if len(replay.customers) > 1:
        named: list[JsonValue] = [*replay.customers]
        index = list(replay.customers.values())[1]
        message = f"the calls concern {len(named)} users: {', '.join(replay.customers)}; serve one"
        yield Entry("USER_ID_INCONSISTENT", "error", message, index, named, replay.calls[index].name)


def identity_entries(replay: Replay) -> Iterator[Entry]:
    """A request that does not say who makes it.

    Who names an order of theirs can be asked for the rest, so that is only doubtful.
    """
    db, user_id = replay.state.db, replay.user_id
    if user_id not in db.users or _identifies(replay.query, user_id, db):
        return
    user = db.users[user_id]
    names_order = any(_says(replay.query, order_id) for order_id in user["orders"])
    message = f"q holds neither the e-mail address of {user_id}, nor their name and zip code, nor their id"
    yield Entry("QUERY_UNIDENTIFIED", "warning" if names_order else "error", message, value=user_id)


def _identifies(query: str, user_id: str, db: RetailDB) -> bool:
    user = db.users[user_id]
    first, last = user["name"]["first_name"], user["name"]["last_name"]
    by_name = all(_says(query, part) for part in (first, last, user["address"]["zip"]))
    return by_name or _says(query, user["email"]) or _says(query, user_id)


def _says(query: str, part: str) -> bool:
    """Whether a part stands in it by itself, and not within another word."""
    text, wanted = query.casefold(), part.casefold()
    place = text.find(wanted)
    while place >= 0:
        around = text[place - 1 : place] if place else "", text[place + len(wanted) : place + len(wanted) + 1]
        if not any(character.isascii() and (character.isalnum() or character == "_") for character in around):
            return bool(wanted)
        place = text.find(wanted, place + 1)
    return False
