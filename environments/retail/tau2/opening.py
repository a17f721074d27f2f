"""The shop as a task begins."""

from __future__ import annotations

from agentgym.errors import DataFileError
from environments.retail.desk import perform
from environments.retail.state import State
from environments.retail.tau2.desk import TAU2_TOOLS
from environments.retail.tau2.task import Tau2Task
from environments.retail.tau2.world import Tau2DB


def world_of(task: Tau2Task, db: Tau2DB) -> Tau2DB:
    """The world that a task begins in."""
    data = task.initial_state.data if task.initial_state is not None else {}
    try:
        return db.changed_by(data) if data else db
    except DataFileError as error:
        raise DataFileError(f"initialization_data.agent_data: {error}") from None


def opening_state(task: Tau2Task, world: Tau2DB, *, fixed_refunds: bool = False) -> State:
    """What the calls make of the world that come before the episode."""
    state = State(world, fixed_refunds=fixed_refunds)
    for call in task.initial_state.calls if task.initial_state is not None else ():
        outcome = perform(state, call.name, call.kwargs, tools=TAU2_TOOLS)
        if outcome.failed:
            told = outcome.text if call.name in TAU2_TOOLS else f"there is no tool {call.name!r}"
            raise DataFileError(f"{call.name}: cannot be done before the episode: {told}")
    return state
