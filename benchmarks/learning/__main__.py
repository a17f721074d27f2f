"""`python -m benchmarks.learning [--only TASK] [--seeds 0,1,2]`: every seed, the means, and whether they are held."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agentgym.cli.output import write, write_table
from agentgym.errors import AgentGymError
from agentgym.jsontext import dump_json
from benchmarks.learning.figures import Learnt, flat

TASKS = ("special-tokens", "code-debug", "retail")
"""Each is a module: `learn(seed, folder, say=...)` gives figures, `held(found)` by bar whether it is held."""


def main(argv: Sequence[str] | None = None) -> int:
    """Learn, tell and judge: 1 where a bar is missed, 2 where a stage failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning", description=__doc__)
    add = parser.add_argument
    add("--only", choices=TASKS, action="append", help="may be repeated (default: all)")
    add("--seeds", metavar="LIST", type=_seeds, default=(0, 1, 2), help="default: 0,1,2")
    add("--out", metavar="FILE", type=Path, help="where the figures go, as JSON")
    add("--work", metavar="DIR", type=Path, help="where models and runs are kept (default: a folder that goes again)")
    args = parser.parse_args(argv)
    learnt: list[Learnt] = []
    with nullcontext(str(args.work)) if args.work else TemporaryDirectory(prefix="learning-") as folder:
        for task in args.only or TASKS:
            try:
                learnt.append(_learnt(task, args.seeds, Path(folder).absolute()))
            except AgentGymError as error:
                sys.stderr.write(f"{task}: {error}\n")
                return 2
            _tell(learnt[-1])
            if args.out is not None:
                args.out.write_bytes(dump_json([each.as_json() for each in learnt]) + b"\n")
    return int(not all(each.is_held for each in learnt))


def _learnt(task: str, seeds: Sequence[int], folder: Path) -> Learnt:
    module: Any = import_module(f"benchmarks.learning.{task.replace('-', '_')}")
    found: dict[int, Any] = {}
    for seed in seeds:
        found[seed] = module.learn(seed, folder / task / f"seed-{seed}", say=_say)
        _say(f"# {task}, seed {seed}: {dump_json(found[seed]).decode()}")
    figures = {seed: flat(each) for seed, each in found.items()}
    return Learnt(task, figures, module.held(list(found.values())))


def _tell(learnt: Learnt) -> None:
    columns = [*(f"seed {seed}" for seed in learnt.seeds), "mean"]
    write(f"\n{learnt.task}")
    write_table(("figure", *columns), list(learnt.rows()), right=columns)
    for bar, held in learnt.held.items():
        write(f"{'held  ' if held else 'MISSED'}  {bar}")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _seeds(text: str) -> tuple[int, ...]:
    try:
        return tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of whole numbers such as 0,1,2") from None


if __name__ == "__main__":
    sys.exit(main())
