"""`agentgym tasks generate`: tasks whose references were carried out before they are written."""

from __future__ import annotations

import argparse
import sys
from contextlib import aclosing
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from agentgym.cli.options import whole_number
from agentgym.cli.settings import seed
from agentgym.errors import Interrupted, RunStopped, UsageError
from agentgym.messages import JsonObject
from environments.retail.factory.cli.options import (
    add_data,
    add_model,
    chosen_data,
    committee_size,
    make_model,
    names,
    spec_of,
    writable,
)
from environments.retail.factory.cli.outcome import tell_outcome
from environments.retail.factory.cli.reviewers import make_reviewers
from environments.retail.factory.cli.slotprogress import LOG, SlotProgress

if TYPE_CHECKING:
    from agentgym.policy import Policy
    from environments.retail.factory.config import TauBenchConfig
    from environments.retail.factory.partial import Kept
    from environments.retail.factory.pipeline import PipelineConfig, TaskConfigurationPipeline
    from environments.retail.factory.statistics import Statistics

OUTPUT = Path("generated_tasks/Sampled_Tasks.json")
LLM, TEMPLATE = "llm", "template"


def configure(parser: argparse.ArgumentParser) -> None:
    """How many tasks, who writes them, and who looks at them."""
    add = parser.add_argument
    add("--num-tasks", metavar="N", type=whole_number, default=3, help="how many (default: 3)")
    add("--max-iterations", metavar="N", type=whole_number, default=3, help="candidates of one task (default: 3)")
    add("--output", metavar="FILE", type=Path, default=OUTPUT, help=f"what to write (default: {OUTPUT})")
    add("--no-user-id-validation", action="store_true", help="take tasks with more than one user id")
    add("--committee-size", metavar="N", type=committee_size, default=3, help="reviewers, 0 for none (default: 3)")
    add("--reviewer-models", metavar="LIST", type=names, default=(), help="who reviews (default: the heuristic)")
    add("--agentflow", action="store_true", help="have an agent plan each task part by part")
    add("--agentflow-turns", metavar="N", type=whole_number, default=5, help="of that agent (default: 5)")
    add("--role", metavar="ROLE=SPEC", action="append", default=[], help="who plays a part of it; may be repeated")
    add(
        "--generator",
        metavar="SPEC",
        help="llm (the --model), template, or scripted:FILE (default: llm if one is named)",
    )
    add(
        "--scenarios",
        metavar="LIST",
        type=names,
        default=(),
        help="what tasks are about (default: all eight, in turn)",
    )
    add("--concurrency", metavar="N", type=whole_number, help="tasks in the making at a time (default: 2)")
    add("--seed", metavar="N", type=seed, default=0, help="what all chance comes from (default: 0)")
    add("--resume", action="store_true", help="go on with what an earlier run wrote")
    add("--rich", action="store_true", help="write more metadata than the three")
    add("--config", metavar="FILE", type=Path, help="take settings from a TOML file's table [tasks]")
    add_data(parser)
    add_model(parser)


def run(args: argparse.Namespace) -> int:
    """Make them; 1 where none was accepted, or something broke."""
    import anyio

    from environments.retail.factory.partial import Kept
    from environments.retail.factory.pipeline import TaskConfigurationPipeline
    from environments.retail.factory.statistics import Statistics

    started = monotonic()
    config = _config(args)
    pipeline = TaskConfigurationPipeline(config)
    _tell_missing(pipeline, config)
    with writable(args.output):
        kept = Kept(args.output, _settings(args, pipeline), resume=args.resume)
    if kept.set_aside:
        sys.stderr.write(f"{kept.path} held tasks of an earlier run; they are in {kept.path.name}.before now\n")
    stopped: RunStopped | None = None
    with kept:
        try:
            anyio.run(_generate, pipeline, kept, args)
        except RunStopped as reason:
            stopped = reason
        statistics = Statistics(seed=args.seed, config=pipeline.described(), duration_s=monotonic() - started)
        _write(kept, statistics, args)
    tell_outcome(statistics, args, stopped)
    if isinstance(stopped, Interrupted):
        return 130
    return int(stopped is not None or not statistics.successful)


async def _generate(pipeline: TaskConfigurationPipeline, kept: Kept, args: argparse.Namespace) -> None:
    from agentgym.cli.interrupting import carry_out
    from agentgym.runner import make_lines
    from environments.retail.factory.partial import ACCEPTED
    from environments.retail.factory.pipeline import slots_left
    from environments.retail.factory.scenarios import Schedule

    schedule = Schedule(pipeline.scenarios)
    for slot, found in kept.found.items():
        if found.outcome == ACCEPTED and slot < args.num_tasks:
            schedule.accepted[found.scenario] += 1
            pipeline.remember(slot, found.key)
    outcomes = {slot: found.outcome for slot, found in kept.found.items()}
    slots = list(slots_left(args.num_tasks, outcomes))
    progress = SlotProgress(args.num_tasks, args.num_tasks - len(slots), log=args.output.with_name(LOG))
    # Replies of a script go to the tasks in their order, unless somebody wants it otherwise.
    concurrency = args.concurrency or (1 if str(args.generator).startswith("scripted:") else args.max_workers)
    lines = make_lines(concurrency)
    async with aclosing(pipeline):
        if not args.no_preflight and slots:
            await pipeline.preflight()
        fill = partial(
            pipeline.fill,
            slots,
            schedule,
            kept,
            begun=kept.begun,
            concurrency=concurrency,
            lines=lines,
            on_record=progress,
        )
        await carry_out(fill, lines)


