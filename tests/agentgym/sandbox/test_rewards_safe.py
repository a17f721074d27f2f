"""A program that cannot solve a case does not pass it, whatever it does to look as if it could."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from textwrap import dedent

import anyio
import pytest

from agentgym.sandbox import Allowance, Case, CaseResult, Program
from agentgym.sandbox.contract import Grading
from agentgym.sandbox.local import LocalSandbox
from tests.agentgym.sandbox.worlds import GRADED, WORLDS, local_sandbox

ANSWERS = {str(number): f"answer-{secrets.token_hex(8)}" for number in range(4)}
"""What no program can know; it stands for what a poor program cannot compute."""
STDIN_CASES = [Case(number, answer) for number, answer in ANSWERS.items()]
FUNCTION_CASES = [Case(number, f'"{answer}"') for number, answer in ANSWERS.items()]
ROOMY = Allowance(cpu_s=20.0)
BRIEF = Allowance(cpu_s=0.5, wall_s=2.0)
"""For what goes on until its time is over."""
ENDLESS = {"generator-without-end"}

HUNT = """
import gc, os, re, sys
answer = re.compile(rb"answer-[0-9a-f]{16}")
def found_in(data):
    return [hit.decode() for hit in answer.findall(data)]
def everywhere():
    found = []
    for descriptor in range(64):
        try:
            found += found_in(os.pread(descriptor, 1 << 24, 0))
        except OSError:
            pass
    for pid in [
        "self", "1", str(os.getppid()), *filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else ()),
    ]:
        for name in ("environ", "cmdline", *(f"fd/{n}" for n in range(130))):
            try:
                with open(f"/proc/{pid}/{name}", "rb") as file:
                    found += found_in(file.read(1 << 20))
            except OSError:
                pass
    for each in gc.get_objects():
        if isinstance(each, (dict, list, tuple)):
            try:
                found += found_in(repr(each).encode(errors="replace"))
            except Exception:
                pass
    for root, _, names in os.walk("/tmp"):
        for name in names:
            try:
                found += found_in(open(os.path.join(root, name), "rb").read())
            except OSError:
                pass
    try:
        maps, memory = open("/proc/self/maps").read(), open("/proc/self/mem", "rb", 0)
        for line in maps.splitlines():
            low, high = (int(part, 16) for part in line.split()[0].split("-"))
            try:
                memory.seek(low)
                found += found_in(memory.read(high - low))
            except OSError:
                pass
    except OSError:
        pass
    return found
