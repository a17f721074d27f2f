"""`agentgym tasks collect`: conversations about tasks, those that went well in one file and the others in another."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agentgym.cli.options import whole_number
from agentgym.cli.output import write, write_json
from agentgym.cli.settings import concurrency, seed
from environments.retail.factory.cli.options import (
    add_data,
    add_model,
    add_user_model,
    chosen_data,
    make_model,
    make_user_model,
    world_of,
    writable,
)

if TYPE_CHECKING:
    from agentgym.policy import Policy
    from environments.retail.database import RetailDB
    from environments.retail.factory.cases import Case
    from environments.retail.factory.collect import Collected, Collecting

_GOES_ON = "the same command goes on, and pays for nothing twice"


def configure(parser: argparse.ArgumentParser) -> None:
    """Which tasks, and who talks."""
    add = parser.add_argument
    add("--tasks", metavar="FILE", type=Path, required=True, help="the tasks")
    add_model(parser)
    add_user_model(parser, without="rules answer for the customer")
    told = "the customer's model thinks of N lines and says the one it scores highest (without N: 4)"
    add("--user-best-of", metavar="N", type=whole_number, nargs="?", const=4, default=1, help=told)
    told = "at most N about a task, and none after one that went well (default: 3)"
    add("--conversations", metavar="N", type=whole_number, default=3, help=told)
    add("--max-steps", metavar="N", type=whole_number, default=30, help="turns of the agent (default: 30)")
    add("--threads", "--concurrency", metavar="N", type=concurrency, default="auto", help="at a time (default: auto)")
    add("--limit", metavar="N", type=whole_number, help="only the first N tasks")
    add("--seed", metavar="N", type=seed, default=0, help="what all chance comes from (default: 0)")
    told = "where to write; where it began before, it goes on (default: results/conversations)"
    add("--output-dir", metavar="DIR", type=Path, default=Path("results/conversations"), help=told)
    add("--json", action="store_true", help="print the counts as one JSON object")
    add_data(parser)


def run(args: argparse.Namespace) -> int:
    """Have them, and write both files; 1 where none went well, or it was ended before its time."""
    import anyio

    from agentgym.errors import Interrupted, UsageError
    from environments.retail.factory.cases import read_cases
    from environments.retail.factory.collect import FAILURES, SUCCESSES, Collecting

    if args.model is None:
        raise UsageError("who serves the customers? name a model with --model")
    if args.user_best_of > 1 and args.user_model is None:
        raise UsageError("--user-best-of is for a customer whom --user-model plays")
    data = chosen_data(args)
    db = world_of(data)
    cases, failed = read_cases(args.tasks, db)
    if failed:
        sys.stderr.write(f"left out: {failed} tasks that their envelopes call failed\n")
    how = Collecting(
        conversations=args.conversations,
        customer=make_user_model(args),
        best_of=args.user_best_of,
        most_turns=args.max_steps,
        seed=args.seed,
    )
    with writable(args.output_dir / SUCCESSES):
        pass
    try:
        collected = anyio.run(_collect, cases[: args.limit], make_model(args.model, args), db, how, args, data)
    except Interrupted as reason:
        sys.stderr.write(f"{reason}; {_GOES_ON}\n")
        return 130
    if collected.unsolvable:
        sys.stderr.write(f"left out: {collected.unsolvable} tasks that nobody can solve\n")
    if args.json:
        write_json(collected.summary())
    else:
        write(f"{args.output_dir / SUCCESSES}: {collected.successes} conversations, {len(collected.solved)} tasks")
        faults = ", ".join(f"{count} x {label}" for label, count in collected.summary()["faults"].items())  # type: ignore[union-attr]  # counts by label
        write(f"{args.output_dir / FAILURES}: {collected.failures} conversations{f': {faults}' if faults else ''}")
    if collected.stopped is not None:
        sys.stderr.write(f"{collected.stopped}; {_GOES_ON}\n")
        return 130 if isinstance(collected.stopped, Interrupted) else 1
    return int(not collected.successes)


async def _collect(
    cases: list[Case], policy: Policy, db: RetailDB, how: Collecting, args: argparse.Namespace, data: str | None
) -> Collected:
    from agentgym.cli.interrupting import carry_out
    from agentgym.cli.progress import progress
    from agentgym.errors import RunFolderError, UsageError
    from agentgym.runner import make_lines
    from environments.retail.factory.collect import collect

    lines = make_lines(args.threads)
    done: list[Collected] = []

    async def work() -> None:
        with progress(quiet=False) as shown:
            collected = await collect(
                cases,
                policy,
                db,
                args.output_dir,
                how,
                data=data,
                preflight=not args.no_preflight,
                lines=lines,
                on_start=lambda planned, found: shown.begin("conversations", lines, planned, found),
                on_episode=shown.episode,
            )
        done.append(collected)

    try:
        await carry_out(work, lines)
    except RunFolderError as error:
        raise UsageError(str(error).replace("--out", "--output-dir")) from None
    finally:
        await policy.aclose()
        if how.customer is not None:
            await how.customer.aclose()
    return done[0]
