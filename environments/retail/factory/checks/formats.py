"""Whether what a model or a file gives is a task at all."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue

from environments.retail.factory.checks.entries import Entry
from environments.retail.factory.envelope import Blueprint, Call
from environments.retail.factory.files import read_given

MOST_CALLS = 20


def read_blueprint(given: Blueprint | JsonValue) -> tuple[Blueprint, tuple[Entry, ...]]:
    """The task as far as it can be read, and what is wrong with its form."""
    if isinstance(given, Blueprint):
        return given, tuple(_length_faults(given))
    named = read_given(given)
    if not isinstance(named, dict):
        fault = _fault("FORMAT_TASK", "a task is an object of q, agt and ogt", named)
        return Blueprint(q=""), (fault,)
    faults: list[Entry] = []
    query = named.get("q")
    calls = tuple(_calls(named["agt"], faults))
    outputs = tuple(_outputs(named["ogt"], faults))
    blueprint = Blueprint(q=query if isinstance(query, str) else "", agt=calls, ogt=outputs)
    if not isinstance(query, str):
        faults.insert(0, _fault("FORMAT_QUERY", "q must be text", query))
        return blueprint, (*faults, *_too_long(blueprint))
    return blueprint, (*_length_faults(blueprint), *faults)


def _length_faults(blueprint: Blueprint) -> Iterator[Entry]:
    if not blueprint.q.strip():
        yield _fault("FORMAT_QUERY", "q must say what the customer wants; it is empty", blueprint.q)
    yield from _too_long(blueprint)


def _too_long(blueprint: Blueprint) -> Iterator[Entry]:
    count = len(blueprint.agt)
    if count > MOST_CALLS:
        yield _fault("FORMAT_TOO_MANY_ACTIONS", f"agt holds {count} calls; {MOST_CALLS} is the most", count)


def _calls(listed: JsonValue, faults: list[Entry]) -> Iterator[Call]:
    if not isinstance(listed, list):
        faults.append(_fault("FORMAT_ACTIONS", "agt must be a list of {name, arguments}", listed))
        return
    for index, call in enumerate(listed):
        name = call.get("name") if isinstance(call, dict) else None
        arguments = call.get("arguments") if isinstance(call, dict) else None
        if isinstance(call, dict) and isinstance(name, str) and isinstance(arguments, dict):
            unknown = [key for key in call if key not in ("name", "arguments")]
            if not unknown:
                yield Call(name=name, arguments=arguments)
                continue
            message = f"a call has name and arguments, and no {', '.join(unknown)}"
        else:
            message = "a call must be {name: text, arguments: object}"
        faults.append(_fault("FORMAT_ACTION", message, call, index))


def _outputs(listed: JsonValue, faults: list[Entry]) -> Iterator[str]:
    if not isinstance(listed, list):
        faults.append(_fault("FORMAT_OUTPUTS", "ogt must be a list of texts", listed))
        return
    for output in listed:
        if isinstance(output, str):
            yield output
        else:
            faults.append(_fault("FORMAT_OUTPUTS", "ogt must hold texts only", output))


def _fault(code: str, message: str, value: JsonValue, index: int | None = None) -> Entry:
    return Entry(code, "error", message, index, value)
