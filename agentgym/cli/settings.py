"""Where a command's settings come from: flag, then environment variable, then TOML file, then default."""

from __future__ import annotations

import argparse
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentgym.cli.options import seconds, setting, whole_number
from agentgym.errors import DataFileError, UsageError, did_you_mean
from agentgym.messages import JsonObject
from agentgym.yamlfile import read_yaml

Parse = Callable[[str], Any]
_SECRETS = ("api_key", "key", "token", "password")
_OF_PROGRAMS = ("on_chunk", "price", "retries", "transport")
"""What a policy takes that no file can hold."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One of them; its flag is `--its-name`, its variable AGENTGYM_ITS_NAME, its key in the file its name."""

    name: str
    help: str
    parse: Parse = str
    metavar: str = "N"
    default: Any = None
    several: bool = False


def add_settings(parser: argparse.ArgumentParser, settings: tuple[Setting, ...]) -> None:
    """Let a command take them, from a file too."""
    for entry in settings:
        action = "append" if entry.several else "store"
        flag = f"--{entry.name.replace('_', '-')}"
        parser.add_argument(flag, metavar=entry.metavar, type=entry.parse, action=action, help=entry.help)
    parser.add_argument("--config", metavar="FILE", type=Path, help="take settings from a TOML file's table [bench]")


def settle(args: argparse.Namespace, settings: tuple[Setting, ...]) -> None:
    """Give every setting its value."""
    from_file = _read(args.config) if args.config is not None else {}
    policy_settings(args.config)  # finds wrong use also where no model plays
    for entry in settings:
        if getattr(args, entry.name) is None:
            setattr(args, entry.name, _found(entry, from_file, args.config))


def _found(entry: Setting, from_file: Mapping[str, Any], path: Path | None) -> Any:
    variable = f"AGENTGYM_{entry.name.upper()}"
    if os.environ.get(variable):
        return _parsed(entry, os.environ[variable], variable)
    if entry.name in from_file:
        return _parsed(entry, from_file[entry.name], f"{path}: {entry.name}")
    return entry.default


def _parsed(entry: Setting, value: Any, where: str) -> Any:
    """Read by the same rules as a flag, wherever it stands."""
    values = value if entry.several and isinstance(value, list) else [value]
    try:
        read = [entry.parse(_text(item)) for item in values]
    except (argparse.ArgumentTypeError, ValueError) as error:
        raise UsageError(f"{where}: {error}") from None
    return read if entry.several else read[0]


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"{value!r} is neither text nor a number")
    return str(value)


def _read(path: Path) -> dict[str, Any]:
    """The file's table [bench]; who resumes may name the file that the run was begun with, all of which is known."""
    known = {entry.name for entry in (*WHAT, *MODEL, *PACE)}
    tables = read_toml(path)
    for name in tables:
        if name not in ("bench", "policy"):
            raise DataFileError(f"{path}: no table [{name}] is known; there are: [bench], [policy]")
    table = _table(tables, "bench", path)
    for name in table:
        if name not in known:
            raise DataFileError(f"{path}: no setting {name!r}; {did_you_mean(name, sorted(known))}")
    return table


def policy_settings(path: Path | None) -> dict[str, Any]:
    """The file's table [policy]: what the policies of models take, by the names of OpenAIPolicy."""
    if path is None:
        return {}
    table = _table(read_toml(path), "policy", path)
    for name in table:
        if name in _OF_PROGRAMS:
            raise DataFileError(f"{path}: {name}: only a program can give it; see: agentgym bench --help")
    roles = table.get("roles", {})
    if not isinstance(roles, dict):
        raise DataFileError(
            f"{path}: roles: {roles!r} is no table; write [policy.roles] and a line ROLE = SPEC for each"
        )
    for role, given in roles.items():
        _refuse_secrets(given if isinstance(given, Mapping) else {}, f"{path}: roles.{role}")
    return table


def _table(tables: Mapping[str, Any], name: str, path: Path) -> dict[str, Any]:
    """One of them, by the names of the settings; no secret may be in it."""
    table = {key.replace("-", "_"): value for key, value in tables.get(name, {}).items()}
    _refuse_secrets(table, str(path))
    return table


def _refuse_secrets(table: Mapping[str, Any], where: str) -> None:
    for key in table:
        if key in _SECRETS:
            raise DataFileError(f"{where}: {key}: a secret comes from the environment or a flag, never from a file")


