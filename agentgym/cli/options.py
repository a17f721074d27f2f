"""What several commands take: an environment with its settings, and numbers that must be positive."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from pydantic import BaseModel, JsonValue

from agentgym.env import Env
from agentgym.errors import EnvironmentFault, UsageError, boundary
from agentgym.jsontext import parse_json
from agentgym.registry import make
from agentgym.taskfile import read_tasks


def add_environment(parser: argparse.ArgumentParser, **options: Any) -> None:
    """Let the command take an environment and its settings."""
    parser.add_argument(
        "environment", metavar="ENV", help="an id that `agentgym envs` lists, or path/to/file.py:Class", **options
    )
    parser.add_argument(
        "--set",
        dest="settings",
        metavar="KEY=VALUE",
        type=setting,
        action="append",
        default=[],
        help="a setting of the environment; the value is JSON, or else text; may be repeated",
    )


def make_env(args: argparse.Namespace) -> Env[Any, Any, Any]:
    """The environment that was asked for; what its own constructor raises is told in one line."""
    with boundary(EnvironmentFault, f"{args.environment} cannot be made"):
        return make(args.environment, **dict(args.settings))


def env_tasks(env: Env[Any, Any, Any]) -> list[BaseModel]:
    """The environment's own tasks."""
    with boundary(EnvironmentFault, f"{env.id} cannot list its tasks"):
        return list(env.tasks())


def tasks_from(file: Path | None, env: Env[Any, Any, Any]) -> list[BaseModel]:
    """The tasks of a file, or else the environment's own; there must be some."""
    tasks = env_tasks(env) if file is None else read_tasks(file, env)
    if not tasks:
        raise UsageError(f"{env.id} lists no tasks of its own; give some with --tasks FILE.jsonl")
    return tasks


def setting(text: str) -> tuple[str, JsonValue]:
    """Read `key=value`."""
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    try:
        return key, parse_json(value)
    except ValueError:
        return key, value


def whole_number(text: str) -> int:
    """Read a whole number of at least one."""
    if not (text.isdecimal() and len(text) < 16 and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def seconds(text: str) -> float:
    """Read a positive duration."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number of seconds")
    return value
