"""`agentgym retail ACTION`: make a world, and find out what is wrong with tasks."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agentgym.cli.output import write, write_json, write_table
from agentgym.cli.settings import seed
from agentgym.cli.transcript import printable
from agentgym.errors import DataFileError, UsageError

if TYPE_CHECKING:
    from environments.retail.audit import Finding
    from environments.retail.database import RetailDB
    from environments.retail.env import RetailEnv
    from environments.retail.task import RetailTask


@dataclass(frozen=True, slots=True)
class _Audit:
    """What was found in one file."""

    name: str
    tasks: Sequence[RetailTask]
    findings: Sequence[Finding]

    @property
    def flawed(self) -> list[str]:
        flawed = {finding.task for finding in self.findings if finding.is_flaw}
        return [task.id for task in self.tasks if task.id in flawed]

    @property
    def sound(self) -> list[RetailTask]:
        flawed = set(self.flawed)
        return [task for task in self.tasks if task.id not in flawed]


def configure(parser: argparse.ArgumentParser) -> None:
    """Which action, and what of it."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    _configure_world(actions.add_parser("world", help="make a world and tasks from a seed, and write them as files"))
    _configure_audit(actions.add_parser("audit", help="find tasks whose reference fails, or that doing nothing solves"))


def run(args: argparse.Namespace) -> int:
    """Do it, and print what came of it."""
    return _world(args) if args.action == "world" else _audit(args)


def _configure_world(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--out", metavar="DIR", type=Path, required=True, help="the folder to write to")
    parser.add_argument("--seed", metavar="N", type=seed, default=0, help="what all chance comes from (default: 0)")
    for name, count in (("users", 500), ("orders", 1000), ("products", 50)):
        parser.add_argument(f"--{name}", metavar="N", type=_count, default=count, help=f"how many (default: {count})")
    for name, count in (("train", 520), ("test", 120)):
        help = f"how many tasks of the split {name}, where so many can be made (default: {count})"
        parser.add_argument(f"--{name}", metavar="N", type=_count, default=count, help=help)
    help = "the files of tau-bench, or those of tau2-bench (default: tau)"
    parser.add_argument("--format", choices=("tau", "tau2"), default="tau", help=help)
    parser.add_argument("--force", action="store_true", help="replace files that are there")
    parser.add_argument("--json", action="store_true", help="print what was written as one JSON object")


def _configure_audit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="DIR", type=Path, help="the world (default: our own)")
    parser.add_argument("--tasks", metavar="FILE", type=Path, help="the tasks (default: those beside the world)")
    parser.add_argument("--profile", choices=("compat", "typed", "tau2"), default="compat", help="whose rules")
    parser.add_argument("-o", "--out", metavar="FILE", type=Path, help="write the tasks that have no flaw")
    parser.add_argument("--json", action="store_true", help="print all findings as one JSON object")


def _world(args: argparse.Namespace) -> int:
    from environments.retail.database import RetailDB
    from environments.retail.world.own import split_tasks
    from environments.retail.world.tables import make_tables

    db = RetailDB(*make_tables(seed=args.seed, users=args.users, orders=args.orders, products=args.products))
    asked = {"test": args.test, "train": args.train}
    tasks = {split: split_tasks(db, split, count, seed=args.seed) for split, count in asked.items()}
    files = _write_world(args, db, tasks)
    counts = {"users": len(db.users), "orders": len(db.orders), "products": len(db.products)}
    made = {split: len(listed) for split, listed in tasks.items()}
    if args.json:
        write_json({"seed": args.seed, **counts, "tasks": made, "files": [str(path) for path in files]})
        return 0
    write(f"{args.out}: {', '.join(f'{count} {name}' for name, count in counts.items())}")
    for split, count in asked.items():
        short = f" of {count}: the world holds no more" if made[split] < count else ""
        write(f"{split}: {made[split]} tasks{short}")
    return 0


def _write_world(args: argparse.Namespace, db: RetailDB, tasks: Mapping[str, Sequence[RetailTask]]) -> list[Path]:
    if args.format == "tau2":
        from environments.retail.tau2.files import write_tau2_world
        from environments.retail.tau2.world import Tau2DB

        return write_tau2_world(args.out, Tau2DB.of(db), tasks, replace=args.force)
    from environments.retail.world.files import write_world

    return write_world(args.out, db, tasks, replace=args.force)


def _audit(args: argparse.Namespace) -> int:
    from environments.retail.env import RetailEnv

    env = RetailEnv(args.data, profile=args.profile)
    audits = [_audit_file(path, env) for path in _files(args, env)] or [_audit_own(env)]
    if args.out is not None:
        sound = [task for audit in audits for task in audit.sound]
        with _writable(args.out):
            _write_tasks(args, sound)
    if args.json:
        write_json(_report(audits))
    else:
        _tell(audits)
    return int(any(finding.is_flaw for audit in audits for finding in audit.findings))


def _write_tasks(args: argparse.Namespace, tasks: Sequence[RetailTask]) -> None:
    if args.profile == "tau2":
        from environments.retail.tau2.files import write_tau2_tasks

        write_tau2_tasks(args.out, tasks)
    else:
        from environments.retail.taskfiles import write_task_file

        write_task_file(args.out, tasks, ids=True)


def _files(args: argparse.Namespace, env: RetailEnv) -> Sequence[Path]:
    if args.tasks is not None:
        return [args.tasks]
    found = env.task_files()
    if args.data is not None and not found:
        named = "tasks.json" if args.profile == "tau2" else "tasks_*.jsonl"
        raise UsageError(f"{args.data} holds no {named}; name a file with --tasks")
    return found


def _audit_own(env: RetailEnv) -> _Audit:
    from environments.retail.audit import audit_tasks

    tasks = list(env.tasks())
    return _Audit("our own world", tasks, list(audit_tasks(tasks, env)))


def _audit_file(path: Path, env: RetailEnv) -> _Audit:
    from environments.retail.audit import Finding, audit_tasks

    read = list(env.read_each(path))
    tasks = [task for task in read if not isinstance(task, DataFileError)]
    unread = [Finding("", "unreadable", str(error)) for error in read if isinstance(error, DataFileError)]
    return _Audit(str(path), tasks, [*unread, *audit_tasks(tasks, env)])


def _report(audits: Sequence[_Audit]) -> object:
    return {
        "tasks": sum(len(audit.tasks) for audit in audits),
        "flawed": sum(len(audit.flawed) for audit in audits),
        "files": [
            {
                "file": audit.name,
                "tasks": len(audit.tasks),
                "flawed": audit.flawed,
                "findings": [{**asdict(finding), "is_flaw": finding.is_flaw} for finding in audit.findings],
            }
            for audit in audits
        ],
    }


def _tell(audits: Sequence[_Audit]) -> None:
    for audit in audits:
        kinds = Counter(finding.kind for finding in audit.findings)
        told = "; ".join(f"{count} x {kind}" for kind, count in kinds.items()) or "nothing found"
        write(printable(f"{audit.name}: {len(audit.tasks)} tasks, {len(audit.flawed)} flawed: {told}"))
        rows = [(finding.task or "-", finding.kind, printable(finding.what)) for finding in audit.findings]
        if rows:
            write_table(("task", "finding", "what"), rows)


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; give another file with -o") from None


def _count(text: str) -> int:
    if not (text.isdecimal() and len(text) < 8):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0, below 10 million")
    return int(text)
