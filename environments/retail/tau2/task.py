"""What a customer wants, and by what an episode is scored, as tau2-bench has it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import JsonValue

from environments.retail.task import Action, RetailTask
from environments.retail.tau2.beginning import InitialState

Basis = Literal["DB", "COMMUNICATE", "ACTION", "NL_ASSERTION", "ENV_ASSERTION"]
"""What the reward is a product of: the state of the shop, what was told, which calls were made, a judge's opinion, and
assertions of functions, which the shop has none of."""
DEFAULT_BASIS: tuple[Basis, ...] = ("DB", "COMMUNICATE")


class Tau2Action(Action):
    """One call of the reference."""

    compare_args: tuple[str, ...] | None = None
    """By which a call is compared with it; all its arguments where nothing is said."""


class Tau2Task(RetailTask):
    """What a customer wants, how the shop looks when they got it, and what else is scored."""

    actions: tuple[Tau2Action, ...] = ()
    nl_assertions: tuple[str, ...] = ()
    """What a judge must find true of the conversation."""
    reward_basis: tuple[Basis, ...] = DEFAULT_BASIS
    initial_state: InitialState | None = None
    user_scenario: JsonValue = None
    """As the file has it; the instruction is made of it."""
    description: JsonValue = None
    """As the file has it; nobody who plays is told of it."""

    @classmethod
    def of(cls, task: RetailTask) -> Tau2Task:
        """A task of the other layout, without calls of tools that tau2-bench does not have."""
        if isinstance(task, Tau2Task):
            return task
        kept = [action.model_dump() for action in task.actions if action.name not in ("think", "respond")]
        fields: dict[str, Any] = {**task.model_dump(), "actions": kept}
        return cls.model_validate(fields)
