"""The benchmark of the sandbox prints its ratios, counts everybody's CPU, and is measured beside graders that judge."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.speed import sandbox
from benchmarks.speed.graders import Forked, Pair, one_process_each, python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the local sandbox needs Linux")

CASES: list[Pair] = [("1\n", "2\n"), ("2\n", "3\n"), ("3\n", "4\n")]
RIGHT = "import sys\nprint(int(sys.stdin.readline()) + 1)\n"
WRONG_ON_THE_SECOND = "number = int(input())\nprint(number + (number != 2))\n"
BUSY = "import time\nwhile time.process_time() < 0.6:\n    pass\nprint(time.process_time(), flush=True)\n"
"""Takes so much CPU, however long that may last, and tells how much it was."""
SAID = "print('ended', flush=True)\n"


def test_a_process_for_each_case_judges_each(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(RIGHT, encoding="utf-8")
    assert one_process_each(python(file, "-I", "-S"), CASES) == [True, True, True]
    file.write_text(WRONG_ON_THE_SECOND, encoding="utf-8")
    assert one_process_each(python(file, "-I", "-S"), CASES) == [True, False, True]


@pytest.mark.parametrize("mocks", [True, False], ids=["mocks", "no mocks"])
def test_the_forked_checker_judges_up_to_the_first_failure(mocks: bool) -> None:
    with Forked() as judged:
        assert judged(RIGHT, CASES, mocks=mocks, times=2) == [[True, True, True]] * 2
        assert judged(f"{RIGHT}sys.exit(0)\n", CASES, mocks=mocks) == [[True, True, True]]
        assert judged(WRONG_ON_THE_SECOND, CASES, mocks=mocks) == [[True, False]]
        assert judged("1 / 0\n", CASES, mocks=mocks) == [[False]]
        assert judged("print(1.50)\n", [("", "1.5\n")], mocks=mocks) == [[True]], "numbers are compared as numbers"


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(BUSY, id="a child that has ended"),
        pytest.param(f"{BUSY}{SAID}input()\n", id="a child that lives"),
        pytest.param(
            f"import os\nif not os.fork():\n    exec({BUSY!r})\n    os._exit(0)\nos.wait()\n{SAID}input()\n",
            id="its child",
        ),
        pytest.param(f"import os\nif os.fork():\n    os._exit(0)\n{BUSY}{SAID}input()\n", id="an orphan that lives"),
        pytest.param(f"import os\nif os.fork():\n    os._exit(0)\n{BUSY}", id="an orphan that has ended"),
    ],
)
def test_everybodys_cpu_is_counted_once(code: str) -> None:
    with sandbox.adopting_orphans():
        before_s = sandbox.family_cpu_s()
        command = [sys.executable, "-I", "-S", "-c", code]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            told_s = float(process.stdout.readline())
            process.stdout.readline()  # at its end, or when the CPU has been taken
            if "input" not in code:
                process.wait()
            taken_s = sandbox.family_cpu_s() - before_s
            process.kill()
        assert told_s - 0.1 < taken_s < told_s + 0.5
        assert sandbox.family_cpu_s() - before_s == pytest.approx(taken_s, abs=0.2), "and again when it has ended"


@pytest.mark.slow
def test_every_figure_is_printed_beside_its_goal(capsys: pytest.CaptureFixture[str]) -> None:
    sandbox.main(quick=True)  # which asserts that everybody judged every program right
    printed = capsys.readouterr().out
    against = {
        what: float(figure) for figure, what in re.findall(r"^ *([\d.]+) x .*\.\. [\d.]+ +(\S.*)$", printed, re.M)
    }
    for name in ("rlimits alone", "python3 -I -S", "python3"):
        assert f"CPU of one program on one case, against {name}" in against
    assert "bubblewrap" in printed
    for cases in ("1 case", "10 cases", "100 cases"):
        for name in ("a forked checker", "it without its mocks", "python3 -I -S for each case"):
            assert against[f"CPU of one program on {cases}, against {name}"] > 0
    for at_once in (1, 8, 64):
        assert f"programs a second, {at_once} at once on 1 case, against python3 -I -S" in against
        assert against[f"programs a second of CPU, {at_once} at once on 1 case"] > 0
    for cases in ("10 cases", "100 cases"):
        assert against[f"programs a second of CPU, 8 at once on {cases}"] > 0
    for goal in ("at most 1.15", "at most 0.40", "at most 0.15", "at most 0.10", "at most 0.08", "at least 4"):
        assert f"({goal})" in printed
