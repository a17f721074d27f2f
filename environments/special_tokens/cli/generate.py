"""`agentgym tokens generate`: training data, by quota."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from agentgym.cli.options import whole_number
from agentgym.cli.output import write
from agentgym.cli.settings import seed
from agentgym.errors import UsageError
from agentgym.messages import JsonObject
from environments.special_tokens.cli.options import (
    add_policy,
    add_problems,
    add_sandbox,
    chosen_policy,
    sandbox_spec,
    writable,
)

if TYPE_CHECKING:
    from agentgym.policy import Policy
    from agentgym.sandbox.contract import Sandbox
    from environments.programs.problem import Problem
    from environments.special_tokens.defects import Defect
    from environments.special_tokens.generating import Generated, Kept, Order

FOLDER = Path("outputs/training_data")
OUTPUT = FOLDER / "training_data_from_parquet.json"
SAMPLES, THREADS = 100, 32
PRESETS = {"small": (10, THREADS), "full": (128, THREADS), "conservative": (50, 16)}
"""Samples and threads."""
_SPARE = 1.5
"""Times as many defects are looked for as rows are wanted: not every row is accepted."""


def configure(parser: argparse.ArgumentParser) -> None:
    """How many rows, from what, and who writes them."""
    add = parser.add_argument
    add("--preset", choices=PRESETS, help="small: 10 rows; full: 128; conservative: 50 with 16 threads")
    add("--samples", metavar="N", type=whole_number, help=f"how many rows (default: {SAMPLES})")
    add("--threads", metavar="N", type=whole_number, help=f"rows and calls at a time (default: {THREADS})")
    add("--output", metavar="FILE", type=Path, help=f"what to write (default: {OUTPUT}, or a preset's own name)")
    add("--languages", metavar="LIST", default="en,zh", help="of the requests, in turn (default: en,zh)")
    add("--seed", metavar="N", type=seed, default=0, help="what all chance comes from (default: 0)")
    add("--overwrite", action="store_true", help="begin anew, instead of going on with what is there")
    add_problems(parser)
    add_sandbox(parser)
    add_policy(parser, without="without one, phrase templates are put together, and no model is asked")


def run(args: argparse.Namespace) -> int:
    """Write the rows; 1 where some are missing in the end."""
    import anyio

    from environments.special_tokens.generating import Kept, Order, partial_path, write_rows

    samples, threads = PRESETS.get(args.preset, (SAMPLES, THREADS))
    languages = tuple(name.strip() for name in args.languages.split(","))
    order = Order(samples=args.samples or samples, threads=args.threads or threads, seed=args.seed, languages=languages)
    output = args.output or _output(args.preset)
    policy = chosen_policy(args)
    partial = partial_path(output)
    with writable(output):
        kept = Kept(partial, _settings(args, order, policy), overwrite=args.overwrite)
    with kept:
        generated = anyio.run(_generate, order, args.problems, sandbox_spec(args), policy, kept, args.no_preflight)
        with writable(output):
            write_rows(output, generated.rows)
    _tell(generated, output, "template" if policy is None else policy.name)
    return int(not generated.is_whole)


def _output(preset: str | None) -> Path:
    return OUTPUT if preset is None else FOLDER / f"training_data_{preset}_{PRESETS[preset][0]}.json"


def _settings(args: argparse.Namespace, order: Order, policy: Policy | None) -> JsonObject:
    """What the rows depend on; going on with others would mix them."""
    return {
        "seed": order.seed,
        "languages": list(order.languages),
        "problems": None if args.problems is None else str(args.problems),
        "writer": "template" if policy is None else policy.name,
        "settings": {} if policy is None else policy.settings,
    }


async def _generate(
    order: Order, problems: Path | None, spec: str, policy: Policy | None, kept: Kept, no_preflight: bool
) -> Generated:
    from environments.special_tokens.generating import generate
    from environments.special_tokens.modelwriter import ModelWriter
    from environments.special_tokens.writers import TemplateWriter

    if policy is None:
        sys.stderr.write("no model is named: the template writer puts the rows together\n")
        by_id, defects = await _prepared(order, problems, spec, None, kept)
        return await generate(order, defects, by_id, writer=TemplateWriter(seed=order.seed), kept=kept)
    try:
        if not no_preflight:
            await policy.preflight()
        by_id, defects = await _prepared(order, problems, spec, policy, kept)
        started = monotonic()
        writer = ModelWriter(policy, seed=order.seed)
        generated = await generate(order, defects, by_id, writer=writer, kept=kept, on_row=_progress())
    finally:
        await policy.aclose()
    sys.stderr.write(f"the writing took {monotonic() - started:.2f} s\n")
    return generated


async def _prepared(
    order: Order, path: Path | None, spec: str, policy: Policy | None, kept: Kept
) -> tuple[dict[str, Problem], list[Defect]]:
    """The problems by id, and enough defects of theirs: those that are shipped, or else found now."""
    from agentgym.sandbox.specs import make_sandbox
    from environments.programs.library import bundled_problems
    from environments.programs.observing import observe_in
    from environments.programs.readers import read_problems
    from environments.special_tokens.defects import bundled_defects, distinct, find_defects

    problems = list(bundled_problems()) if path is None else read_problems(path)
    known = list(bundled_defects()) if path is None else []
    wanted = round(max(order.quotas.values()) * _SPARE) + 1
    if sum(defect.explorable for defect in known) >= max(order.quotas.values()):
        return {problem.query_id: problem for problem in problems}, known
    started = monotonic()
    async with make_sandbox(spec) as sandbox:
        problems = await _solved(problems, order, policy, sandbox, kept)
        observe = observe_in(sandbox, cpu_s=1.0)
        found = await find_defects(problems, observe=observe, count=wanted, seed=order.seed, concurrency=8)
    sys.stderr.write(f"{len(found)} bugs put into {len(problems)} problems in {monotonic() - started:.1f} s\n")
    if not found and not known:
        raise UsageError("no bug could be put into any problem; give problems with visible cases and right solutions")
    return {problem.query_id: problem for problem in problems}, distinct([*known, *found])


async def _solved(
    problems: list[Problem], order: Order, policy: Policy | None, sandbox: Sandbox, kept: Kept
) -> list[Problem]:
    """The problems that have a solution; where too few have, and there is a model, it writes some."""
    from environments.special_tokens.solving import solve

    solved = [problem for problem in problems if problem.solution]
    wanted = min(len(problems), max(order.quotas.values()))
    if len(solved) >= wanted:
        return solved
    told = f"{len(problems) - len(solved)} of {len(problems)} problems come without a solution"
    if policy is None:
        if not solved:
            raise UsageError(f"{told}; name a --model that writes some, or give problems with solutions")
        sys.stderr.write(f"{told}, and are left out: no model is named that could write one\n")
        return solved
    before = len(kept.solutions)
    solved = await solve(
        problems,
        policy,
        sandbox,
        wanted=wanted,
        known=kept.solutions,
        on_solved=kept.add_solution,
        seed=order.seed,
        threads=order.threads,
    )
    if not solved:
        raise UsageError(f"{told}, and {policy.name} wrote none that passes; give problems with solutions")
    tried = len(kept.solutions) - before
    sys.stderr.write(f"{told}; {policy.name} was asked for {tried}, and {len(solved)} have one now\n")
    return solved


class _progress:
    """Tells on standard error how far it is, a few times."""

    def __init__(self) -> None:
        self._told = monotonic()

    def __call__(self, generated: Generated) -> None:
        if monotonic() - self._told > 5:
            self._told = monotonic()
            sys.stderr.write(f"{generated.found + len(generated.rows)} of {generated.wanted} rows\n")


def _tell(generated: Generated, output: Path, writer: str) -> None:
    from environments.special_tokens.keywords import keyword_mode
    from environments.special_tokens.modes import STANDARD
    from environments.special_tokens.requests import request_of

    rows = generated.rows
    modes = [_mode(row) for row in rows]
    told = [f"{output}: {len(rows)} of {generated.wanted} rows, written by {writer}"]
    told += [f"{modes.count('AGENT')} AGENT, {modes.count('EDIT')} EDIT"]
    if generated.found:
        told.append(f"{generated.found} were there already")
    if generated.dropped:
        told.append(f"{generated.dropped.total()} dropped ({generated.dropped.most_common(1)[0][0]})")
    right = sum(
        keyword_mode(request_of(str(row["instruction"]), "")) == mode for row, mode in zip(rows, modes, strict=True)
    )
    if rows:
        chance = 1 / len(STANDARD.names)
        told.append(f"mode accuracy of baselines: idle 0.00, random {chance:.2f}, keywords {right / len(rows):.2f}")
    write("; ".join(told))
    if generated.stopped is not None:
        sys.stderr.write(f"stopped: {generated.stopped}; the same command goes on with what is written\n")
    elif not generated.is_whole:
        sys.stderr.write("there are no more bugs to write rows about; give more --problems\n")


def _mode(row: JsonObject) -> str:
    metadata = row["metadata"]
    assert isinstance(metadata, dict)
    return str(metadata["mode"])
