"""The schemas that are printed describe what is written."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from agentgym.episode import SCHEMA_VERSION
from tests.agentgym.cli.conftest import Cli


@pytest.mark.parametrize("policy", ["oracle", "random", "idle"])
def test_a_record_fits_the_schema_of_episodes(cli: Cli, policy: str) -> None:
    schema = json.loads(cli("schema", "episode").out)
    assert schema["properties"]["schema_version"]["default"] == SCHEMA_VERSION
    record = json.loads(cli("play", "guess", "--policy", policy, "--seed", "1", "--json").out)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(record, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(record | {"outcome": "won"}, schema)


@pytest.mark.parametrize(
    "name",
    ["task", "observation", "turn", "message", "tool-call", "tool-spec", "tool-error", "step", "usage", "limits"],
)
def test_every_part_of_a_record_has_a_schema(cli: Cli, name: str) -> None:
    ran = cli("schema", name)
    assert (ran.code, ran.err) == (0, "")
    jsonschema.Draft202012Validator.check_schema(json.loads(ran.out))


def test_an_environment_has_schemas_of_its_own(cli: Cli, hilo: Path) -> None:
    task, observation, action = (
        json.loads(cli("schema", name, str(hilo)).out) for name in ("task", "observation", "action")
    )
    jsonschema.validate({"id": "a", "number": 3}, task)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"id": "a", "number": 101}, task)
    record = json.loads(cli("play", str(hilo), "--policy", "oracle", "--json").out)
    for turn in record["turns"]:
        for step in turn["steps"]:
            jsonschema.validate(step["observation"], observation)
            jsonschema.validate(step["action"], action)
