"""Strict validation of arguments against an outside verdict: calls that another system's schemas accept or refuse."""

from __future__ import annotations

import gzip
import inspect
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from types import new_class
from typing import Any

import pytest

from agentgym import Observation, Task, ToolAction, ToolCall, ToolEnv, tool
from agentgym.jsontext import mend_text
from agentgym.sampling import sample_json

TYPES: dict[str, type] = {"string": str, "array<string>": list[str]}


def method(spec: dict[str, Any]) -> Callable[..., Awaitable[str]]:
    async def run(self: object, **arguments: object) -> str:
        return ""

    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=TYPES[kind])
        for name, kind in spec["parameters"].items()
    ]
    run.__name__ = spec["name"]
    run.__annotations__ = {**{item.name: item.annotation for item in parameters}, "return": str}
    me = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    run.__signature__ = inspect.Signature([me, *parameters])  # type: ignore[attr-defined]
    return run


@pytest.fixture(scope="module")
def retail(outside_data: Callable[[str], Path]) -> ToolEnv[Task, Observation]:
    """An environment with the outside system's tools, and nothing behind them."""
    specs = json.loads((outside_data("tau_retail") / "tools.json").read_text())
    body = {spec["name"]: tool(method(spec)) for spec in specs}
    cls = new_class("Retail", (ToolEnv[Task, Observation],), exec_body=lambda namespace: namespace.update(body))
    env: ToolEnv[Task, Observation] = cls()
    return env


def recorded_calls(folder: Path) -> list[dict[str, Any]]:
    with gzip.open(folder / "golden_fuzz.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [call for line in lines for call in json.loads(line)["calls"]]


def is_text(call: dict[str, Any]) -> bool:
    """Whether UTF-8 can hold the arguments; a lone surrogate is text to the other system, and to no encoder."""
    return mend_text(json.dumps(call["kwargs"], ensure_ascii=False)) == json.dumps(call["kwargs"], ensure_ascii=False)


def test_the_verdict_on_every_recorded_call_is_the_same(
    retail: ToolEnv[Task, Observation], outside_data: Callable[[str], Path]
) -> None:
    calls = recorded_calls(outside_data("tau_retail"))
    known = [call for call in calls if call["name"] in retail.tools]
    for call in known:
        parsed = retail.parse_call(ToolCall.from_text(call["name"], json.dumps(call["kwargs"])))
        assert isinstance(parsed, ToolAction) == (call["schema_valid"] and is_text(call)), call
    assert {call["schema_valid"] for call in known} == {True, False}, "both verdicts occur, or this proves nothing"
    assert len(known) > 1000


def test_random_arguments_are_valid_for_every_outside_tool(retail: ToolEnv[Task, Observation]) -> None:
    for name, found in retail.tools.items():
        for seed in range(20):
            arguments = sample_json(found.parameters, Random(seed))
            assert isinstance(retail.parse_call(ToolCall.from_text(name, json.dumps(arguments))), ToolAction)