"""

PROGRAMS = {
    "hunt": HUNT + "print(*(everywhere() or ['nothing'])[:1])",
    "silence": "",
    "exit-at-once": "import os\nos._exit(0)",
    "say-passed": "print('passed', 'AC', 'OK', '{\"status\": \"passed\"}', sep='\\n')",
    "echo": "print(input())",
    "every-guess": "for n in range(100_000):\n    print(f'answer-{n:016x}')",
    "control-characters": "print('\\r\\x1b[2K\\x08\\x00answer-', end='\\x1b[8m')",
    "false-report": """
        import json, os
        for descriptor in range(3, 16):
            ended = {"exit": 0, "out": 0, "err": 0, "cpu_s": 0.0, "wall_s": 0.0}
            for told in (ended, {"status": "passed"}, {"fault": "none"}):
                for _ in range(8):
                    try:
                        os.write(descriptor, json.dumps(told).encode() + b"\\n")
                    except OSError:
                        pass
        os._exit(0)
        """,
    "false-fault": """
        import json, os, sys
        told = json.dumps({"fault": "the sandbox broke", "error_type": "SandboxFault"})
        for descriptor in range(3, 16):
            try:
                os.write(descriptor, told.encode() + b"\\n")
            except OSError:
                pass
        sys.exit(70)
        """,
    "kill-oneself": "import os\nos.kill(os.getpid(), 9)",
    "close-everything": "import os\nos.closerange(0, 4096)",
    "cut-the-output": "import os\nprint(1, flush=True)\nos.ftruncate(1, 0)\nos.lseek(1, 0, 0)",
    "report-taken-away": """
        import os
        for n in range(3, 16):
            try:
                os.ftruncate(n, 0)
            except OSError:
                pass
        os._exit(0)
        """,
    "patched-parts": """
        import sys
        for name, module in list(sys.modules.items()):
            if "driver" in name or "child" in name or name == "json":
                for attribute in list(vars(module)):
                    if callable(getattr(module, attribute)) and not attribute.startswith("__"):
                        setattr(module, attribute, lambda *_, **__: {"value": '"x"', "exit": 0})
        """,
    "frames": """
        import sys
        frame = sys._getframe()
        while frame:
            for name, value in list(frame.f_locals.items()):
                for attribute in ("_told", "_order", "expected", "cases", "_cases"):
                    held = getattr(value, attribute, None)
                    if isinstance(held, dict):
                        print(held)
            frame = frame.f_back
        """,
    "late-output": """
        import builtins, os, sys
        kept = getattr(sys, "kept", None)
        if kept is None:
            sys.kept = os.dup(1)
        else:
            os.write(kept, input().encode())
        """,
    "output-of-others": """
        import os
        for n in range(3, 64):
            try:
                os.write(n, b'x')
            except OSError:
                pass
        """,
    "exit-by-exception": "raise SystemExit(0)",
    "output-limit": "while True:\n    print('answer-')",
    "evil-stdout": """
        import sys
        class E:
            def __eq__(self, other):
                return True
            def __getattr__(self, name):
                return self
            def __call__(self, *_):
                return self
        sys.stdout = E()
        print(1)
        """,
}

FUNCTIONS = {
    "hunt": HUNT + "def f(n):\n    return (everywhere() or ['nothing'])[0]",
    "equal-to-all": """
        class E:
            def __eq__(self, other):
                return True
            def __hash__(self):
                return 0
        def f(n):
            return E()
        """,
    "text-equal-to-all": """
        class E(str):
            def __eq__(self, other):
                return True
            __hash__ = str.__hash__
        def f(n):
            return E('x')
        """,
    "poses-as-text": """
        class E:
            __class__ = str
            def __eq__(self, other):
                return True
        def f(n):
            return E()
        """,
    "list-equal-to-all": "class E(list):\n    def __eq__(self, other):\n        return True\ndef f(n):\n    return E()",
    "meta-class": """
        class M(type):
            def __eq__(cls, other):
                return True
            __hash__ = type.__hash__
        class E(metaclass=M):
            pass
        def f(n):
            return E()
        """,
    "patched-json": """
        import json
        json.dumps = json.JSONEncoder.encode = lambda *_, **__: '"x"'
        def f(n):
            return 1
        """,
    "patched-driver": """
        import sys
        for name, module in list(sys.modules.items()):
            if name.endswith('driver'):
                module._plain = module._as_json = lambda value, *_: '"x"'
        def f(n):
            return object()
        """,
    "print-not-return": "def f(n):\n    print('answer-')",
    "exit-in-call": "import os\ndef f(n):\n    os._exit(0)",
    "system-exit-in-call": "def f(n):\n    raise SystemExit(0)",
    "false-value": """
        import json, os
        def f(n):
            for descriptor in range(3, 16):
                for text in ('"x"', "true", "NaN", "Infinity", ""):
                    told = json.dumps({"value": text, "exit": 0, "out": 0, "err": 0})
                    try:
                        os.write(descriptor, told.encode() + b"\\n")
                    except OSError:
                        pass
            os._exit(0)
        """,
    "nan": "def f(n):\n    return float('nan')",
    "true": "def f(n):\n    return True",
    "everything-at-once": "def f(n):\n    return ['answer-', True, None, 1]",
    "generator-without-end": "def f(n):\n    while True:\n        yield 'answer-'",
    "no-function": "",
    "itself": "def f(n):\n    return f",
    "raises-what-is-wanted": """
        class E(Exception):
            value = '"x"'
            status = 'passed'
        def f(n):
            raise E('passed')
        """,
}


@pytest.fixture(scope="module", params=WORLDS)
def sandbox(request: pytest.FixtureRequest) -> Iterator[LocalSandbox]:
    """One worker: whatever a right program before it had in memory is near."""
    yield from local_sandbox(workers=1, namespaces=request.param)


def graded(
    sandbox: LocalSandbox, program: Program, cases: list[Case], grading: Grading, allowance: Allowance = ROOMY
) -> list[CaseResult]:
    return anyio.run(lambda: sandbox.run(program, cases, allowance, grading=grading))


@pytest.mark.parametrize(("sandbox", "grading"), GRADED, indirect=["sandbox"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_passes_nothing_it_cannot_solve(name: str, grading: Grading, sandbox: LocalSandbox) -> None:
    right = Program(f"print({ANSWERS!r}[input()])")
    assert {result.status for result in graded(sandbox, right, STDIN_CASES, grading)} == {"passed"}

    results = graded(sandbox, Program(dedent(PROGRAMS[name])), STDIN_CASES, grading)

    assert not {result.status for result in results} & {"passed", "ran", "sandbox_error"}, results


@pytest.mark.parametrize(("sandbox", "grading"), GRADED, indirect=["sandbox"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_passes_nothing_it_cannot_solve(name: str, grading: Grading, sandbox: LocalSandbox) -> None:
    right = Program(f"def f(n):\n    return {ANSWERS!r}[str(n)]", function="f")
    assert {result.status for result in graded(sandbox, right, FUNCTION_CASES, grading)} == {"passed"}

    program, allowance = Program(dedent(FUNCTIONS[name]), function="f"), BRIEF if name in ENDLESS else ROOMY
    results = graded(sandbox, program, FUNCTION_CASES, grading, allowance)

    assert not {result.status for result in results} & {"passed", "ran", "sandbox_error"}, results


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        ("True", "1"),
        ("1", "true"),
        ("'1'", "1"),
        ("1", '"1"'),
        ("None", "0"),
        ("[]", "null"),
        ("[1]", "1"),
        ("{}", "[]"),
        ("float('nan')", "NaN"),
        ("0", "false"),
        ("1.5", "1"),
        ("10 ** 30 + 1", "1" + "0" * 30),
        ("'answer'", '"Answer"'),
        ("[2, 1]", "[1, 2]"),
        ("{'a': 1, 'b': 2}", '{"a": 1}'),
    ],
)
def test_what_is_nearly_equal_is_not_equal(returned: str, expected: str, sandbox: LocalSandbox) -> None:
    program = Program(f"def f():\n    return {returned}", function="f")

    (result,) = graded(sandbox, program, [Case("", expected)], "isolated")

    assert result.status == "wrong_answer"


@pytest.mark.parametrize(
    "code",
    [
        "import os\nprint('no' if all(os.path.exists(f'/proc/self/fd/{n}') or n for n in (4, 5, 7)) else 'yes')",
        "import sys\nframe, several = sys._getframe(), False\nwhile frame:\n"
        "    several |= any(getattr(value, '_several', False) is True for value in frame.f_locals.values())\n"
        "    frame = frame.f_back\nprint('yes' if several else 'no')",
        "import os\ntry:\n    os.fstat(7)\n    print('yes')\nexcept OSError:\n    print('no')",
        "import sys\nsys.seen = getattr(sys, 'seen', 0) + 1\nprint('yes' if sys.seen > 1 else 'no')",
    ],
    ids=["by-files", "by-frames", "by-descriptors", "by-counting"],
)
def test_answering_yes_together_and_no_alone_earns_no_more_than_one_of_them(code: str, sandbox: LocalSandbox) -> None:
    cases = [Case(str(number), "yes" if number % 2 else "no") for number in range(10)]

    results = graded(sandbox, Program(code), cases, "shared_then_isolated")

    assert sum(result.status == "passed" for result in results) <= 5


def test_what_runs_on_after_a_case_gives_it_no_answer(sandbox: LocalSandbox) -> None:
    """The second case tells the first one's answer; it is too late."""
    cases = [Case("wait", "told"), Case("told", "x"), Case("told", "x")]
    code = """
        import os, sys
        text = input()
        if text == "wait":
            sys.kept = os.dup(1)
        elif hasattr(sys, "kept"):
            os.pwrite(sys.kept, text.encode(), 0)
        """

    results = graded(sandbox, Program(dedent(code)), cases, "shared_then_isolated")

    assert [result.status for result in results] == ["wrong_answer"] * 3
