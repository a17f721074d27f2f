"""Tasks in other forms: for other programs, and to train on."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from pydantic import JsonValue

from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject
from agentgym.tools import ToolSpec
from environments.retail.factory.envelope import Blueprint
from environments.retail.typed import TypedRetailEnv

_TOLD = """\
You serve the customers of an online shop. Answer a request with one JSON object and nothing else: \
{"tool_calls": [{"name": ..., "arguments": {...}}, ...]}, the calls that grant it, in their order.

Tools; what ends with a question mark may be left out:
"""


def dataset_row(task_id: str, task: Blueprint) -> JsonObject:
    """What is asked, and what the right answer does and says."""
    return {"query": task.q, "gold_actions": _calls(task), "gold_final": list(task.ogt)}


def sft_row(task_id: str, task: Blueprint) -> JsonObject:
    """A conversation of one request, whose answer is the list of calls."""
    answer = dump_json({"tool_calls": _calls(task)}).decode()
    messages: list[JsonObject] = [
        {"role": "system", "content": instructions()},
        {"role": "user", "content": task.q},
        {"role": "assistant", "content": answer},
    ]
    return {"task_id": task_id, "messages": [*messages]}


def bare_row(task_id: str, task: Blueprint) -> JsonObject:
    """The task alone."""
    return {"id": task_id, **task.model_dump(mode="json")}


ROWS: dict[str, Callable[[str, Blueprint], JsonObject]] = {
    "dataset-jsonl": dataset_row,
    "sft": sft_row,
    "tasks": bare_row,
}


@cache
def instructions() -> str:
    """What the model is told before each request: how to answer, and which tools there are."""
    return _TOLD + "\n".join(_signature(spec) for spec in TypedRetailEnv.tool_specs())


def _signature(spec: ToolSpec) -> str:
    schema: Any = spec.parameters
    required = schema.get("required", ())
    names = (name if name in required else f"{name}?" for name in schema.get("properties", {}))
    return f"- {spec.name}({', '.join(names)}): {spec.description.splitlines()[0]}"


def _calls(task: Blueprint) -> list[JsonValue]:
    return [call.model_dump(mode="json") for call in task.agt]
