"""Runs programs in plain processes without any isolation: enough for programs this repository wrote itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any

import anyio
import anyio.to_thread

from environments.programs.observing import Observed
from environments.programs.problem import Case, Problem

WORKER = r"""
import json, os, resource, signal, sys, traceback, warnings
warnings.simplefilter("ignore")

def call(names, fn_name, arguments):
    found = names.get(fn_name) or getattr(names["Solution"](), fn_name)
    print(json.dumps(found(*arguments)))

def play(request, case, report):
    names = {"__name__": "__main__"}
    answer = {"status": "ran"}
    try:
        exec(compile(request["code"], "main.py", "exec", dont_inherit=True), names)
        if request["fn_name"]:
            call(names, request["fn_name"], case["arguments"])
        sys.stdout.flush()
    except SystemExit:
        pass
    except MemoryError:
        answer = {"status": "memory"}
    except BaseException as error:
        frames = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == "main.py"]
        line = error.lineno if isinstance(error, SyntaxError) and not frames else (frames or [None])[-1]
        answer = {"status": "runtime_error", "error_type": type(error).__name__, "message": str(error), "line": line}
    os.write(report, json.dumps(answer).encode()[:60000])

def limited(request):
    resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, request["cpu_s"])
    signal.alarm(20)

def run(request, case):
    given, printed = os.memfd_create("in"), os.memfd_create("out")
    os.write(given, case["input"].encode())
    os.lseek(given, 0, 0)
    reading, report = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(given, 0)
        os.dup2(printed, 1)
        sys.stdin, sys.stdout = open(0), open(1, "w")
        limited(request)
        play(request, case, report)
        os._exit(0)
    os.close(report)
    answer = os.read(reading, 65536)
    _, status = os.waitpid(pid, 0)
    text = os.pread(printed, 1 << 21, 0).decode(errors="replace")
    for fd in (given, printed, reading):
        os.close(fd)
    killed = {signal.SIGPROF: "timeout", signal.SIGALRM: "timeout", signal.SIGXFSZ: "output_limit"}
    if os.WIFSIGNALED(status):
        return {"status": killed.get(os.WTERMSIG(status), "memory"), "output": text}
    return json.loads(answer or b'{"status": "memory"}') | {"output": text}

wire = os.fdopen(os.dup(0))
for line in wire:
    request = json.loads(line)
    answer = [run(request, case) for case in request["cases"]]
    os.write(2, (json.dumps(answer) + "\n").encode())
"""


class PlainRuns:
    """A few processes that run programs; `observe` is what the package asks for."""

    def __init__(self, *, cpu_s: float = 0.5, processes: int = 2) -> None:
        self._cpu_s = cpu_s
        self._processes = processes
        self._free: list[subprocess.Popen[str]] = []
        self._places = anyio.Semaphore(processes)
        self.programs: list[str] = []

    async def __aenter__(self) -> Callable[[Problem, str, Sequence[Case]], Awaitable[list[Observed]]]:
        self._free = [_worker() for _ in range(self._processes)]
        return self.observe

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for process in self._free:
            process.communicate(timeout=30)

    async def observe(self, problem: Problem, code: str, cases: Sequence[Case]) -> list[Observed]:
        self.programs.append(code)
        given = [{"input": case.input, "arguments": case.arguments if problem.fn_name else []} for case in cases]
        request = {"code": code, "fn_name": problem.fn_name, "cpu_s": self._cpu_s, "cases": given}
        async with self._places:
            process = self._free.pop()
            try:
                answers = await anyio.to_thread.run_sync(_asked, process, json.dumps(request))
            finally:
                self._free.append(process)
        return [_judged(problem, case, answer) for case, answer in zip(cases, answers, strict=True)]


def _worker() -> subprocess.Popen[str]:
    command = [sys.executable, "-I", "-c", WORKER]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1)


def _asked(process: subprocess.Popen[str], request: str) -> list[dict[str, Any]]:
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(request + "\n")
    answers: list[dict[str, Any]] = json.loads(process.stderr.readline())
    return answers


def _judged(problem: Problem, case: Case, answer: dict[str, Any]) -> Observed:
    if answer["status"] == "ran":
        right = _same(problem, case, answer["output"])
        answer["status"] = "passed" if right else "wrong_answer"
    return Observed(**answer)


def _same(problem: Problem, case: Case, output: str) -> bool:
    if problem.fn_name:
        got = json.loads(output.splitlines()[-1])
        return json.dumps(got) == json.dumps(case.result)
    lines = [[line.split() for line in text.rstrip().split("\n")] for text in (output, case.output)]
    return lines[0] == lines[1]
