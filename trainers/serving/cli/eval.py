"""`agentgym model eval`: a model's figures on suites, beside those of the model before it was trained."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from shlex import quote
from typing import Any

import anyio

from agentgym.cli.output import write_json, write_table
from agentgym.cli.progress import Progress, progress
from agentgym.cli.running import play
from agentgym.cli.settings import MODEL, PACE, WHAT, add_settings, settle
from agentgym.errors import Interrupted, RunStopped, UsageError
from agentgym.extras import require
from agentgym.jsontext import dump_json
from agentgym.messages import JsonObject
from agentgym.policy import Policy
from agentgym.suite import Suite
from trainers.models.evaluating import EXPECTED, FIGURES, Figures

SETTINGS = (
    *(entry for entry in WHAT if entry.name in ("split", "set", "limit", "trials", "seed")),
    *(entry for entry in MODEL if entry.name in ("temperature", "max_tokens", "timeout", "tools")),
    *PACE,
)
BEFORE, AFTER = "before", "after"
RUNS = Path("runs")
_SHARES = set(FIGURES) - {"reward"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Which model, on what, and beside which other."""
    add = parser.add_argument
    add("folder", metavar="DIR", help="a checkpoint, such as outputs/merged_model")
    add("--before", metavar="DIR", help="the checkpoint that training began with")
    told = "a suite, an environment's id or path/to/file.py:Class; may be repeated"
    add("--suite", metavar="NAME|ENV", action="append", required=True, help=told)
    add("--tasks", metavar="FILE", type=Path, help="tasks in place of the suite's own")
    add_settings(parser, SETTINGS)
    add("--served", action="store_true", help="through `agentgym model serve`, over HTTP, and not in this process")
    add("--device", metavar="NAME", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    add("--dtype", choices=("auto", "float32", "bfloat16", "float16"), default="auto", help="of the weights")
    add("--threads", metavar="N", type=int, help="of the CPU (default: as torch has it)")
    add("--runs", metavar="DIR", type=Path, default=RUNS, help=f"where the episodes are kept (default: {RUNS}/)")
    add("--out", metavar="FILE", type=Path, help="write all figures as JSON")
    add("--json", action="store_true", help="print them as one JSON object")
    add("--no-preflight", action="store_true", help="do not look at the model first")
    add("--quiet", action="store_true", help="show no progress")


def run(args: argparse.Namespace) -> int:
    """Play and compare; exits with 1 where an episode is not evaluable."""
    from trainers.engine.checkpoint import check_folder
    from trainers.models.evaluating import suite_of

    settle(args, SETTINGS)
    if args.temperature is None:
        args.temperature = 0.0
    settings = dict(args.set or [])
    suites = [
        suite_of(name, split=args.split, tasks=args.tasks, settings=settings) for name in dict.fromkeys(args.suite)
    ]
    models = {AFTER: args.folder} if args.before is None else {BEFORE: args.before, AFTER: args.folder}
    for folder in models.values():
        check_folder(Path(folder))
    for suite in suites:
        suite.tasks()
    for package in ("torch", "transformers", *(("starlette", "uvicorn") if args.served else ())):
        require(package)  # told before anything slow is done
    _check_out(args.out)
    if args.threads is not None:
        require("torch").set_num_threads(args.threads)
    measured = Evaluation(args, suites)
    for when, folder in models.items():
        if measured.stopped is None:
            measured.play(when, folder)
    return measured.tell(models)


@dataclass(frozen=True, slots=True)
class Played:
    """One model on one suite."""

    figures: Figures
    summary: JsonObject
    run: str


class Evaluation:
    """All that one command plays."""

    def __init__(self, args: argparse.Namespace, suites: Sequence[Suite]) -> None:
        self.stopped: RunStopped | None = None
        self._args = args
        self._suites = suites
        self._idle: dict[str, JsonObject] = {}
        self._played: dict[tuple[str, str], Played] = {}

    def play(self, when: str, folder: str) -> None:
        """A model on every suite."""
        with _policies(folder, self._args) as make, progress(quiet=self._args.quiet) as shown:
            for suite in self._suites:
                anyio.run(self._play, suite, make(), when, folder, shown)
                if self.stopped is not None:
                    return

    def tell(self, models: Mapping[str, str]) -> int:
        """Print, write, and give the exit code."""
        told = self._json(models)
        if self._args.out is not None:
            self._args.out.write_bytes(dump_json(told) + b"\n")
        if self._args.json:
            write_json(told)
        else:
            self._write_table(models)
        if self._args.out is not None:
            sys.stderr.write(f"{self._args.out}\n")
        if self.stopped is not None:
            sys.stderr.write(f"{self.stopped}; the same command goes on where it stopped\n")
            return 130 if isinstance(self.stopped, Interrupted) else 1
        return int(any(played.figures.not_evaluable for played in self._played.values()))

    async def _play(self, suite: Suite, policy: Policy, when: str, folder: str, shown: Progress) -> None:
        from agentgym.baseline import play_baseline
        from agentgym.runs import read_episodes
        from trainers.models.evaluating import figures_of

        args = self._args
        what = {"seed": args.seed, "limit": args.limit, "trials": args.trials}
        if suite.id not in self._idle:
            idle = await play_baseline(suite, **what)
            if idle is None:
                raise UsageError(f"{suite.id} asks another model; it is measured with: agentgym bench {suite.id}")
            self._idle[suite.id] = idle
        place = _run_folder(args, suite, folder)
        spec = f"local:{folder}"
        result = await play(suite, policy, place, args, shown, spec=spec, idle=self._idle[suite.id], **what)
        self.stopped = result.stopped
        self._played[suite.id, when] = Played(figures_of(read_episodes(place)), result.summary, str(place))

    def _json(self, models: Mapping[str, str]) -> JsonObject:
        args = self._args
        return {
            "models": dict(models),
            "seed": args.seed,
            "temperature": args.temperature,
            "served": args.served,
            "suites": {suite.id: self._suite_json(suite.id, models) for suite in self._suites},
            "expected": dict(EXPECTED),
        }

    def _suite_json(self, suite: str, models: Mapping[str, str]) -> JsonObject:
        told: JsonObject = {}
        for when in models:
            played = self._played.get((suite, when))
            if played is not None:
                told[when] = {**played.figures.to_json(), "run": played.run, "summary": played.summary}
        idle = self._idle.get(suite, {})
        return {**told, "idle": {"success": idle.get("solved_rate"), "reward": idle.get("mean_reward")}}

    def _write_table(self, models: Mapping[str, str]) -> None:
        header = ["suite", "figure", "idle", *models, *(["change"] if BEFORE in models else []), "expected"]
        rows = [row for suite in self._suites for row in self._rows(suite.id, models)]
        write_table(header, rows, right=("idle", *models, "change"))

    def _rows(self, suite: str, models: Mapping[str, str]) -> Iterator[list[str]]:
        found = [self._played.get((suite, when)) for when in models]
        idle: Mapping[str, Any] = self._idle.get(suite, {})
        beside = {"success": idle.get("solved_rate"), "reward": idle.get("mean_reward")}
        counts = ["-" if played is None else _count(played.figures) for played in found]
        yield [suite, "episodes", "", *counts, *([""] if len(found) > 1 else []), ""]
        for name in FIGURES:
            values = [None if played is None else getattr(played.figures, name) for played in found]
            if any(value is not None for value in values):
                change = [_change(name, *values)] if len(values) > 1 else []
                shown = [_shown(name, value) for value in (beside.get(name), *values)]
                yield [suite, name.replace("_", " "), *shown, *change, EXPECTED.get(name, "")]


@contextmanager
def _policies(folder: str, args: argparse.Namespace) -> Iterator[Any]:
    """What makes the policy of a model: in this process, or asked over HTTP."""
    asked = {"temperature": args.temperature, "max_tokens": args.max_tokens, "tools": args.tools or "auto"}
    if args.timeout is not None:
        asked["timeout_s"] = args.timeout
    if not args.served:
        from trainers.serving.local import LocalPolicy

        yield lambda: LocalPolicy(folder, device=args.device, dtype=args.dtype, **asked)
        return
    from agentgym.policies.openai import OpenAIPolicy
    from trainers.serving.commands import default_name
    from trainers.serving.endpoint import endpoint

    words = ["--device", args.device, "--dtype", args.dtype]
    words += [] if args.threads is None else ["--threads", str(args.threads)]
    with endpoint(folder, *words) as address:
        yield lambda: OpenAIPolicy(default_name(folder), base_url=address, api_key="EMPTY", token_ids=True, **asked)


def _run_folder(args: argparse.Namespace, suite: Suite, folder: str) -> Path:
    """The same for the same question, so that asked again it goes on."""
    from trainers.engine.checkpoint import fingerprint

    tasks = None if args.tasks is None else blake2b(args.tasks.read_bytes(), digest_size=6).hexdigest()
    question = [
        *(suite.id, suite.settings, suite.split, tasks, args.seed, args.limit, args.trials),
        *(args.temperature, args.max_tokens, args.tools, args.served, args.dtype, fingerprint(Path(folder))),
    ]
    names = "--".join(_slug(name) for name in (suite.id, Path(folder).resolve().name))
    digest = blake2b(dump_json(question), digest_size=4).hexdigest()
    runs: Path = args.runs
    return runs / f"eval--{names}--{digest}"


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")[-60:] or "x"


def _check_out(out: Path | None) -> None:
    if out is not None and (out.is_dir() or not out.absolute().parent.is_dir()):
        raise UsageError(f"--out {quote(str(out))}: name a file in a folder that is there")


def _count(figures: Figures) -> str:
    lost = figures.not_evaluable
    return f"{figures.episodes} (+{lost} not evaluable)" if lost else str(figures.episodes)


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{100 * value:.1f} %" if name in _SHARES else f"{value:.3f}"


def _change(name: str, before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return "-"
    return f"{100 * (after - before):+.1f}" if name in _SHARES else f"{after - before:+.3f}"
