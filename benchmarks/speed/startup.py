"""What starting costs, in CPU of whole processes, as ratios.

Run it with `python -m benchmarks.speed.startup`.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from functools import partial
from statistics import median

from benchmarks.speed.measure import interleaved, ratio

BARE = "pass"
PEER = "import anyio\nfrom pydantic import BaseModel\nclass One(BaseModel):\n    number: int"
HELP = "import sys\nfrom agentgym.cli import main\nsys.exit(main(['--help']))"
ROOM = "from agentgym import ToolEnv, tool, rollout"

PROGRAMS = {
    "a bare interpreter": BARE,
    "import agentgym": "import agentgym",
    "agentgym --help": HELP,
    "import anyio + one pydantic model": PEER,
    ROOM: ROOM,
}
COMPARED = (
    ("import agentgym", "a bare interpreter", 3.0),
    ("agentgym --help", "a bare interpreter", 5.0),
    (ROOM, "import anyio + one pydantic model", 1.4),
)


def cpu_of(program: str) -> float:
    """CPU seconds of one interpreter that runs the program."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(rounds: int = 15) -> None:
    """Print each start beside its floor."""
    taken = interleaved({name: partial(cpu_of, program) for name, program in PROGRAMS.items()}, rounds=rounds)
    for name, values in taken.items():
        print(f"{median(values) * 1000:7.1f} ms CPU   {name}")
    for name, floor, most in COMPARED:
        print(f"{ratio(taken, name, floor):7.2f} x (at most {most:g})   {name}   against   {floor}")


if __name__ == "__main__":
    main()
