"""`agentgym play ENV`: one episode, shown as a transcript or printed as its record."""

from __future__ import annotations

import argparse
from contextlib import aclosing
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import anyio
from pydantic import BaseModel

from agentgym.cli.options import add_environment, make_env, seconds, tasks_from, whole_number
from agentgym.cli.output import write
from agentgym.cli.settings import role
from agentgym.cli.transcript import transcript
from agentgym.env import Env
from agentgym.episode import Episode
from agentgym.errors import UnknownNameError, UsageError, did_you_mean
from agentgym.limits import Limits
from agentgym.play import rollout
from agentgym.policies.specs import AGENTFLOW, POLICY_SPECS, make_policy
from agentgym.policy import Policy
from agentgym.seeds import derive_seed, fresh_seed
from agentgym.steps import task_id


def configure(parser: argparse.ArgumentParser) -> None:
    """Who plays which task, and for how long."""
    add_environment(parser)
    parser.add_argument(
        "--policy", metavar="SPEC", default="human", help=f"who plays: {', '.join(POLICY_SPECS)} (default: human)"
    )
    parser.add_argument(
        "--role",
        dest="roles",
        metavar="ROLE=SPEC",
        type=role,
        action="append",
        default=[],
        help="who plays a role of agentflow:POLICY; may be repeated",
    )
    parser.add_argument("--base-url", metavar="URL", help="the endpoint of a model, where it is not the usual one")
    parser.add_argument("--task", metavar="ID", help="the task to play (default: one drawn by the seed)")
    parser.add_argument("--tasks", metavar="FILE", type=Path, help="take the task from this JSONL file")
    parser.add_argument("--seed", metavar="N", type=int, help="what all chance comes from (default: a fresh one)")
    parser.add_argument("--turns", metavar="N", type=whole_number, help="the most turns (the environment's hold too)")
    parser.add_argument("--seconds", metavar="S", type=seconds, default=3600.0, help="the most time (default: an hour)")
    parser.add_argument("--json", action="store_true", help="print the record of the episode, as one line of JSON")


def run(args: argparse.Namespace) -> int:
    """Play it; an episode that is not evaluable exits with 1."""
    env = make_env(args)
    seed = fresh_seed() if args.seed is None else args.seed
    task = _choose(tasks_from(args.tasks, env), args.task, seed)
    limits = Limits(turns=args.turns, seconds=args.seconds)
    policy = make_policy(args.policy, base_url=args.base_url, **_roles(args))
    episode = anyio.run(partial(_play, env, policy, task, seed=seed, limits=limits))
    write(episode.to_json().decode() if args.json else transcript(episode))
    return int(episode.outcome == "not_evaluable")


def _roles(args: argparse.Namespace) -> dict[str, Any]:
    if args.roles and not args.policy.startswith(f"{AGENTFLOW}:"):
        raise UsageError("--role is for an agent built of policies: give --policy agentflow:POLICY too")
    return {"roles": dict(args.roles)} if args.roles else {}


def _choose(tasks: list[BaseModel], wanted: str | None, seed: int) -> BaseModel:
    if wanted is None:
        return Random(derive_seed(seed, "task")).choice(tasks)
    by_id = {task_id(task): task for task in tasks}
    if wanted not in by_id:
        raise UnknownNameError(f"no task {wanted!r}; {did_you_mean(wanted, by_id)}")
    return by_id[wanted]


async def _play(env: Env[Any, Any, Any], policy: Policy, task: BaseModel, *, seed: int, limits: Limits) -> Episode:
    async with aclosing(policy):
        return await rollout(env, policy, task, seed=seed, limits=limits)
