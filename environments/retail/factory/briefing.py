"""Briefs and tools as models read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agentgym.jsontext import dump_json
from environments.retail.factory.envelope import Blueprint
from environments.retail.factory.prompts import prompt
from environments.retail.factory.sampling import Brief
from environments.retail.guidelines import POLICY
from environments.retail.typed import TypedRetailEnv


def brief_text(brief: Brief, name: str = "direct") -> str:
    """All that an author is told."""
    scenario = brief.scenario
    return prompt(
        name,
        scenario=scenario.key,
        about=scenario.about,
        defined_by=", ".join(scenario.defined_by),
        persona=brief.persona,
        policy=POLICY.strip(),
        tools=tools_text(scenario.tools),
        user=record_text({"user_id": brief.user_id, **brief.user}),
        orders="\n".join(map(record_text, brief.orders.values())) or "none",
        products="\n".join(map(record_text, brief.products.values())) or "none",
        examples="\n".join(map(task_text, brief.examples)) or "none",
    )


def tools_text(names: Iterable[str] | None = None) -> str:
    """Tools with their schemas, one a line; all, where none is named."""
    specs = {spec.name: spec for spec in TypedRetailEnv.tool_specs()}
    chosen = specs if names is None else dict.fromkeys(names)
    return "\n".join(record_text(_function(specs[name].wire())) for name in chosen if name in specs)


def task_text(task: Blueprint) -> str:
    """A task in one line."""
    return dump_json(task.model_dump(mode="json")).decode()


def record_text(record: Mapping[str, object]) -> str:
    """A record in one line."""
    return dump_json(dict(record)).decode()


def _function(wire: Mapping[str, object]) -> Mapping[str, object]:
    function = wire["function"]
    assert isinstance(function, dict)
    return function
