"""Tasks of two makers side by side: how many hold, and how much they ask for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from statistics import mean, median

from agentgym.errors import DataFileError
from agentgym.messages import JsonObject
from environments.retail.database import RetailDB
from environments.retail.factory.analysis.references import references
from environments.retail.factory.checks import Checked, check_blueprint
from environments.retail.factory.envelope import Blueprint
from environments.retail.factory.files import StoredTask, read_each

_FORMAT = "FORMAT_"
_INCONSISTENT = "USER_ID_INCONSISTENT"


def summarise_tasks(path: str | Path, db: RetailDB) -> JsonObject:
    """What the tasks of a file come to, those that were not accepted among them; fractions are of all."""
    count = 0
    checked: list[Checked] = []
    sound: list[tuple[str, Blueprint]] = []
    for read in read_each(path):
        count += 1
        if isinstance(read, DataFileError):
            continue
        checked.append(check_blueprint(read.given, db))
        if _is_whole(read, checked[-1]):
            sound.append((read.id, read.blueprint))
    consistent = sum(_INCONSISTENT not in each.codes for each in checked)
    return {
        "count": count,
        "format_valid_count": len(sound),
        "format_valid_fraction": len(sound) / count if count else 0.0,
        "user_id_consistent_count": consistent,
        "user_id_consistent_fraction": consistent / count if count else 0.0,
        **_sizes([task for _, task in sound]),
        "validator_valid_count": sum(each.valid for each in checked),
        "executable_fraction": sum(map(_is_executable, checked)) / count if count else 0.0,
        "real_data_reference": references(sound, db),
    }


def comparison(
    direct: Path, agent: Path, db: RetailDB, *, num_tasks: int, moment: datetime | None = None
) -> JsonObject:
    """Both files beside each other."""
    return {
        "timestamp": (moment or datetime.now().astimezone()).isoformat(timespec="seconds"),
        "num_tasks_requested": num_tasks,
        "direct_out": str(direct),
        "agent_out": str(agent),
        "direct_summary": summarise_tasks(direct, db),
        "agent_summary": summarise_tasks(agent, db),
    }


def _is_whole(task: StoredTask, checked: Checked) -> bool:
    """Whether it is a task at all."""
    if any(code.startswith(_FORMAT) for code in checked.codes):
        return False
    try:
        _ = task.blueprint
    except DataFileError:
        return False
    return True


def _is_executable(checked: Checked) -> bool:
    """Whether it has calls, and all of them work."""
    return bool(checked.trace) and all(traced.worked for traced in checked.trace)


def _sizes(tasks: Sequence[Blueprint]) -> JsonObject:
    counts = [len(task.agt) for task in tasks]
    return {
        "avg_actions": mean(counts) if counts else 0.0,
        "median_actions": median(counts) if counts else 0.0,
        "avg_outputs": mean(len(task.ogt) for task in tasks) if tasks else 0.0,
    }
