"""Files of tasks as the commands take them: what is no task is told, and left out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agentgym.cli.transcript import printable
from agentgym.errors import DataFileError

if TYPE_CHECKING:
    from environments.retail.factory.envelope import Blueprint
    from environments.retail.factory.files import StoredTask

_TOLD = 5
"""So many of those that are left out are told of one by one."""


@dataclass(frozen=True, slots=True)
class Read:
    """The tasks of a file."""

    tasks: Sequence[StoredTask]
    left_out: int
    """Entries that are no tasks."""

    @property
    def pairs(self) -> list[tuple[str, Blueprint]]:
        """Each with its id."""
        return [(task.id, task.blueprint) for task in self.tasks]


def tasks_of(path: Path) -> Read:
    """The tasks of a file; where there is none, the first fault is raised."""
    from environments.retail.factory.files import read_each

    tasks: list[StoredTask] = []
    faults: list[DataFileError] = []
    for read in read_each(path):
        if isinstance(read, DataFileError):
            faults.append(read)
            continue
        try:
            _ = read.blueprint
        except DataFileError as error:
            faults.append(error)
        else:
            tasks.append(read)
    if not tasks:
        raise faults[0]
    for fault in faults[:_TOLD]:
        sys.stderr.write(f"left out: {printable(str(fault))}\n")
    if len(faults) > _TOLD:
        sys.stderr.write(f"left out: {len(faults) - _TOLD} more of {path}\n")
    return Read(tasks, len(faults))
