"""Who the customer is, and how they say so."""

from __future__ import annotations

import re
from collections.abc import Iterator

from environments.retail.database import RetailDB
from environments.retail.task import RetailTask

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_SEARCH = "find_user_id_by_"


class Identity:
    """What the customer says when asked who they are: at first as the task has it, later all there is."""

    def __init__(self, task: RetailTask, db: RetailDB) -> None:
        self.given = False
        """Whether it was said."""
        self._first = next(_from_searches(task), None) or _from_instruction(task, db)
        self._all = " ".join(dict.fromkeys(part for part in (self._first, *_from_records(task, db)) if part))

    def answer(self) -> str:
        """Who they are."""
        again, self.given = self.given, True
        return (self._all if again else self._first or self._all) or "I do not remember more than I told you."


def _from_searches(task: RetailTask) -> Iterator[str]:
    """What the reference looks the customer up by."""
    for action in task.actions:
        if action.name.startswith(_SEARCH):
            given = action.kwargs
            if given.get("email"):
                yield _by_email(str(given["email"]))
            elif given.get("first_name") and given.get("last_name"):
                yield _by_name(str(given["first_name"]), str(given["last_name"]), str(given.get("zip", "")))


def _from_instruction(task: RetailTask, db: RetailDB) -> str | None:
    email = _EMAIL.search(task.instruction)
    if email is not None and email[0].casefold() in db.index.user_of_email:
        return _by_email(email[0])
    return next(_from_records(task, db), None)


def _from_records(task: RetailTask, db: RetailDB) -> Iterator[str]:
    user = db.users.get(task.user_id)
    if user is not None:
        name = user["name"]
        yield _by_name(name["first_name"], name["last_name"], user["address"]["zip"])
        yield _by_email(user["email"])
        yield f"My user id is {task.user_id}."


def _by_name(first_name: str, last_name: str, zip: str) -> str:
    return f"My name is {first_name} {last_name}, and my zip code is {zip}."


def _by_email(email: str) -> str:
    return f"My e-mail address is {email}."
