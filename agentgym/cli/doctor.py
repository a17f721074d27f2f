"""`agentgym doctor`: whether all is in place to play, and what to do where it is not."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, redirect_stdout
from dataclasses import asdict
from time import monotonic

import anyio

from agentgym.cli.output import write, write_json
from agentgym.doctor import CHECKS, Finding
from agentgym.errors import UsageError
from agentgym.policies.specs import asks_a_model
from agentgym.probes import Asked, examine

WHOLE_S = 28.0
"""What it may take in all, leaving some of half a minute to the start and the end of the program."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Which model to try, if any."""
    parser.description = (
        "Look at the installation, the disk, the key and the endpoint. With a model that is named, ask it three short "
        "questions too (an answer, a tool call, a stream), which its provider charges for as for any others."
    )
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--model", metavar="MODEL", help="try this model; the same as --policy openai:MODEL")
    who.add_argument("--policy", metavar="SPEC", help="try the model of openai:MODEL or litellm:MODEL")
    parser.add_argument("--base-url", metavar="URL", help="the endpoint of a model (default: OPENAI_BASE_URL)")
    parser.add_argument("--json", action="store_true", help="print the findings as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print a line for each finding; a problem exits with 1."""
    ends = monotonic() + WHOLE_S
    asked = _asked(args)
    findings: list[Finding] = []

    def tell(finding: Finding) -> None:
        findings.append(finding)
        if not args.json:
            write(_line(finding))
            sys.stdout.flush()

    for check in CHECKS:
        with redirect_stdout(sys.stderr):  # what a module prints as it is imported is no result
            found = list(check())
        for finding in found:
            tell(finding)
    if asked is None:
        tell(_NO_MODEL)
    else:
        anyio.run(_tell_all, examine(asked, seconds=ends - monotonic()), tell)
    well = all(finding.state != "problem" for finding in findings)
    if args.json:
        write_json({"ok": well, "findings": [asdict(finding) for finding in findings]})
    return int(not well)


async def _tell_all(findings: AsyncGenerator[Finding], tell: Callable[[Finding], None]) -> None:
    async with aclosing(findings):
        async for finding in findings:
            tell(finding)


def _asked(args: argparse.Namespace) -> Asked | None:
    """The model to try, or the endpoint alone, or neither where none is configured."""
    base_url = args.base_url or os.environ.get("AGENTGYM_BASE_URL") or None
    spec = args.policy or (f"openai:{args.model}" if args.model else None)
    if spec is not None:
        kind, _, model = spec.partition(":")
        if not asks_a_model(spec) or not model:
            raise UsageError(f"{spec!r} names no model to try; write openai:MODEL or litellm:MODEL")
        return Asked(kind, model, base_url)
    if args.model == "":
        raise UsageError("--model is empty; write --model MODEL")
    named = base_url or os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_KEY")
    return Asked("openai", None, base_url) if named else None


_NO_MODEL = Finding(
    "key",
    "warning",
    "OPENAI_API_KEY is not set, and no server is named: only policies without a model can play",
    "set it, or name a server of your own with OPENAI_BASE_URL (--base-url)",
)


def _line(finding: Finding) -> str:
    told = f"{finding.message}; {finding.remedy}" if finding.remedy else finding.message
    return f"{finding.state:<8} {finding.check:<15} {' '.join(told.split())}"
