"""`agentgym tokens respond`: a policy answers the requests of a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agentgym.cli.options import whole_number
from agentgym.cli.output import write
from agentgym.errors import Fault
from environments.special_tokens.cli.options import add_policy, chosen_policy, writable

if TYPE_CHECKING:
    from agentgym.policy import Policy
    from environments.special_tokens.responding import Response

OUTPUT = Path("outputs/tasks/hw3_2.json")


def configure(parser: argparse.ArgumentParser) -> None:
    """Which requests, and who answers."""
    add = parser.add_argument
    add(
        "--input",
        metavar="FILE",
        type=Path,
        default=Path("query_only.json"),
        help="requests as JSON or JSON Lines, under `Query` (default: query_only.json, or the sample of that name)",
    )
    add("--out", metavar="FILE", type=Path, default=OUTPUT, help=f"what to write (default: {OUTPUT})")
    add("--threads", metavar="N", type=whole_number, default=32, help="requests at a time (default: 32)")
    add_policy(parser, without="without one, a rule answers that only looks for words")


def run(args: argparse.Namespace) -> int:
    """Write the answers; 1 where one of them is not in form."""
    import anyio

    from environments.special_tokens.generating import write_rows
    from environments.special_tokens.keywords import KeywordsPolicy
    from environments.special_tokens.responding import read_queries

    queries = list(read_queries(_found(args.input)))
    policy = chosen_policy(args)
    if policy is None:
        sys.stderr.write("no model is named: the rule that looks for words answers\n")
        policy = KeywordsPolicy()
    try:
        responses = anyio.run(_respond, queries, policy, args.threads, args.no_preflight)
    except Fault as fault:
        sys.stderr.write(f"stopped: {fault}; nothing was written\n")
        return 1
    with writable(args.out):
        write_rows(args.out, [response.row() for response in responses])
    bad = [response for response in responses if response.codes]
    codes = sorted({code for response in bad for code in response.codes})
    told = f", {len(bad)} of them not in form: {', '.join(codes)}" if bad else ""
    write(f"{args.out}: {len(responses)} answers by {policy.name}{told}")
    return int(bool(bad))


async def _respond(queries: list[str], policy: Policy, threads: int, no_preflight: bool) -> list[Response]:
    from environments.special_tokens.responding import respond

    try:
        if not no_preflight:
            await policy.preflight()
        return await respond(queries, policy, concurrency=threads)
    finally:
        await policy.aclose()


def _found(path: Path) -> Path:
    """The file, or the sample of its name where there is none."""
    from environments.special_tokens.responding import SAMPLES

    sample = SAMPLES / path.name
    if path.exists() or len(path.parts) > 1 or not sample.exists():
        return path
    sys.stderr.write(f"there is no {path} here: the sample of that name is read\n")
    return sample
