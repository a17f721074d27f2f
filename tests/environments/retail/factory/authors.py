"""A policy that writes tasks as a function says, and tasks of the small shop for it to write."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from agentgym import Context, Conversation, Policy, Session, Turn

EMAIL = "ada.ito@example.com"
Q = f"Hello, my e-mail address is {EMAIL}. Please cancel order #W1, I no longer need it."
FIND = {"name": "find_user_id_by_email", "arguments": {"email": EMAIL}}
LOOK = {"name": "get_order_details", "arguments": {"order_id": "#W1"}}


def cancel(order_id: str = "#W1", reason: str = "no longer needed") -> dict[str, Any]:
    return {"name": "cancel_pending_order", "arguments": {"order_id": order_id, "reason": reason}}


def task(*calls: dict[str, Any], q: str = Q) -> str:
    return f"<thought>Let me see.</thought>\n<answer>{json.dumps({'q': q, 'agt': [FIND, *calls], 'ogt': []})}</answer>"


GOOD = task(LOOK, cancel())
INVENTED = task(LOOK, cancel("#W9"))
UNREASONED = task(LOOK, cancel(reason="bored"))


class Author(Policy):
    """Answers as a function of all that was said says, and remembers what it was asked."""

    def __init__(self, answer: Callable[[str], str]) -> None:
        self._answer = answer
        self.asked: list[list[str]] = []

    def start(self, context: Context) -> Session:
        return _Authoring(self)


class _Authoring(Session):
    def __init__(self, author: Author) -> None:
        self._author = author

    async def act(self, conversation: Conversation) -> Turn:
        self._author.asked.append([message.content for message in conversation])
        return Turn(self._author._answer("\n".join(message.content for message in conversation)))