def read_toml(path: Path) -> dict[str, Any]:
    """A file's tables."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataFileError(f"{path}: cannot be read: {error}; give a TOML file") from None
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise DataFileError(f"{path}: {name!r} stands outside a table; write it under [bench] or [policy]")
    return tables


def number(text: str) -> float:
    """Read a number of at least zero."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return value


def concurrency(text: str) -> int | str:
    """Read `auto`, or a whole number of at least one."""
    return text if text == "auto" else whole_number(text)


def seed(text: str) -> int:
    """Read a seed."""
    if not (text.isdecimal() and len(text) <= 20 and int(text) < 1 << 64):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0, below 2**64")
    return int(text)


def data_folder(text: str) -> str:
    """Read a folder as a path that a run can be resumed with from anywhere."""
    return str(Path(text).expanduser().absolute())


def yaml_mapping(text: str) -> JsonObject:
    """Read a YAML file; what it holds goes into the record, so that a run can be resumed without it."""
    try:
        held = read_yaml(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not isinstance(held, dict):
        raise argparse.ArgumentTypeError(f"{text}: holds no mapping")
    return held


def one_of(*names: str) -> Parse:
    """Read one of a few words."""

    def parse(text: str) -> str:
        if text not in names:
            raise argparse.ArgumentTypeError(f"{text!r} is none of: {', '.join(names)}")
        return text

    return parse


def cap(text: str) -> tuple[str, int]:
    """Read NAME=N."""
    name, value = setting(text)
    return name, whole_number(str(value))


def role(text: str) -> tuple[str, str]:
    """Read ROLE=SPEC."""
    name, equals, spec = text.partition("=")
    if not (equals and name and spec):
        raise argparse.ArgumentTypeError(f"{text!r} is not ROLE=SPEC, such as verifier=openai:MODEL")
    return name, spec


MODEL = (
    Setting("base_url", "the endpoint of a model (default: OPENAI_BASE_URL)", metavar="URL"),
    Setting("temperature", "what the model samples with", number, "T"),
    Setting("max_tokens", "the most tokens of one answer", whole_number),
    Setting("timeout", "the most seconds of one attempt at a call (default: 600)", seconds, "S"),
    Setting("tools", "how a model is told of tools: auto, native or text", one_of("auto", "native", "text"), "HOW"),
    Setting("client", "what carries the calls: own, or sdk for the openai package", one_of("own", "sdk"), "WHAT"),
    Setting("prices", "a file with the prices of models, for --max-cost", Path, "FILE"),
)
PACE = (
    Setting("concurrency", "calls and episodes at a time, or auto (default)", concurrency, "N", "auto"),
    Setting("cap", "at most N of a resource at a time; may be repeated", cap, "NAME=N", several=True),
    Setting("patience", "seconds without any good answer that end a run (default: 30)", seconds, "S", 30.0),
    Setting("max_cost", "the most US dollars the run may cost", number, "USD"),
    Setting("max_run_tokens", "the most tokens the run may use", whole_number),
    Setting("max_seconds", "the most seconds the run may take", seconds, "S"),
)
WHAT = (
    Setting("policy", "who plays; may be repeated (default: those of the suite)", metavar="SPEC", several=True),
    Setting("role", "who plays a role of agentflow:POLICY; may be repeated", role, "ROLE=SPEC", several=True),
    Setting("model", "the same as --policy openai:MODEL", metavar="MODEL"),
    Setting("user", "who plays the user, in an environment that has one", metavar="SPEC"),
    Setting("data", "data to play on in place of the suite's own", data_folder, "DIR"),
    Setting("sandbox", "where programs run, in an environment that runs any: local, fusion:URL, ...", metavar="SPEC"),
    Setting("tool_config", "other names and words for an environment's tools, as YAML", yaml_mapping, "FILE"),
    Setting("split", "which part of the tasks is played (default: as the suite says)", metavar="NAME"),
    Setting("set", "a setting of the environment, the value as JSON or text", setting, "KEY=VALUE", several=True),
    Setting("limit", "only the first N tasks of each suite", whole_number),
    Setting("trials", "how often each task is played (default: as the suite says)", whole_number),
    Setting("seed", "what all chance comes from (default: 0)", seed, "N", 0),
    Setting("out", "where the run is kept (default: a name of its own under runs/)", Path, "DIR"),
)
