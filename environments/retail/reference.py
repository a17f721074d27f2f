"""How a reference solution goes: by its actions alone, or in a conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from agentgym.messages import ToolCall
from agentgym.tools import BadCall, Say, ToolAction
from environments.retail.database import RetailDB
from environments.retail.deeds import describe_deed
from environments.retail.desk import TERMINAL, WRITES
from environments.retail.task import Action, RetailTask
from environments.retail.telling import is_value

Move = ToolAction | BadCall | Say
_SEARCH = "find_user_id_by_"
_WHO = "Happy to help. Could you tell me your e-mail address, or else your first name, last name and zip code?"
_ASK = "\n\nShall I go ahead (yes/no)?"


Parse = Callable[[ToolCall], ToolAction | BadCall]


def act_first(task: RetailTask, actions: Sequence[Action], db: RetailDB, parse: Parse) -> Iterator[Move]:
    """Carry all out before a word is said, for the customer may stop at the first; tell all, and hand over last."""
    calls = [parse(ToolCall(action.name, action.kwargs)) for action in actions if action.name != TERMINAL]
    last = [parse(ToolCall(action.name, action.kwargs)) for action in actions if action.name == TERMINAL]
    yield from calls
    if task.outputs or not last:
        yield Say("\n".join(task.outputs) or "That is done.")
    yield from last[:1]


def talk_through(task: RetailTask, actions: Sequence[Action], db: RetailDB, parse: Parse) -> Iterator[Move]:
    """Ask who it is, look them up, say what will be done, wait for the yes, do it, tell what must be told, part."""
    yield Say(_WHO)
    if not any(action.name.startswith(_SEARCH) for action in actions):
        yield from map(parse, _search(task, db))
    acts = [action for action in actions if action.name != TERMINAL]
    first_write = next((place for place, action in enumerate(acts) if action.name in WRITES), len(acts))
    for place, action in enumerate(acts):
        if place == first_write:
            yield Say(_proposal(acts, db))
        yield parse(ToolCall(action.name, action.kwargs))
    yield from _ending(task, actions, parse)


def _search(task: RetailTask, db: RetailDB) -> Iterator[ToolCall]:
    user = db.users.get(task.user_id)
    if user is None:
        return
    if user["email"] in task.instruction:
        yield ToolCall(f"{_SEARCH}email", {"email": user["email"]})
        return
    name = user["name"]
    found_by = {"first_name": name["first_name"], "last_name": name["last_name"], "zip": user["address"]["zip"]}
    yield ToolCall(f"{_SEARCH}name_zip", {**found_by})


def _proposal(actions: Sequence[Action], db: RetailDB) -> str:
    deeds = [describe_deed(action.name, action.kwargs, db) for action in actions if action.name in WRITES]
    return "\n".join(("I will:", *(f"- {deed}" for deed in deeds))) + _ASK


def _ending(task: RetailTask, actions: Sequence[Action], parse: Parse) -> Iterator[Move]:
    values = [output for output in task.outputs if is_value(output)]
    # Sentences are told one by one: where words are compared, others beside them would not be like them.
    yield from (Say(output) for output in task.outputs if not is_value(output))
    last = next((action for action in actions if action.name == TERMINAL), None)
    if last is None:
        yield Say("\n".join((*values, "That is all done. Is there anything else?")))
    else:
        yield Say("\n".join((*values, "I am handing you over to a human agent.")))
        yield parse(ToolCall(last.name, last.kwargs))
