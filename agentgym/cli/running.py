"""A run as the commands play it: with progress, with Ctrl-C, and with what it says in the end."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import aclosing
from functools import cache
from pathlib import Path
from shlex import join
from typing import Any

from agentgym.baseline import keep_baseline
from agentgym.cli.interrupting import interruptible
from agentgym.cli.progress import Progress
from agentgym.cli.settings import policy_settings
from agentgym.crew import Budget
from agentgym.errors import BudgetSpent, Interrupted, RunStopped, UsageError
from agentgym.lines import Retries
from agentgym.messages import JsonObject
from agentgym.policies.specs import AGENTFLOW, asks_a_model, make_policy
from agentgym.policy import Policy
from agentgym.prices import Price, find_price
from agentgym.report import summarise
from agentgym.runner import RunResult, make_lines, run
from agentgym.runs import INFO
from agentgym.suite import Suite


def build_policy(spec: str, args: argparse.Namespace, **recorded: Any) -> Policy:
    """The policy of a spec, with the settings that were given and, for a run that goes on, those it was begun with."""
    if spec.removeprefix(f"{AGENTFLOW}:") == "human":
        raise UsageError("a person plays one episode at a time: agentgym play ENV --policy human")
    if spec.startswith(f"{AGENTFLOW}:"):
        return _build_agent(spec, args, recorded)
    if not asks_a_model(spec):
        return make_policy(spec)
    return make_policy(spec, **_settings(spec, args, recorded))


def _build_agent(spec: str, args: argparse.Namespace, recorded: dict[str, Any]) -> Policy:
    """The agent, with the roles of the file, of the run that goes on, and of the flags, which come last."""
    settings = _settings(spec.partition(":")[2], args, recorded)
    roles = {**(settings.pop("roles", None) or {}), **dict(getattr(args, "role", None) or [])}
    for name, given in roles.items():
        told = dict(given) if isinstance(given, Mapping) else {"policy": given}
        price = _price(told["policy"], args) if asks_a_model(str(told.get("policy"))) else None
        roles[name] = told if price is None else {**told, "price": price}
    return make_policy(spec, **settings, roles=roles)


def _settings(spec: str, args: argparse.Namespace, recorded: dict[str, Any]) -> dict[str, Any]:
    """Of a model: recorded, from the file, and given, which comes last."""
    given = {
        "base_url": args.base_url,
        "api_key": args.api_key,
        "temperature": args.temperature,
        "max_tokens": args.max_tokens,
        "timeout_s": args.timeout,
        "tools": args.tools,
        "client": args.client,
        "stream": args.stream or None,
        "token_ids": getattr(args, "token_ids", False) or None,
        "price": _price(spec, args) if asks_a_model(spec) else None,
    }
    settings = recorded | policy_settings(args.config)
    return settings | {name: value for name, value in given.items() if value is not None}


def _price(spec: str, args: argparse.Namespace) -> Price | None:
    """What the tokens of a model cost, as a file says, or as was known when the run was begun."""
    known: Price | None = getattr(args, "known_prices", {}).get(spec)
    table = getattr(args, "prices", None)  # not every command that plays takes one
    if table is None and args.max_cost is None:
        return known
    model = spec.partition(":")[2]
    price = find_price(model, table) or known
    if price is None and args.max_cost is not None:
        raise UsageError(
            f"--max-cost needs the price of {model!r}, which is not known: give a table with --prices FILE, "
            "or install litellm's with: pip install 'agentgym-async[litellm]'"
        )
    return price


async def play(
    suite: Suite,
    policy: Policy,
    folder: Path | None,
    args: argparse.Namespace,
    shown: Progress,
    *,
    spec: str,
    seed: int,
    limit: int | None,
    trials: int | None,
    idle: JsonObject | None = None,
) -> RunResult:
    """Play a suite into a run directory; Ctrl-C once lets calls under way come to their end, and twice does not.

    What the idle agent scores is kept beside it.
    """
    lines = make_lines(args.concurrency, Retries(patience_s=args.patience))
    lines.price_of = cache(lambda model: _price(f"openai:{model}", args))
    budget = Budget(tokens=args.max_run_tokens, cost_usd=args.max_cost, seconds=args.max_seconds)
    label = f"{suite.id} / {policy.name}"

    def begin(planned: int | None, found: int) -> None:
        if folder is not None and idle is not None:
            keep_baseline(folder, idle)
        shown.begin(label, lines, planned, found)

    async with aclosing(policy), interruptible(lines) as scope:
        with scope:
            result = await run(
                suite,
                policy,
                folder,
                spec=spec,
                seed=seed,
                limit=limit,
                trials=trials,
                lines=lines,
                budget=budget,
                caps=dict(args.cap or []),
                preflight=not args.no_preflight,
                on_start=begin,
                on_episode=shown.episode,
            )
        if scope.cancelled_caught:
            result = RunResult(_summary_of(folder), Interrupted("stopped at once"), folder)
    shown.end(result)
    return result


_BOUNDS = {"cost_usd": "max-cost", "tokens": "max-run-tokens"}


def resume_hint(folder: str | Path, args: argparse.Namespace, stopped: RunStopped) -> str:
    """How to go on; what the run may cost in all stays bounded, but for what is used up, as is said."""
    words = ["agentgym", "resume", str(folder)]
    spent = stopped.of if isinstance(stopped, BudgetSpent) else None
    for budget, name in _BOUNDS.items():
        if (most := getattr(args, name.replace("-", "_"))) is not None and budget != spent:
            words += [f"--{name}", str(most)]
    if args.prices is not None:
        words += ["--prices", str(args.prices)]
    lifted = f"without that bound, or with a new --{_BOUNDS[spent]}, " if spent in _BOUNDS else ""
    return f"{lifted}resume with: {join(words)}"


def _summary_of(folder: Path | None) -> JsonObject:
    """What there is of a run that was cut; nothing, where it was cut before it began."""
    return {} if folder is None or not (folder / INFO).exists() else summarise(folder)
