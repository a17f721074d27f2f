"""Tool configurations of this lineage: other names and words for the tools, and a few settings.

Two shapes are read, alone or in a list under `tools`: `{name, tool_schema: {name, description, parameters: {key:
text}}, config}`, and `{class_name, config, tool_schema: {type: function, function: {name, description, parameters}}}`
with a JSON Schema. Of `config` the keys `default_timeout`, `max_debug_attempts` and `enable_debug_prints` count; where
programs run is said by the environment's `sandbox`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from agentgym.errors import DataFileError, UsageError, did_you_mean
from agentgym.messages import JsonObject
from agentgym.tools import ToolSpec
from agentgym.yamlfile import read_yaml

RUN, SUBMIT = "run_code", "submit"
Given = str | Path | Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class ToolWords:
    """What a tool is called, and what is said of it."""

    name: str
    description: str = ""
    """Empty: what the tool itself says."""
    parameters: Mapping[str, str] | None = None
    """The parameters a model is told of, each with what is said of it; None: all of them, in the tool's own words."""

    def told(self, spec: ToolSpec) -> ToolSpec:
        """The tool as a model is told of it."""
        properties, required = spec.parameters["properties"], spec.parameters.get("required", [])
        assert isinstance(properties, dict)
        assert isinstance(required, list)
        schema: JsonObject = dict(spec.parameters)
        if self.parameters is not None:
            schema["properties"] = {key: _described(properties[key], text) for key, text in self.parameters.items()}
            schema["required"] = [name for name in required if name in self.parameters]
        return ToolSpec(self.name, self.description or spec.description, schema)


@dataclass(frozen=True, slots=True)
class ToolConfig:
    """What a configuration says; None where it says nothing."""

    run: ToolWords = ToolWords(RUN)
    submit: ToolWords = ToolWords(SUBMIT)
    default_timeout_s: float | None = None
    max_debug_attempts: int | None = None
    debug_prints: bool | None = None


def read_tool_config(given: Given, specs: Mapping[str, ToolSpec]) -> ToolConfig:
    """Read a YAML or JSON file, or what one holds; `specs` are the tools as they are."""
    held = given if isinstance(given, Mapping) else read_yaml(given)
    where = "the tool config" if isinstance(given, Mapping) else str(given)
    if not isinstance(held, Mapping):
        raise DataFileError(f"{where}: is a mapping with `tool_schema`, or with a list of such under `tools`")
    listed = held.get("tools", [dict(held)])
    if not isinstance(listed, list) or not listed or not all(isinstance(entry, dict) for entry in listed):
        raise DataFileError(f"{where}: `tools` is a list of mappings with `tool_schema`")
    try:
        return _config([entry for entry in listed if isinstance(entry, dict)], specs)
    except UsageError as error:
        raise DataFileError(f"{where}: {error}") from None


def _config(entries: list[JsonObject], specs: Mapping[str, ToolSpec]) -> ToolConfig:
    words = [(_words(entry, specs), entry) for entry in entries]
    runs = [(told, entry) for told, entry in words if told.name != SUBMIT]
    submits = [told for told, _ in words if told.name == SUBMIT]
    if len(runs) > 1 or len(submits) > 1:
        names = ", ".join(told.name for told, _ in words)
        raise UsageError(f"names the tools {names}; one is to run programs, and besides it there is `{SUBMIT}` alone")
    run, entry = runs[0] if runs else (ToolWords(RUN), {})
    settings = _mapping(entry, "config")
    return ToolConfig(
        run,
        submits[0] if submits else ToolWords(SUBMIT),
        _number(settings, "default_timeout"),
        _count(settings, "max_debug_attempts"),
        _flag(settings, "enable_debug_prints"),
    )


def _words(entry: JsonObject, specs: Mapping[str, ToolSpec]) -> ToolWords:
    schema = _mapping(entry, "tool_schema")
    schema = _mapping(schema, "function") if "function" in schema else schema
    name = schema.get("name", entry.get("name"))
    if not isinstance(name, str) or not name:
        raise UsageError("`tool_schema` needs a `name`, a text")
    description = schema.get("description", "")
    if not isinstance(description, str):
        raise UsageError(f"the description of {name} is a text")
    if "parameters" not in schema:
        return ToolWords(name, description)
    return ToolWords(name, description, _parameters(name, schema, specs[SUBMIT if name == SUBMIT else RUN]))


def _parameters(name: str, schema: JsonObject, spec: ToolSpec) -> dict[str, str]:
    parameters = _mapping(schema, "parameters")
    if isinstance(parameters.get("properties"), dict):
        parameters = _mapping(parameters, "properties")
    known, required = spec.parameters["properties"], spec.parameters.get("required", [])
    assert isinstance(known, dict)
    assert isinstance(required, list)
    for key in parameters:
        if key not in known:
            raise UsageError(f"{name} takes no parameter {key!r}; {did_you_mean(key, known)}")
    missing = [str(key) for key in required if key not in parameters]
    if missing:
        raise UsageError(f"{name} needs the parameter {missing[0]!r} among its `parameters`")
    return {key: _text(name, key, told) for key, told in parameters.items()}


def _text(name: str, key: str, told: JsonValue) -> str:
    text = told.get("description", "") if isinstance(told, dict) else told
    if not isinstance(text, str):
        raise UsageError(f"what is said of {name}'s parameter {key!r} is a text, or a schema with a `description`")
    return text


def _described(schema: JsonValue, text: str) -> JsonValue:
    assert isinstance(schema, dict)
    return {**schema, "description": text} if text else schema


def _mapping(entry: JsonObject, key: str) -> JsonObject:
    found = entry.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise UsageError(f"`{key}` is a mapping, not {found!r:.60}")
    return found


def _number(settings: JsonObject, key: str) -> float | None:
    found = settings.get(key)
    if found is not None and (type(found) not in (int, float) or not 0 < float(str(found)) < float("inf")):
        raise UsageError(f"{key}={found!r}: a number of seconds above 0")
    return None if found is None else float(str(found))


def _count(settings: JsonObject, key: str) -> int | None:
    found = settings.get(key)
    if found is not None and (type(found) is not int or found < 1):
        raise UsageError(f"{key}={found!r}: a whole number of at least 1")
    return found if isinstance(found, int) else None


def _flag(settings: JsonObject, key: str) -> bool | None:
    found = settings.get(key)
    if found is not None and not isinstance(found, bool):
        raise UsageError(f"{key}={found!r}: true or false")
    return found
