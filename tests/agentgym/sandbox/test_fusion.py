"""SandboxFusion against a stand-in that speaks its wire format: every row of the table, every failure of a service."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import pytest

from agentgym.errors import EndpointFault, UsageError
from agentgym.sandbox import Allowance, Case, CaseResult, FusionSandbox, Program
from agentgym.testing import virtual_backend
from agentgym.transport import OnChunk, Reply, Transport

pytestmark = pytest.mark.anyio


def load(name: str) -> ModuleType:
    """A stand-in, by its path: tests are no package."""
    spec = importlib.util.spec_from_file_location(f"standin_{name}", Path(__file__).parent / "standins" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


fusion, serving = load("fusion"), load("serving")
finished, overran, answer = fusion.finished, fusion.overran, fusion.answer
COMPILED = {"status": "Finished", "execution_time": 0.1, "return_code": 0, "stdout": "", "stderr": ""}
HEADER = "Traceback (most recent call last):"
TRACEBACK = (
    f'{HEADER}\n  File "/tmp/tmpq1/tmpzz.py", line 9, in <module>\n    f()\n'
    '  File "/tmp/tmpq1/tmpzz.py", line 3, in f\n    json.loads("")\n'
    '  File "/usr/lib/python3.11/json/decoder.py", line 355, in raw_decode\n    raise JSONDecodeError()\n'
    "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)\n"
)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


async def asked(
    answers: Any,
    program: Program | str = "print(3)",
    case: Case | None = None,
    *,
    allowance: Allowance | None = None,
    patience_s: float = 0.0,
    path: str = "",
    prefix: str = "",
) -> tuple[CaseResult, list[dict[str, Any]]]:
    """The result of one case, and what the service was asked."""
    service = fusion.FusionService(answers, serving.Served, prefix=prefix)
    program = Program(program) if isinstance(program, str) else program
    with service.server as server:
        async with FusionSandbox(f"{server.url}{prefix}{path}", patience_s=patience_s) as sandbox:
            [result] = await sandbox.run(program, [case or Case("", "3")], allowance)
    return result, service.requests


@pytest.mark.parametrize("path", ["", "/", "/run_code", "/run_code/"])
async def test_a_base_url_and_a_full_one_are_the_same(path: str) -> None:
    result, _ = await asked(finished("3\n"), path=path)
    assert result.status == "passed"


async def test_a_service_behind_a_path() -> None:
    result, _ = await asked(finished("3\n"), prefix="/team/sandbox")
    assert result.status == "passed"


async def test_what_is_sent() -> None:
    allowance = Allowance(cpu_s=2.0, wall_s=4.0, memory_mb=512)
    _, [request] = await asked(finished("3\n"), "print(input())", Case("in\n", "expected"), allowance=allowance)
    assert request == {
        "code": "print(input())",
        "language": "python",
        "stdin": "in\n",
        "compile_timeout": 10,
        "run_timeout": 4.0,
        "memory_limit_MB": 576,
        "files": {},
        "fetch_files": [],
    }


async def test_other_languages_go_by_the_services_names() -> None:
    _, [request] = await asked(finished("3\n"), Program("console.log(3)", "javascript"))
    assert (request["language"], request["memory_limit_MB"]) == ("nodejs", -1)
    with pytest.raises(UsageError, match="no language 'cobol'"):
        await asked(finished("3\n"), Program("", "cobol"))


async def test_surrogates_are_sent_as_what_utf8_can_hold() -> None:
    _, [request] = await asked(finished("3\n"), "print('\ud800')", Case("\udfff"))
    assert (request["code"], request["stdin"]) == ("print('\ufffd')", "\ufffd")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (finished("3\n"), {"status": "passed", "exit_status": 0, "wall_s": 0.01, "cpu_s": None}),
        (finished("4\n"), {"status": "wrong_answer", "stdout": "4\n"}),
        (
            finished("[DecodeError] 'utf-8' codec"),
            {"status": "wrong_answer", "message": "the service could not decode"},
        ),
        (finished("x" * (1 << 20)), {"status": "output_limit"}),
        (finished("3", code=1, stderr="ValueError"), {"status": "runtime_error", "error_type": "ExitStatus"}),
        (finished("3", code=2), {"status": "runtime_error", "message": "ended with exit status 2", "exit_status": 2}),
        (finished(code=-9), {"status": "runtime_error", "error_type": "Signal", "exit_status": -9}),
        (
            finished(code=1, stderr=TRACEBACK),
            {
                "status": "runtime_error",
                "error_type": "JSONDecodeError",
                "message": "Expecting value: line 1 column 1 (char 0)",
                "line": 3,
            },
        ),
        (
            finished(
                code=1, stderr="  File \"/tmp/a.py\", line 2\n    x = (\n        ^\nSyntaxError: '(' was never closed\n"
            ),
            {"status": "runtime_error", "error_type": "SyntaxError", "message": "'(' was never", "line": 2},
        ),
        (
            finished(code=1, stderr=f'{HEADER}\n  File "/a", line 1, in <module>\nMemoryError\n'),
            {"status": "memory", "error_type": "MemoryError", "line": 1},
        ),
        (overran("part"), {"status": "timeout", "limit": "wall", "stdout": "part", "exit_status": None}),
        (overran("x" * 70_000), {"status": "output_limit"}),
        (
            answer("Failed", compiled={**COMPILED, "return_code": 1, "stderr": "main.cpp:1: error: no"}),
            {"status": "runtime_error", "error_type": "CompileError", "message": "main.cpp:1: error: no"},
        ),
        (
            answer("Failed", compiled={**COMPILED, "status": "TimeLimitExceeded", "return_code": None}),
            {"status": "timeout", "limit": "wall", "message": "compiling took too long"},
        ),
        (answer("Success", compiled=COMPILED, run={**COMPILED, "stdout": "3"}), {"status": "passed"}),
        (answer("Success", run={**COMPILED, "stdout": "3", "stderr": None}), {"status": "passed", "stderr": ""}),
    ],
)
async def test_the_ends_of_programs(said: Any, told: dict[str, Any]) -> None:
    result, requests = await asked(said, patience_s=30.0)
    assert len(requests) == 1
    for name, value in told.items():
        got = getattr(result, name)
        assert got.startswith(value) if name == "message" else got == value


async def test_no_path_of_the_services_is_in_what_is_told() -> None:
    result, _ = await asked(finished(code=1, stderr=TRACEBACK))
    assert "/tmp" not in result.stderr
    assert 'File "main.py", line 3, in f' in result.stderr


async def test_a_torn_answer_is_asked_for_again_and_never_scored() -> None:
    result, requests = await asked(["torn", finished("3\n")], patience_s=30.0)
    assert (result.status, len(requests)) == ("passed", 2)
    result, requests = await asked("torn")
    assert (result.status, len(requests)) == ("sandbox_error", 1)
    assert "/run_code: no whole answer came" in result.message


@pytest.mark.parametrize("status", [400, 401, 404, 405, 413, 422, 301])
async def test_a_plain_no_is_not_asked_again(status: int) -> None:
    result, requests = await asked((status, '{"detail": "language"}'), patience_s=30.0)
    assert (result.status, len(requests)) == ("sandbox_error", 1)
    assert f"status {status}" in result.message


async def test_nobody_there() -> None:
    async with FusionSandbox("http://127.0.0.1:9/?key=sk-canary", patience_s=0.0) as sandbox:
        [result] = await sandbox.run(Program("print(3)"), [Case("", "3")])
    assert result.status == "sandbox_error"
    assert "cannot connect" in result.message
    assert "sk-canary" not in result.message


async def test_a_program_in_python_is_sent_as_it_is_and_its_end_is_read() -> None:
    code = "import sys\nprint(int(input()) + 1)\nif len(sys.argv) > 5: pass\n{}['k']"
    result, [request] = await asked("execute", code, Case("2", "3"))
    assert request["code"] == code
    assert (result.status, result.error_type, result.message, result.line) == ("runtime_error", "KeyError", "'k'", 4)
    assert result.stderr.startswith('Traceback (most recent call last):\n  File "main.py", line 4, in <module>\n')


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_program_that_takes_too_long_does_so_by_the_clock() -> None:
    code = "print('a', flush=True)\nimport time\ntime.sleep(99)"
    result, _ = await asked("execute", code, allowance=Allowance(wall_s=4.0))
    assert (result.status, result.limit, result.stdout) == ("timeout", "wall", "a\n")


async def test_locals_are_looked_at_by_the_driver() -> None:
    result, _ = await asked("execute", Program("print(1)\ndef f(n):\n    return n / 0\nf(7)", show_locals=True))
    assert (result.status, result.error_type, result.line) == ("runtime_error", "ZeroDivisionError", 3)
    assert (result.variables, result.stdout) == ((("n", "7"),), "1\n")
    assert result.stderr.startswith('Traceback (most recent call last):\n  File "main.py", line 4, in <module>\n')


@pytest.mark.parametrize(
    ("code", "status", "told"),
    [
        ("def f(a, b): return a + b", "passed", {"value": "3", "stdout": ""}),
        (
            "class Solution:\n    def f(self, a, b):\n        print('noise'); return 3.",
            "passed",
            {"stdout": "noise\n"},
        ),
        ("import atexit; atexit.register(print, 'bye')\ndef f(a, b): return a + b", "passed", {"value": "3"}),
        ("def f(a, b): return a - b", "wrong_answer", {"value": "-1"}),
        ("def f(a, b): return str(a + b)", "wrong_answer", {"value": '"3"'}),
        ("def f(a, b):\n    return a[b]", "runtime_error", {"error_type": "TypeError", "line": 2}),
        ("def f(a, b): return {a}", "runtime_error", {"message": "f returned set, which JSON cannot hold"}),
        ("def f(a): (", "runtime_error", {"error_type": "SyntaxError", "line": 1}),
        ("print(3)\nraise SystemExit", "runtime_error", {"error_type": "SystemExit", "stdout": "3\n"}),
        ("import os\nprint(3, flush=True)\nos._exit(0)", "runtime_error", {"error_type": "ExitStatus"}),
        ("import os\ndef f(a, b): os._exit(7)", "runtime_error", {"exit_status": 7}),
        ("import sys\ndef f(a, b):\n    sys.stdout.close(); return 3", "passed", {"value": "3"}),
    ],
)
async def test_functions_are_called_by_the_driver(code: str, status: str, told: dict[str, Any]) -> None:
    result, [request] = await asked("execute", Program(code, function="f"), Case("1\n2", "3"))
    assert result.status == status
    for name, value in told.items():
        assert getattr(result, name) == value
    assert request["stdin"] == "1\n2"


async def test_no_more_are_under_way_than_allowed() -> None:
    service = fusion.FusionService("execute", serving.Served)
    with service.server as server:
        async with FusionSandbox(server.url, concurrency=2) as sandbox:
            results = await sandbox.run(Program("print(input())"), [Case(str(n), str(n)) for n in range(6)])
    assert [result.status for result in results] == ["passed"] * 6
    assert service.most_under_way <= 2


CASES = [Case("1", "1"), Case("2", "3"), Case("3")]


async def batched(batch: Any, program: Program | None = None, *, runs: int = 1) -> tuple[list[str], Any]:
    """The statuses of three cases of an echo, and the service."""
    service = fusion.FusionService("execute", serving.Served, batch=batch)
    with service.server as server:
        async with FusionSandbox(server.url, batch=True) as sandbox:
            for _ in range(runs):
                results = await sandbox.run(program or Program("print(input())"), CASES)
    return [result.status for result in results], service


async def test_all_cases_in_one_request_whose_verdicts_are_ours() -> None:
    tests = [{"passed": False, "exec_info": finished(f"{number}\n")} for number in (1, 2, 3)]
    statuses, service = await batched({"accepted": False, "extracted_code": "print(input())", "tests": tests})
    assert (statuses, service.requests) == (["passed", "wrong_answer", "ran"], [])
    [asked] = service.batches
    sent = asked["config"]["provided_data"]["test_cases"]
    assert (sent["input"], sent["output"]) == (["1", "2", "3"], [""] * 3)
    assert asked["completion"] == "```python\nprint(input())\n```"


TORN = [{"passed": True, "exec_info": finished("1\n")}] * 2


@pytest.mark.parametrize(
    "batch",
    [
        {"tests": TORN},
        {"tests": [*TORN, {"passed": True}]},
        {"tests": [*TORN, {"exec_info": answer("SandboxError")}]},
        {"tests": [*TORN, TORN[0]], "extracted_code": "print(1)"},
        {"accepted": True},
        (200, "<html>"),
        (500, ""),
    ],
)
async def test_a_batch_that_does_not_tell_of_all_is_run_case_by_case(batch: Any) -> None:
    statuses, service = await batched(batch, runs=2)
    assert (statuses, len(service.requests)) == (["passed", "wrong_answer", "ran"], 6)
    assert len(service.batches) == 2


async def test_a_service_without_batches_is_asked_for_one_once() -> None:
    statuses, service = await batched((404, ""), runs=2)
    assert (statuses, len(service.requests), len(service.batches)) == (["passed", "wrong_answer", "ran"], 6, 1)


async def test_what_a_batch_could_garble_is_run_case_by_case() -> None:
    _, service = await batched((500, ""), Program("print('```')"))
    assert (service.batches, len(service.requests)) == ([], 3)


async def test_cancelling_lets_go_of_a_silent_service() -> None:
    service = fusion.FusionService("silent", serving.Served)
    with service.server as server:
        async with FusionSandbox(server.url) as sandbox:
            with anyio.move_on_after(0.3) as scope:
                await sandbox.run(Program(""), [Case()])
            assert scope.cancelled_caught


class Scripted(Transport):
    """Gives one answer or fault after another, and notes when."""

    def __init__(self, script: list[Reply | EndpointFault]) -> None:
        self.script = script
        self.times: list[float] = []
        self.timeouts: list[float] = []

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float, on_chunk: OnChunk | None = None
    ) -> Reply:
        self.times.append(anyio.current_time())
        self.timeouts.append(timeout_s)
        said = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(said, EndpointFault):
            raise said
        return said


ITS_OWN_FAULT = [
    answer("SandboxError", message="no more containers"),
    answer("SandboxError", run={**COMPILED, "stdout": "3"}),
    answer("Success"),
    answer("Failed", compiled=COMPILED),
    answer("Failed", run=COMPILED),
    answer("Failed", run={**COMPILED, "status": "Error", "return_code": None}),
    answer("Success", run={**COMPILED, "return_code": None}),
    answer("Success", run=[]),
    answer("Perhaps", run=COMPILED),
    {},
    Reply(200, b"<html>"),
    Reply(200, b"[1]"),
    Reply(200, b"[" * 100_000),
    Reply(200, b"\xff"),
    Reply(200, b""),
    Reply(500, b'{"detail": "boom", "traceback": "..."}'),
    Reply(502, b""),
    Reply(503, b""),
    Reply(504, b"gateway"),
    Reply(429, b"slow down"),
]


def reply(said: Any) -> Reply:
    return said if isinstance(said, Reply) else Reply(200, json.dumps(said).encode())


class TestInVirtualTime:
    @pytest.fixture(params=["asyncio", "trio"])
    def anyio_backend(self, request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
        return virtual_backend(request.param)

    async def play(self, transport: Scripted, **options: Any) -> CaseResult:
        sandbox = FusionSandbox("http://fusion.test", transport=transport, **options)
        [result] = await sandbox.run(Program(""), [Case("", "3")], Allowance(wall_s=7.0))
        return result

    @pytest.mark.parametrize("said", ITS_OWN_FAULT, ids=range(len(ITS_OWN_FAULT)))
    async def test_what_the_service_gets_wrong_is_asked_again_and_never_scored(self, said: Any) -> None:
        transport = Scripted([reply(said), reply(finished("3\n"))])
        assert (await self.play(transport)).status == "passed"
        assert len(transport.times) == 2
        transport = Scripted([reply(said)])
        result = await self.play(transport, patience_s=0.0)
        assert (result.status, len(transport.times)) == ("sandbox_error", 1)
        assert result.message.startswith("http://fusion.test/run_code: ")

    async def test_pauses_grow_and_patience_has_an_end(self) -> None:
        transport = Scripted([EndpointFault("no answer within 1 s", kind="timeout")])
        result = await self.play(transport, patience_s=60.0)
        assert result.status == "sandbox_error"
        pauses = [later - sooner for sooner, later in zip(transport.times, transport.times[1:], strict=False)]
        assert pauses[0] <= 0.5
        assert all(4.0 <= pause <= 8.0 for pause in pauses[5:])
        assert 50.0 <= transport.times[-1] - transport.times[0] <= 60.0

    async def test_a_service_that_asks_to_be_left_alone_is(self) -> None:
        busy = Reply(429, b"", {"retry-after": "20"})
        transport = Scripted([busy, Reply(200, b'{"status": "SandboxError"}'), busy])
        result = await self.play(transport, patience_s=30.0)
        assert (result.status, len(transport.times)) == ("sandbox_error", 3)
        assert transport.times[1] - transport.times[0] >= 20.0

    async def test_every_call_has_a_deadline(self) -> None:
        transport = Scripted([EndpointFault("no", kind="refused")])
        await self.play(transport)
        assert transport.timeouts == [10.0 + 7.0 + 10.0]


@pytest.mark.parametrize("options", [{"concurrency": 0}, {"patience_s": -1.0}, {"patience_s": float("inf")}])
def test_settings_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        FusionSandbox("http://localhost:8080", **options)