def _config(args: argparse.Namespace) -> PipelineConfig:
    from environments.retail.factory.pipeline import PipelineConfig

    generator = _generator(args)
    if generator == TEMPLATE:
        _refuse_idle_flags(args)
    return PipelineConfig(
        chosen_data(args),
        args.max_iterations,
        args.committee_size,
        args.agentflow,
        agentflow_turns=args.agentflow_turns,
        generator=TEMPLATE if generator == TEMPLATE else _author(generator, args),
        planner=_planner(generator, args) if args.agentflow else None,
        reviewers=make_reviewers(args),
        scenarios=args.scenarios,
        user_id_validation=not args.no_user_id_validation,
        seed=args.seed,
        rich=args.rich,
    )


def _settle(args: argparse.Namespace) -> TauBenchConfig:
    """The factory's settings stand in for flags that were not given, where somebody has said something."""
    from environments.retail.factory.config import TauBenchConfig

    settings = TauBenchConfig.load(args.config, default_model=args.model, default_base_url=args.base_url)
    taken = {"temperature": "temperature", "max_tokens": "max_tokens", "timeout": "timeout"}
    taken |= {"base_url": "default_base_url", "scenarios": "scenario_keys", "data": "envs_path"}
    for flag, name in taken.items():
        if getattr(args, flag) in (None, ()) and settings.source(name) != "default":
            setattr(args, flag, getattr(settings, name))
    args.api_key = args.api_key or settings.secret("default_api_key")
    args.max_workers = settings.max_workers
    return settings


def _generator(args: argparse.Namespace) -> str:
    """`template`, or the spec of who writes."""
    named, settings = args.generator, _settle(args)
    if named not in (None, LLM):
        if args.model and named != TEMPLATE:
            raise UsageError("--generator and --model both name who writes; leave one out")
        return TEMPLATE if named == TEMPLATE else spec_of(named)
    sources = {settings.source(name) for name in ("default_model", "default_base_url")}
    if named == LLM or sources != {"default"}:
        return spec_of(settings.default_model)
    if args.agentflow:
        raise UsageError("--agentflow needs somebody who writes: name one with --model or --generator")
    sys.stderr.write("no model is named: tasks are put together from templates\n")
    return TEMPLATE


def _refuse_idle_flags(args: argparse.Namespace) -> None:
    """What would be passed over in silence."""
    if args.agentflow:
        raise UsageError("--agentflow: templates need no agent; name a model with --model, or leave it out")


def _author(spec: str, args: argparse.Namespace) -> Policy:
    roles = _roles(args)
    return make_model(roles["executor"], args) if "executor" in roles else make_model(spec, args)


def _planner(spec: str, args: argparse.Namespace) -> Policy:
    """The agent; parts of it may be played by others."""
    from agentgym.policies.specs import asks_a_model, make_policy

    roles = {role: spec_of(name) for role, name in _roles(args).items() if role != "executor"}
    settings: dict[str, Any] = {"max_turns": args.agentflow_turns, **({"roles": roles} if roles else {})}
    if asks_a_model(spec):
        names = ("base_url", "api_key", "temperature", "max_tokens")
        settings |= {name: getattr(args, name) for name in names if getattr(args, name) is not None}
        settings["timeout_s"] = args.timeout or 180.0
    return make_policy(f"agentflow:{spec}", **settings)


def _roles(args: argparse.Namespace) -> dict[str, str]:
    pairs = [role.partition("=") for role in args.role]
    for role, equals, spec in pairs:
        if not (role and equals and spec):
            raise UsageError(f"--role {role}: write ROLE=SPEC, as in verifier=openai:MODEL")
    if pairs and not args.agentflow:
        raise UsageError("--role gives parts of an agent to others; add --agentflow")
    return {role: spec for role, _, spec in pairs}


def _settings(args: argparse.Namespace, pipeline: TaskConfigurationPipeline) -> JsonObject:
    """What the tasks depend on; going on with others would mix them."""
    return {**pipeline.described(), "seed": args.seed}


def _write(kept: Kept, statistics: Statistics, args: argparse.Namespace) -> None:
    from environments.retail.factory.output import write_output

    with writable(args.output):
        write_output(args.output, kept.records(args.num_tasks), statistics)
    if statistics.slots == args.num_tasks and not kept.is_broken(args.num_tasks):
        kept.forget_calls()


def _tell_missing(pipeline: TaskConfigurationPipeline, config: PipelineConfig) -> None:
    from environments.retail.factory.scenarios import chosen_scenarios

    missing = [key for key in chosen_scenarios(config.scenarios) if key not in pipeline.scenarios]
    if missing:
        sys.stderr.write(f"no customer in the data fits {', '.join(missing)}: no such tasks are made\n")
