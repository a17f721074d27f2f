"""A trial of one agent, from its flags to what is printed."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, aclosing
from hashlib import blake2b
from itertools import count
from pathlib import Path
from shlex import quote

import anyio

from agentgym.baseline import play_baseline
from agentgym.cli.output import write_json, write_table
from agentgym.cli.progress import progress
from agentgym.cli.running import build_policy, play
from agentgym.cli.transcript import printable
from agentgym.errors import Interrupted, UsageError
from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject
from agentgym.policies.specs import AGENTFLOW
from agentgym.policy import Policy
from agentgym.runner import RunResult
from agentgym.runs import INFO, read_episodes
from agentgym.suite import Suite
from environments.retail.database import RetailDB
from environments.retail.factory.cases import read_cases
from environments.retail.factory.cli.options import spec_of
from environments.retail.factory.cli.trialprogress import TrialProgress
from environments.retail.factory.config import TauBenchConfig
from environments.retail.factory.reporting import Report, write_report
from environments.retail.factory.tester import Plan, player_of, report_of, suite_of
from environments.retail.factory.thresholds import Thresholds

_MOST_TOLD = 20


class Trial:
    """What one command tries."""

    def __init__(self, args: argparse.Namespace, db: RetailDB, data: str | None) -> None:
        self._args = args
        self._db = db
        self._data = data
        self._config = _settled(args)
        self._thresholds = Thresholds.of(self._config)
        cases, left_out = read_cases(args.tasks, db)
        self._cases = cases[: args.limit]
        if left_out:
            _say(f"{args.tasks}: {left_out} tasks are left out, which were not accepted when they were made")
        if args.policy and args.model:
            raise UsageError("--policy and --model both name who is tried; leave one out")
        spec = args.policy or spec_of(args.model or self._config.default_model)
        self._spec = "oracle" if args.dry_run else spec
        if args.role and not self._spec.startswith(f"{AGENTFLOW}:"):
            raise UsageError("--role is for an agent built of policies: give --policy agentflow:POLICY too")
        if args.visualize:
            from environments.retail.factory.picture import check_can_draw

            check_can_draw()

    def run(self) -> int:
        """Play, print, write what is asked for, and give the exit code."""
        return anyio.run(self._run)

    async def _run(self) -> int:
        async with AsyncExitStack() as stack:
            plan = await self._plan(stack)
            policy = player_of(plan, build_policy(self._spec, self._args))
            suite = suite_of(self._cases, self._db, plan, name=_slug(self._args.tasks.stem), data=self._data)
            folder = self._folder(suite, policy)
            result, idle = await self._play(plan, suite, policy, folder)
        played = read_episodes(folder) if (folder / INFO).exists() else ()
        report = report_of(self._cases, played, self._db, plan, model=policy.name)
        self._tell(report, idle, folder)
        return self._end(report, result, folder)

    async def _plan(self, stack: AsyncExitStack) -> Plan:
        args, config = self._args, self._config
        customer = rewriter = None
        if args.dry_run and (args.dual_model or args.enhance_query):
            _say("a dry run asks no model: the reference plays, and the customer only listens")
        elif args.dual_model or args.enhance_query:
            model = await stack.enter_async_context(aclosing(self._user_policy()))
            if not args.no_preflight:
                await model.preflight()
            customer, rewriter = model if args.dual_model else None, model if args.enhance_query else None
        limited = config.source("test_timeout") != "default"  # else the wall clock would count faults as failures
        return Plan(
            customer=customer,
            rewriter=rewriter,
            dry_run=args.dry_run,
            max_steps=args.max_steps,
            max_seconds=config.test_timeout if limited else None,
            trials=args.trials,
        )

    def _user_policy(self) -> Policy:
        args, config = self._args, self._config
        spec = spec_of(args.user_model or config.user_model)
        url = args.user_base_url or config.user_base_url
        if args.base_url and not args.user_base_url and config.source("user_base_url") == "default":
            url = args.base_url  # one endpoint was named, which serves them both
        key = args.user_api_key or config.secret("user_api_key") or (args.api_key if url == args.base_url else None)
        other = {**vars(args), "base_url": url, "api_key": key, "tools": None, "role": None}
        policy = build_policy(spec, argparse.Namespace(**other))
        if policy.reads_reference:
            raise UsageError(f"--user-model {spec}: who knows the reference cannot play the customer")
        return policy

    async def _play(self, plan: Plan, suite: Suite, policy: Policy, folder: Path) -> tuple[RunResult, JsonObject]:
        args = self._args
        silent = suite_of(self._cases, self._db, Plan(max_steps=plan.max_steps))
        idle = await play_baseline(silent, seed=args.seed, limit=None, trials=1)
        assert idle is not None  # its customers ask no model
        with progress(quiet=args.quiet) as shown:
            told = TrialProgress(shown, folder, verbose=args.verbose)
            what = {"spec": self._spec, "seed": args.seed, "limit": None, "trials": plan.trials, "idle": idle}
            with told:
                return await play(suite, policy, folder, args, told, **what), idle

    def _folder(self, suite: Suite, policy: Policy) -> Path:
        """A new run's place, or that of the last run of the same question."""
        args = self._args
        if args.out is not None:
            first: Path = args.out
            if (first / INFO).exists() and not args.resume:
                raise UsageError(f"{first} holds a run; go on with it by --resume, or give another place with --out")
            return first
        question = [suite.id, suite.settings, suite.limits, policy.name, self._spec, policy.settings]
        question += [args.seed, args.trials, str(args.tasks.resolve())]
        digest = blake2b(dump_json(question), digest_size=4).hexdigest()
        first = Path("runs") / f"tasks-test--{_slug(args.tasks.stem)}--{_slug(self._spec)}--{digest}"
        numbered = (first if number == 1 else first.with_name(f"{first.name}-{number}") for number in count(1))
        last = None
        for folder in numbered:
            if not folder.exists():
                break
            last = folder if (folder / INFO).exists() else last
        if not args.resume:
            return folder
        if last is None:
            _say("there is no run of this question to go on with: a new one begins")
        return last or first

    def _tell(self, report: Report, idle: JsonObject, folder: Path) -> None:
        summary = report.summary
        if self._args.json:
            write_json({**summary, "run": str(folder)})
            return
        rows = [(name, _cell(value)) for name, value in summary.items() if name != "pass_hat_k"]
        rows += [(f"pass^{k}", _cell(value)) for k, value in _entries(summary["pass_hat_k"])]
        rows.append(("avg_action_precision_strict", _cell(report.mean(lambda row: row.actions.strict.precision))))
        rows.append(("avg_action_recall_strict", _cell(report.mean(lambda row: row.actions.strict.recall))))
        rows.append(("avg_action_f1_strict", _cell(report.mean(lambda row: row.actions.strict.f1))))
        rows.append(("success rate of a silent agent", _cell(idle["solved_rate"])))
        write_table(("figure", "value"), rows, right=("value",))

    def _end(self, report: Report, result: RunResult, folder: Path) -> int:
        args = self._args
        if args.save_results or args.visualize:
            self._write(report)
        _say(f"the run is kept in {folder}")
        self._tell_errors(report)
        missed = [verdict for verdict in self._thresholds.verdicts(report.summary) if not verdict.passed]
        for verdict in missed if args.check_thresholds else ():
            _say(str(verdict))
        if result.stopped is not None:
            _say(f"{result.stopped}; go on with the same command and --resume" + self._place(folder))
            return 130 if isinstance(result.stopped, Interrupted) else 1
        return int(bool(report.summary["not_evaluable"]) or (args.check_thresholds and bool(missed)))

    def _place(self, folder: Path) -> str:
        return "" if self._args.out is not None else f" (it is kept in {quote(str(folder))})"

    def _write(self, report: Report) -> None:
        args = self._args
        picture = None
        if args.visualize:
            from environments.retail.factory.picture import draw

            picture = draw(report)
        for path in write_report(args.output_dir, report, self._thresholds, save=args.save_results, picture=picture):
            _say(f"written: {path}")

    def _tell_errors(self, report: Report) -> None:
        told = [f"{result.task_id}: {result.error}" for result in report.results if result.error is not None]
        for line in told[:_MOST_TOLD]:
            _say(printable(line))
        if len(told) > _MOST_TOLD:
            _say(f"and {len(told) - _MOST_TOLD} more")


def _settled(args: argparse.Namespace) -> TauBenchConfig:
    """The factory's settings; they stand in for flags that were not given."""
    given = {name: getattr(args, name) for name in ("temperature", "max_tokens", "timeout")}
    config = TauBenchConfig.load(args.config, **given, default_base_url=args.base_url).use()
    args.base_url = config.default_base_url
    args.api_key = args.api_key or config.secret("default_api_key")
    args.temperature, args.max_tokens, args.timeout = config.temperature, config.max_tokens, config.timeout
    return config


def _entries(value: object) -> Iterator[tuple[str, object]]:
    yield from value.items() if isinstance(value, dict) else ()


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else printable(str(value))


def _slug(text: str) -> str:
    """Letters, digits and dots of it: a name that is safe on every disk."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")[:60] or "x"


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
