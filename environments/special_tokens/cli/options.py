"""What the commands about special tokens share: problems, where programs run, models, and files to write."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agentgym.cli.options import seconds
from agentgym.cli.output import write
from agentgym.errors import UsageError
from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject
from agentgym.policies.specs import asks_a_model, make_policy
from agentgym.policy import Policy

SANDBOX_VARIABLE = "AGENTGYM_SANDBOX"
MODEL = "gpt-4.1"


def add_problems(parser: argparse.ArgumentParser) -> None:
    """Let a command take problems."""
    parser.add_argument(
        "--problems",
        metavar="FILE",
        type=Path,
        help="problems as JSON, JSON Lines or parquet, also rows of LiveCodeBench (default: the bundled ones)",
    )


def add_sandbox(parser: argparse.ArgumentParser) -> None:
    """Let a command take a sandbox."""
    told = f"where programs run (default: {SANDBOX_VARIABLE}, or local): local, fusion:URL, ..."
    parser.add_argument("--sandbox", metavar="SPEC", help=told)


def sandbox_spec(args: argparse.Namespace) -> str:
    """Flag, then environment variable, then the default."""
    return args.sandbox or os.environ.get(SANDBOX_VARIABLE) or "local"


def add_policy(parser: argparse.ArgumentParser, *, without: str) -> None:
    """Let a command take a model; `without` says what happens where none is named."""
    add = parser.add_argument
    add("--policy", metavar="SPEC", help=f"who answers: openai:MODEL, litellm:MODEL, scripted:FILE ({without})")
    add("--model", metavar="NAME", help=f"the same as --policy openai:NAME (with --base-url alone: {MODEL})")
    add("--base-url", metavar="URL", help="where the model is served (default: OPENAI_BASE_URL)")
    add("--api-key", metavar="KEY", help="its key (default: OPENAI_API_KEY)")
    add("--temperature", metavar="T", type=float, help="of the model")
    add("--max-tokens", metavar="N", type=int, help="of one reply")
    add(
        "--timeout",
        metavar="S",
        type=seconds,
        default=120.0,
        help="of one call, before it is made again (default: 120)",
    )
    add("--no-preflight", action="store_true", help="do not ask the endpoint first whether it can answer at all")


def chosen_policy(args: argparse.Namespace) -> Policy | None:
    """The policy that was named; None where none was."""
    if args.policy and args.model:
        raise UsageError("--policy and --model both name who answers; leave one out")
    spec = args.policy
    if spec is None and (args.model or args.base_url):
        spec = f"openai:{args.model or MODEL}"
    if spec is None:
        return None
    if spec == "keywords":
        from environments.special_tokens.keywords import KeywordsPolicy

        return KeywordsPolicy()
    if not asks_a_model(spec):
        return make_policy(spec)
    names = ("base_url", "api_key", "temperature", "max_tokens")
    given: dict[str, Any] = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    return make_policy(spec, timeout_s=args.timeout, **given)


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Make the folder of a file; what keeps it from being written is told in one line."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}; name another file") from None


def write_report(report: JsonObject, *, one_line: bool) -> None:
    """Print a report as JSON: for people a line for each entry, for programs one line."""
    if one_line:
        write(dump_json(report).decode())
        return
    import json

    write(json.dumps(report, ensure_ascii=False, indent=2))
