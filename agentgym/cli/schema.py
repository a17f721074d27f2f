"""`agentgym schema NAME [ENV]`: JSON Schemas of records, and of an environment's tasks, observations and actions."""

from __future__ import annotations

import argparse
import json
from typing import Any

from pydantic import TypeAdapter

from agentgym.cli.options import add_environment, make_env
from agentgym.cli.output import write
from agentgym.env import Env
from agentgym.episode import Episode, StepRecord
from agentgym.errors import UsageError
from agentgym.limits import Limits
from agentgym.messages import Message, ToolCall, Turn, Usage
from agentgym.steps import Observation, Task
from agentgym.toolenv import ToolEnv
from agentgym.tools import ToolError, ToolSpec

_RECORDS: dict[str, Any] = {
    "episode": Episode,
    "turn": Turn,
    "message": Message,
    "tool-call": ToolCall,
    "tool-spec": ToolSpec,
    "tool-error": ToolError,
    "step": StepRecord,
    "usage": Usage,
    "limits": Limits,
}
_BASES: dict[str, Any] = {"task": Task, "observation": Observation}
_OF_ENVIRONMENTS = ("task", "observation", "action")


def configure(parser: argparse.ArgumentParser) -> None:
    """What to describe."""
    names = [*_OF_ENVIRONMENTS, *_RECORDS]
    parser.add_argument("name", metavar="NAME", choices=names, help=f"one of: {', '.join(names)}")
    add_environment(parser, nargs="?")


def run(args: argparse.Namespace) -> int:
    """Print the schema."""
    schema = TypeAdapter(_described(args)).json_schema()
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    write(json.dumps({**dialect, **schema}, indent=2, ensure_ascii=False))
    return 0


def _described(args: argparse.Namespace) -> Any:
    if args.environment is not None:
        return _of_environment(args.name, make_env(args))
    if args.name == "action":
        raise UsageError("every environment has actions of its own; name one: agentgym schema action ENV")
    return _BASES.get(args.name) or _RECORDS[args.name]


def _of_environment(name: str, env: Env[Any, Any, Any]) -> Any:
    if name not in _OF_ENVIRONMENTS:
        raise UsageError(f"the schema of {name!r} is the same everywhere; leave the environment out")
    if name == "action":
        return env.action_model()
    if name == "task":
        return env.task_type
    return env.observation_type | ToolError if isinstance(env, ToolEnv) else env.observation_type
