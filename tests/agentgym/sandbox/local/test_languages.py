"""Programs in other languages, and programs of several processes."""

from __future__ import annotations

import pytest

from agentgym.errors import UsageError
from agentgym.sandbox import Allowance, Case, Program
from agentgym.sandbox.local import LocalSandbox

pytestmark = pytest.mark.anyio


async def has(sandbox: LocalSandbox, language: str) -> None:
    """Or else the test is skipped."""
    await sandbox.start()
    if language not in sandbox.languages:
        pytest.skip(f"{language} is not to be had here")


async def has_processes(sandbox: LocalSandbox) -> None:
    await sandbox.start()
    if "pid namespace" not in sandbox.layers:
        pytest.skip("there are no process namespaces here")


async def test_a_shell_script_runs_with_all_it_starts(sandbox: LocalSandbox) -> None:
    await has(sandbox, "bash")
    code = "read n; echo $((n + 1)) | tr 0-9 a-j; for i in 1 2 3; do echo $i; done | wc -l"
    (result,) = await sandbox.run(Program(code, language="bash"), [Case("41", "ec\n3")])
    assert result.status == "passed", result


async def test_javascript_runs(sandbox: LocalSandbox) -> None:
    await has(sandbox, "javascript")
    code = "const n = +require('fs').readFileSync(0, 'utf8'); console.log(n * 2)"
    results = await sandbox.run(Program(code, language="javascript"), [Case("21", "42"), Case("2", "5")])
    assert [result.status for result in results] == ["passed", "wrong_answer"], results


@pytest.mark.parametrize(
    ("language", "code", "status"),
    [
        ("bash", "exit 3", "runtime_error"),
        ("bash", "while :; do :; done", "timeout"),
        ("bash", "while :; do printf '%09000d' 1; done", "output_limit"),
        ("javascript", "while (true);", "timeout"),
        ("javascript", "throw new Error('no')", "runtime_error"),
    ],
)
async def test_other_languages_have_the_same_limits(
    language: str, code: str, status: str, sandbox: LocalSandbox
) -> None:
    await has(sandbox, language)
    allowance = Allowance(cpu_s=0.5 if status == "timeout" else 20, output_bytes=10_000)
    (result,) = await sandbox.run(Program(code, language=language), [Case()], allowance)
    assert result.status == status, result
    assert "/agentgym-" not in result.stderr, "the same in every run"


async def test_a_script_sees_nothing_of_the_machine(sandbox: LocalSandbox) -> None:
    await has(sandbox, "bash")
    (result,) = await sandbox.run(Program("cat /etc/passwd; ls /root /home; ps ax; env", language="bash"), [Case()])
    assert "root:" not in result.stdout
    assert "agentgym" not in result.stdout


async def test_another_language_is_refused_by_name(sandbox: LocalSandbox) -> None:
    with pytest.raises(UsageError, match=r"no language 'ruby' here; there are: python"):
        await sandbox.run(Program("puts 1", language="ruby"), [Case()])


async def test_processes_are_to_be_asked_for(sandbox: LocalSandbox) -> None:
    await has_processes(sandbox)
    code = "import os\nif not os.fork():\n  print('child', flush=True); os._exit(0)\nos.wait(); print('parent')"
    (alone,) = await sandbox.run(Program(code), [Case()])
    assert (alone.status, alone.error_type) == ("runtime_error", "PermissionError")
    (several,) = await sandbox.run(Program(code), [Case(expected="child\nparent")], Allowance(processes=2))
    assert several.status == "passed", several


async def test_without_process_namespaces_they_are_refused() -> None:
    async with LocalSandbox(workers=1, namespaces=False) as sandbox:
        assert "bash" not in sandbox.languages
        with pytest.raises(UsageError, match="processes=2 needs process namespaces"):
            await sandbox.run(Program("1"), [Case()], Allowance(processes=2))


async def test_a_pool_of_processes_works(sandbox: LocalSandbox) -> None:
    await has_processes(sandbox)
    code = "from multiprocessing import Pool\ndef f(n): return n * n\n"
    code += "if __name__ == '__main__':\n  with Pool(2) as pool: print(pool.map(f, range(4)))"
    (result,) = await sandbox.run(Program(code), [Case(expected="[0, 1, 4, 9]")], Allowance(processes=8))
    assert result.status == "passed", result


@pytest.mark.parametrize(
    "code",
    [
        "import os\nwhile 1:\n  try: os.fork()\n  except OSError: pass",
        "import os\nwhile 1:\n  if not os.fork():\n    for _ in range(10**5): pass\n    os._exit(0)\n  os.wait()",
        "import os\nfor _ in range(3):\n  if not os.fork():\n    os.setsid()\n    while 1: pass\nwhile 1: os.wait()",
    ],
    ids=["bomb", "relay", "detached"],
)
async def test_the_time_of_all_processes_counts(code: str, sandbox: LocalSandbox) -> None:
    await has_processes(sandbox)
    (result,) = await sandbox.run(Program(code), [Case()], Allowance(processes=4, cpu_s=0.3, wall_s=60))
    assert (result.status, result.limit) == ("timeout", "cpu"), result


async def test_what_a_program_leaves_running_ends_with_it(sandbox: LocalSandbox) -> None:
    await has_processes(sandbox)
    code = "import os, time\nif not os.fork():\n  os.setsid()\n  time.sleep(60)\nprint('done')"
    (result,) = await sandbox.run(Program(code), [Case(expected="done")], Allowance(processes=2))
    assert result.status == "passed"
    assert result.wall_s is not None
    assert result.wall_s < 10
