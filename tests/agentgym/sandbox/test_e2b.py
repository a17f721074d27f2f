"""E2B through its SDK against a stand-in for its API: programs, a pool of sandboxes, and every exception mapped."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import pytest

from agentgym.errors import UsageError
from agentgym.sandbox import Allowance, Case, CaseResult, E2BSandbox, Program

pytest.importorskip("e2b_code_interpreter")
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the SDK's own
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def load(name: str) -> ModuleType:
    """A stand-in, by its path: tests are no package."""
    spec = importlib.util.spec_from_file_location(f"standin_{name}", Path(__file__).parent / "standins" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


e2b, serving = load("e2b"), load("serving")
ROOMY = Allowance(cpu_s=20.0)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("E2B_API_KEY", "E2B_DOMAIN", "E2B_API_URL", "E2B_SANDBOX_URL", "E2B_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "*")


def made(url: str, **options: Any) -> E2BSandbox:
    return E2BSandbox(**{"api_key": e2b.KEY, "api_url": url, "sandbox_url": url, "patience_s": 0.0, **options})


async def asked(
    answers: Any,
    program: Program | str = "print(3)",
    case: Case | None = None,
    *,
    allowance: Allowance = ROOMY,
    creates: Any = (),
    **options: Any,
) -> tuple[CaseResult, Any]:
    """The result of one case, and the service that was asked."""
    service = e2b.E2BService(answers, serving.Served, creates=creates)
    program = Program(program) if isinstance(program, str) else program
    with service.server as server:
        async with made(server.url, **options) as sandbox:
            [result] = await sandbox.run(program, [case or Case("", "3")], allowance)
    return result, service


@pytest.mark.parametrize(
    ("program", "given", "told"),
    [
        ("print(int(input()) + 1)", "2", {"status": "passed", "stdout": "3\n", "exit_status": 0}),
        ("print('x' * 100_000)", "", {"status": "wrong_answer", "stdout": "x" * 100_000 + "\n"}),
        ("x = 1\nx.y", "", {"status": "runtime_error", "error_type": "AttributeError", "line": 2}),
        ("while True: pass", "", {"status": "timeout", "limit": "cpu"}),
        ("import time; time.sleep(99)", "", {"status": "timeout", "limit": "wall"}),
        ("x = bytearray(1 << 30)", "", {"status": "memory"}),
        ("while True: print('x' * 10_000)", "", {"status": "output_limit"}),
        (Program("def f(a): return a + 1", function="f"), "2", {"status": "passed", "value": "3"}),
        (Program("read x; echo $((x + 1))", "bash"), "2", {"status": "passed"}),
    ],
)
async def test_programs_run_in_a_process_of_their_own(program: Any, given: str, told: dict[str, Any]) -> None:
    brief = {"cpu": Allowance(cpu_s=0.5, wall_s=60.0), "wall": Allowance(wall_s=2.0)}
    allowance = brief.get(told.get("limit", ""), ROOMY)
    result, service = await asked("execute", program, Case(given, "3"), allowance=allowance)
    for name, value in told.items():
        assert getattr(result, name) == value
    assert service.alive == 0


async def test_no_path_of_its_own_is_in_what_is_told() -> None:
    result, _ = await asked("execute", "1 / 0")
    assert result.stderr.startswith('Traceback (most recent call last):\n  File "main.py", line 1, in <module>\n')


async def test_sandboxes_are_made_when_needed_used_again_and_ended() -> None:
    service = e2b.E2BService("execute", serving.Served)
    with service.server as server:
        async with made(server.url, concurrency=2, template="mine", life_s=600) as sandbox:
            for _ in range(2):
                results = await sandbox.run(Program("print(input())"), [Case(str(n), str(n)) for n in range(4)])
                assert [result.status for result in results] == ["passed"] * 4
            assert len(service.created) <= 2
        assert service.alive == 0
    assert service.created[0]["templateID"] == "mine"
    assert service.created[0]["timeout"] == 600


async def test_a_sandbox_that_soon_ends_is_not_used_again() -> None:
    service = e2b.E2BService("execute", serving.Served)
    with service.server as server:
        async with made(server.url, life_s=40) as sandbox:
            await sandbox.run(Program("print(1)"), [Case()], Allowance(wall_s=0.5))
            await sandbox.run(Program("print(1)"), [Case()], Allowance(wall_s=9.9999))
            assert service.executed == ["box1", "box2"]
            assert service.killed == ["box1"]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([{"type": "stdout", "text": "3\n"}], {"status": "passed"}),
        (
            [{"type": "error", "name": "ValueError", "value": "no", "traceback": "..."}],
            {"status": "runtime_error", "error_type": "ValueError", "message": "no"},
        ),
    ],
)
async def test_an_interpreter_that_died_or_is_another_is_read_as_it_speaks(lines: Any, told: dict[str, Any]) -> None:
    result, _ = await asked([lines])
    for name, value in told.items():
        assert getattr(result, name) == value


@pytest.mark.parametrize("said", [(404, "not found"), (429, "slow"), (500, "x"), (502, "gone"), (503, "busy"), "torn"])
async def test_what_the_service_gets_wrong_is_asked_again_elsewhere(said: Any) -> None:
    result, service = await asked([said, "execute"], patience_s=30.0)
    assert (result.status, service.executed) == ("passed", ["box1", "box2"])
    assert service.alive == 0
    result, service = await asked(said)
    assert (result.status, service.alive) == ("sandbox_error", 0)
    assert e2b.KEY not in result.message


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_sandbox_that_cannot_be_had_is_asked_for_again(status: int) -> None:
    result, _ = await asked("execute", creates=[status], patience_s=30.0)
    assert result.status == "passed"
    result, service = await asked("execute", creates=[status] * 9)
    assert (result.status, service.executed) == ("sandbox_error", [])
    assert e2b.KEY not in result.message


@pytest.mark.parametrize("status", [400, 403])
async def test_a_plain_no_is_not_asked_again(status: int) -> None:
    result, service = await asked("execute", creates=[status], patience_s=30.0)
    assert (result.status, service.created) == ("sandbox_error", [])
    assert e2b.KEY not in result.message


@pytest.mark.parametrize("key", ["e2b_wrong", None])
async def test_a_key_that_is_refused_or_missing(key: str | None) -> None:
    result, _ = await asked("execute", api_key=key, patience_s=30.0)
    assert result.status == "sandbox_error"
    assert "E2B_API_KEY" in result.message
    assert "e2b_wrong" not in result.message


async def test_cancelling_ends_the_sandbox_of_the_program() -> None:
    service = e2b.E2BService("silent", serving.Served)
    with service.server as server:
        async with made(server.url) as sandbox, anyio.create_task_group() as group:
            group.start_soon(sandbox.run, Program(""), [Case()], ROOMY)
            with anyio.fail_after(60):
                while not service.executed:  # noqa: ASYNC110 # the server is in another thread
                    await anyio.sleep(0.01)
            group.cancel_scope.cancel()
        assert service.killed == ["box1"]


def test_another_event_loop_is_refused() -> None:
    async def play() -> None:
        sandbox = E2BSandbox(api_key=e2b.KEY)
        with pytest.raises(UsageError, match="asyncio"):
            await sandbox.run(Program(""), [Case()])
        with pytest.raises(UsageError, match="asyncio"):
            await sandbox.start()

    anyio.run(play, backend="trio")


async def test_what_it_does_not_have_is_refused() -> None:
    async with made("http://127.0.0.1:9") as sandbox:
        with pytest.raises(UsageError, match="no language 'cobol' at E2B; there are: python, bash, javascript"):
            await sandbox.run(Program("", "cobol"), [Case()])
        with pytest.raises(UsageError, match="life_s=900"):
            await sandbox.run(Program(""), [Case()], Allowance(wall_s=1000.0))
    with pytest.raises(UsageError, match="life_s=0"):
        made("http://127.0.0.1:9", life_s=0)
