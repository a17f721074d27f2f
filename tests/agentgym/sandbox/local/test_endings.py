"""What a program may use is bounded, and running out of it is told as what it is."""

from __future__ import annotations

import pytest

from agentgym.sandbox import Allowance, Case, Program
from agentgym.sandbox.local import LocalSandbox

pytestmark = pytest.mark.anyio

SLACK_S = 5.0
"""Beyond a limit, on a machine that is busy with other things: more than that is no limit."""


@pytest.mark.parametrize("code", ["while 1: pass", "3 ** 10 ** 9", "x = 'a'\nwhile 1: x.count('b')"])
@pytest.mark.parametrize("cases", [1, 2])
async def test_processor_time_is_bounded_for_each_case(code: str, cases: int, sandbox: LocalSandbox) -> None:
    results = await sandbox.run(Program(code), [Case()] * cases, Allowance(cpu_s=0.2, wall_s=60))
    for result in results:
        assert (result.status, result.limit, result.exit_status) == ("timeout", "cpu", None)
        assert result.cpu_s is not None
        assert 0.2 <= result.cpu_s <= 0.2 + SLACK_S


async def test_the_time_of_all_threads_counts(sandbox: LocalSandbox) -> None:
    code = "import threading, zlib\ndef f():\n  while 1: zlib.crc32(bytes(10**7))\n"
    code += "for _ in range(3): threading.Thread(target=f).start()"
    (result,) = await sandbox.run(Program(code), [Case()], Allowance(cpu_s=0.2, wall_s=60))
    assert (result.status, result.limit) == ("timeout", "cpu")


@pytest.mark.parametrize(
    "code",
    [
        "import time; time.sleep(60)",
        "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
        "import threading; threading.Lock().acquire(); threading.Event().wait()",
    ],
)
async def test_a_sleeper_is_ended_by_the_clock(code: str, sandbox: LocalSandbox) -> None:
    (result,) = await sandbox.run(Program(code), [Case()], Allowance(cpu_s=1, wall_s=0.2))
    assert (result.status, result.limit) == ("timeout", "wall")
    assert result.wall_s is not None
    assert result.wall_s < 0.2 + SLACK_S


@pytest.mark.parametrize(
    "code",
    [
        "bytearray(600 << 20)",
        "kept = []\nwhile 1: kept.append(list(range(1000)))",
        "kept = {}\nfor n in range(10**8): kept[n] = (n, str(n))",
        "import mmap; mmap.mmap(-1, 600 << 20)[0] = 1; raise MemoryError",
    ],
)
async def test_memory_is_bounded(code: str, sandbox: LocalSandbox) -> None:
    (result,) = await sandbox.run(Program(code), [Case()], Allowance(memory_mb=128))
    assert result.status == "memory" or (result.error_type == "OSError" and "mmap" in code), result


@pytest.mark.parametrize(
    "code",
    [
        "while 1: print('x' * 1000)",
        "import sys\nwhile 1: sys.stderr.write('x' * 1000)",
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nwhile 1: print('x' * 1000)",
        "file = open('a', 'wb')\nwhile 1: file.write(bytes(10**6))",
    ],
)
async def test_output_and_files_are_bounded(code: str, sandbox: LocalSandbox) -> None:
    (result,) = await sandbox.run(Program(code), [Case()], Allowance(output_bytes=100_000))
    assert result.status == "output_limit"
    assert len(result.stdout) <= 100_000
    assert len(result.stderr) <= 100_000


@pytest.mark.parametrize("kept", ["", "; os.unlink('0')"], ids=["named", "nameless"])
async def test_many_files_together_are_bounded(kept: str, sandbox: LocalSandbox) -> None:
    code = "import os\nfiles = []\nwhile 1:\n"
    code += f"  f = open('0' if {bool(kept)} else str(len(files)), 'wb'); f.write(bytes(1 << 20)); f.flush()"
    (result,) = await sandbox.run(Program(f"{code}{kept}; files.append(f)"), [Case()], Allowance(scratch_mb=8))
    assert result.status == "output_limit" or "No space left" in result.message or "Too many" in result.message


async def test_a_result_that_is_too_long_is_not_read(sandbox: LocalSandbox) -> None:
    program = Program("def f(n): return 'x' * n", function="f")
    results = await sandbox.run(program, [Case("10", '"xxxxxxxxxx"'), Case("5000")], Allowance(output_bytes=1000))
    assert [result.status for result in results] == ["passed", "output_limit"]
