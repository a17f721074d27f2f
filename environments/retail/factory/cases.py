"""The tasks of a file as they are tested."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from agentgym.errors import DataFileError, one_line
from agentgym.jsontext import mend_text
from environments.retail.database import RetailDB
from environments.retail.desk import perform
from environments.retail.factory.checks.scenario import scenario_of
from environments.retail.factory.envelope import Blueprint, Call
from environments.retail.factory.files import StoredTask, read_tasks
from environments.retail.factory.normalise import normalize_arguments
from environments.retail.state import State
from environments.retail.task import RetailTask
from environments.retail.typed import TypedRetailEnv


@dataclass(frozen=True, slots=True)
class Case:
    """One task to be tested."""

    id: str
    blueprint: Blueprint
    """With its calls in the form that the tools ask for."""
    task: RetailTask
    """As the environment plays it."""
    scenario: str | None = None
    """What it is about; None where its calls do not tell."""


def read_cases(path: str | Path, db: RetailDB) -> tuple[list[Case], int]:
    """The tasks of a file, and how many were left out because their maker says that they failed."""
    stored = read_tasks(path)
    kept = [task for task in stored if task.accepted]
    if not kept:
        raise DataFileError(f"{path}: none of its {len(stored)} tasks was accepted when it was made; make others")
    return [_stored_case(task, db) for task in kept], len(stored) - len(kept)


def cases_of(blueprints: Iterable[Blueprint], db: RetailDB) -> list[Case]:
    """Tasks that are at hand; they are numbered as those of files are."""
    return [case_of(blueprint, db, f"task_{number:03d}") for number, blueprint in enumerate(blueprints, 1)]


def case_of(blueprint: Blueprint, db: RetailDB, task_id: str) -> Case:
    """A task to be tested."""
    task_id = mend_text(task_id)
    neat = blueprint.model_copy(update={"agt": tuple(map(_normalised, blueprint.agt))})
    scenario = scenario_of(neat)
    task = neat.retail_task(task_id).model_copy(update={"tags": () if scenario is None else (scenario,)})
    if not task.user_id:
        task = task.model_copy(update={"user_id": _customer(neat.agt, db)})
    return Case(task_id, neat, task, scenario)


def _stored_case(stored: StoredTask, db: RetailDB) -> Case:
    try:
        return case_of(stored.blueprint, db, stored.id)
    except ValidationError as error:
        raise DataFileError(f"{stored.where}: not a task: {one_line(error)}") from None


def _normalised(call: Call) -> Call:
    tool = TypedRetailEnv.tools.get(call.name)
    if tool is None:
        return call
    arguments, _ = normalize_arguments(call.name, call.arguments, tool.spec.parameters)
    return call.model_copy(update={"arguments": arguments})


def _customer(calls: Sequence[Call], db: RetailDB) -> str:
    """Whom the calls find, or else whose order is the first they name."""
    state = State(db)
    searches = (call for call in calls if call.name.startswith("find_user_id_by_"))
    found = (perform(state, search.name, search.arguments) for search in searches)
    orders = (state.order(str(call.arguments.get("order_id"))) for call in calls)
    owners = (order["user_id"] for order in orders if order is not None)
    return next((outcome.text for outcome in found if not outcome.failed), "") or next(owners, "")
