"""`agentgym tasks combine FILE`: one task made of several of the same customer."""

from __future__ import annotations

import argparse
import sys
from contextlib import aclosing
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from agentgym.cli.options import whole_number
from agentgym.cli.settings import seed
from agentgym.errors import Interrupted, RunStopped, UsageError
from environments.retail.factory.cli.options import (
    add_data,
    add_model,
    chosen_data,
    committee_size,
    make_model,
    names,
    world_of,
    writable,
)
from environments.retail.factory.cli.reading import tasks_of

if TYPE_CHECKING:
    from environments.retail.database import RetailDB
    from environments.retail.factory.combine import Combination, CombiningPipeline
    from environments.retail.factory.partial import Kept
    from environments.retail.factory.pipeline import PipelineConfig

OUTPUT = Path("generated_tasks/Combined_Tasks.json")


def configure(parser: argparse.ArgumentParser) -> None:
    """Which tasks, how many of them make one, who writes the request, and who looks at it."""
    add = parser.add_argument
    add("file", metavar="FILE", type=Path, help="tasks that were accepted")
    add("--size", metavar="N", type=whole_number, default=2, help="tasks that make one (default: 2)")
    add("--num-tasks", metavar="N", type=whole_number, help="how many to make (default: one of each customer)")
    add("--max-iterations", metavar="N", type=whole_number, default=3, help="candidates of one request (default: 3)")
    add("--output", metavar="FILE", type=Path, default=OUTPUT, help=f"what to write (default: {OUTPUT})")
    add("--no-user-id-validation", action="store_true", help="take tasks with more than one user id")
    add("--committee-size", metavar="N", type=committee_size, default=3, help="reviewers, 0 for none (default: 3)")
    add("--reviewer-models", metavar="LIST", type=names, default=(), help="who reviews (default: the heuristic)")
    add("--concurrency", metavar="N", type=whole_number, default=2, help="tasks in the making at a time (default: 2)")
    add("--seed", metavar="N", type=seed, default=0, help="what all chance comes from (default: 0)")
    add("--resume", action="store_true", help="go on with what an earlier run wrote")
    add("--rich", action="store_true", help="write more metadata than the three")
    add_data(parser)
    add_model(parser)


def run(args: argparse.Namespace) -> int:
    """Make them; 1 where none was accepted, or something broke."""
    import anyio

    from environments.retail.factory.cli.outcome import tell_outcome
    from environments.retail.factory.combine import CombiningPipeline, combinations_of
    from environments.retail.factory.output import write_output
    from environments.retail.factory.partial import Kept
    from environments.retail.factory.statistics import Statistics

    started = monotonic()
    if args.model is None:
        sys.stderr.write("no model is named: the requests are put one after the other\n")
    db = world_of(chosen_data(args))
    read = tasks_of(args.file)
    sets = combinations_of(read.tasks, db, size=args.size, most=args.num_tasks, seed=args.seed)
    if not sets:
        raise UsageError(
            f"{args.file}: no customer has {args.size} sound tasks about different orders; make more tasks"
        )
    if args.num_tasks and len(sets) < args.num_tasks:
        sys.stderr.write(f"only {len(sets)} can be made of these tasks\n")
    args.num_tasks = len(sets)
    pipeline = CombiningPipeline(_config(args, db), sets)
    with writable(args.output):
        kept = Kept(args.output, {**pipeline.described(), "parts": _parts(sets)}, resume=args.resume)
    stopped: RunStopped | None = None
    with kept:
        try:
            anyio.run(_fill, pipeline, kept, args)
        except RunStopped as reason:
            stopped = reason
        statistics = Statistics(seed=args.seed, config=pipeline.described(), duration_s=monotonic() - started)
        with writable(args.output):
            write_output(args.output, kept.records(len(sets)), statistics)
        if statistics.slots == len(sets) and not kept.is_broken(len(sets)):
            kept.forget_calls()
    tell_outcome(statistics, args, stopped)
    if isinstance(stopped, Interrupted):
        return 130
    return int(stopped is not None or not statistics.successful or bool(read.left_out))


async def _fill(pipeline: CombiningPipeline, kept: Kept, args: argparse.Namespace) -> None:
    from agentgym.cli.interrupting import carry_out
    from agentgym.runner import make_lines
    from environments.retail.factory.cli.slotprogress import LOG, SlotProgress
    from environments.retail.factory.partial import ACCEPTED
    from environments.retail.factory.pipeline import slots_left
    from environments.retail.factory.scenarios import Schedule

    for slot, found in kept.found.items():
        if found.outcome == ACCEPTED:
            pipeline.remember(slot, found.key)
    slots = list(slots_left(args.num_tasks, {slot: found.outcome for slot, found in kept.found.items()}))
    lines = make_lines(args.concurrency)
    fill = partial(
        pipeline.fill,
        slots,
        Schedule(pipeline.scenarios),
        kept,
        begun=pipeline.begun,
        concurrency=args.concurrency,
        lines=lines,
        on_record=SlotProgress(args.num_tasks, args.num_tasks - len(slots), log=args.output.with_name(LOG)),
    )
    async with aclosing(pipeline):
        if not args.no_preflight and slots:
            await pipeline.preflight()
        await carry_out(fill, lines)


def _config(args: argparse.Namespace, db: RetailDB) -> PipelineConfig:
    from environments.retail.factory.cli.reviewers import make_reviewers
    from environments.retail.factory.pipeline import TEMPLATE, PipelineConfig

    return PipelineConfig(
        db,
        args.max_iterations,
        args.committee_size,
        generator=TEMPLATE if args.model in (None, TEMPLATE) else make_model(args.model, args),
        reviewers=make_reviewers(args),
        user_id_validation=not args.no_user_id_validation,
        seed=args.seed,
        rich=args.rich,
    )


def _parts(sets: list[Combination]) -> str:
    """Which tasks are combined, in a word: who goes on with others would mix them."""
    from hashlib import blake2b

    from agentgym.jsontext import dump_json

    told = [[part.entry for part in held.parts] for held in sets]
    return blake2b(dump_json(told), digest_size=8).hexdigest()
