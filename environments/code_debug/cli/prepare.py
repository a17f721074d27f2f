"""`agentgym code prepare`: conversations in which programs are debugged."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

import anyio

from agentgym.cli.options import whole_number
from agentgym.cli.settings import seed
from agentgym.errors import UsageError
from agentgym.extras import require
from agentgym.jsontext import dump_json, parse_json
from agentgym.runs import written_whole
from agentgym.sandbox.specs import make_sandbox
from environments.code_debug.cli.options import add_problems, add_sandbox, chosen_problems, sandbox_spec
from environments.code_debug.conversations import Prepared, prepare
from environments.code_debug.env import CodeDebugEnv
from environments.code_debug.prompts import PRESETS
from environments.programs.observing import is_remote, observe_in
from environments.programs.problem import Problem


def configure(parser: argparse.ArgumentParser) -> None:
    """From which problems, and how they are put."""
    add_problems(parser)
    add = parser.add_argument
    add(
        "--output",
        metavar="FILE",
        type=Path,
        required=True,
        help="a .jsonl file; beside it a .parquet one, with pyarrow",
    )
    add("--seed", metavar="N", type=seed, default=0, help="equal seeds make equal conversations (default: 0)")
    add("--prompt", choices=PRESETS, default="retool", help="what the agent is told (default: retool)")
    add("--tool-config", metavar="FILE", type=Path, help="other names and words for the tools, as YAML")
    add("--concurrency", metavar="N", type=whole_number, default=2, help="problems at a time (default: 2)")
    add_sandbox(parser, cpu_s=1.0)


def run(args: argparse.Namespace) -> int:
    """Make and write them; where there is none to write, it exits with 1."""
    if args.output.suffix == ".parquet":
        raise UsageError(f"--output {args.output}: name a .jsonl file; the .parquet one is written beside it")
    spec = sandbox_spec(args)
    problems = chosen_problems(args, remote=is_remote(spec))
    told = _Told()
    try:
        with written_whole(args.output) as file:
            anyio.run(partial(_prepare, spec, problems, args, partial(told.tell, file)))
    except OSError as error:
        raise UsageError(f"cannot write {args.output}: {error.strerror or error}") from None
    if told.written and find_spec("pyarrow") is not None:
        write_parquet(args.output)
    sys.stderr.write(f"{told.summary()}\n")
    return int(not told.written)


async def _prepare(spec: str, problems: Iterable[Problem], args: argparse.Namespace, tell: partial[None]) -> None:
    async with make_sandbox(spec) as sandbox:
        make_env = partial(CodeDebugEnv, sandbox, prompt=args.prompt, tool_config=args.tool_config)
        make_env()  # finds wrong settings before anything is run
        await prepare(
            problems,
            make_env=make_env,
            observe=observe_in(sandbox, cpu_s=args.cpu_s),
            tell=tell,
            seed=args.seed,
            cpu_s=args.cpu_s,
            concurrency=args.concurrency,
        )


def write_parquet(rows: Path) -> None:
    """The rows of a JSON Lines file as parquet, beside it."""
    pyarrow, parquet = require("pyarrow"), require("pyarrow.parquet")
    with rows.open(encoding="utf-8") as file:
        table = pyarrow.Table.from_pylist([parse_json(line) for line in file])
    parquet.write_table(table, rows.with_suffix(".parquet"))


class _Told:
    """Writes rows as they come, and counts them."""

    def __init__(self) -> None:
        self.written = self.left_out = 0
        self._patterns = Counter[str]()

    def tell(self, file: BinaryIO, prepared: Prepared) -> None:
        """Write one, or say why there is none."""
        if prepared.row is None:
            self.left_out += 1
            sys.stderr.write(f"{prepared.query_id}: left out: {prepared.problem}\n")
            return
        metadata = prepared.row["metadata"]
        assert isinstance(metadata, dict)
        self._patterns[str(metadata["pattern"])] += 1
        self.written += 1
        file.write(dump_json(prepared.row) + b"\n")

    def summary(self) -> str:
        """All of them in one line."""
        patterns = ", ".join(f"{count} {name}" for name, count in sorted(self._patterns.items()))
        return f"{self.written} conversations{': ' if patterns else ''}{patterns}; {self.left_out} problems left out"
