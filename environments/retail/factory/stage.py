"""The shop as tasks are tested in it."""

from __future__ import annotations

from dataclasses import replace

from environments.retail.database import RetailDB
from environments.retail.desk import WRITES
from environments.retail.factory.enhance import EnhancedSession
from environments.retail.scoring import Score
from environments.retail.state import State
from environments.retail.task import RetailTask
from environments.retail.telling import facts_told, is_value
from environments.retail.typed import TypedRetailEnv
from environments.retail.users.query import QueryUser
from environments.retail.users.user import User

ENHANCED = "enhanced_query"
"""What a rewritten request is called in the first step's info."""


class StagedRetailEnv(TypedRetailEnv, id="retail"):
    """The profile `typed`, where a task that measures nothing is solved by nobody.

    Such are those whose reference cannot be carried out, and those that an agent would solve that says and does
    nothing.
    """

    def __init__(self, data: RetailDB | None = None, *, user: User | None = None) -> None:
        super().__init__(data, scoring="facts", user=user or QueryUser())
        self.max_turns = None  # who tests says how many
        self._untold: str | None = None
        """A rewritten request that no step's info holds yet."""

    def score(self) -> Score:
        """The verdict on the episode so far."""
        verdict = super().score()
        return replace(verdict, told=False) if self.flaws(self.task) else verdict

    def _is_idle(self, task: RetailTask, after: State) -> bool:
        counted = task.outputs
        if any(action.name in WRITES for action in task.actions):
            counted = tuple(output for output in counted if is_value(output))
        return not after.difference() and all(facts_told(counted, [""]).values())

    async def _first_line(self, task: RetailTask) -> str:
        opening = await super()._first_line(task)
        customer = self._customer
        self._untold = customer.rewritten if isinstance(customer, EnhancedSession) else None
        return opening

    def _note_usage(self) -> None:
        super()._note_usage()
        untold, self._untold = self._untold, None
        if untold is not None:
            self.note(**{ENHANCED: untold})
