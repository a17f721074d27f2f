"""Programs as people and models write them; every one is right, however odd."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent

from agentgym.sandbox import Case

SUM = (Case("3\n1 2 3\n", "6\n"), Case("1\n-5\n", "-5"), Case("0\n\n", "0"))
"""How many numbers, then the numbers."""
ECHO = (Case("a b\nc\n", "a b\nc\n"), Case("last line without an end", "last line without an end"), Case("", ""))
LONG = " ".join(map(str, range(1_100_000)))
"""About 8 MB."""


@dataclass(frozen=True, slots=True)
class Honest:
    """A right program and what shows it."""

    name: str
    code: str
    cases: tuple[Case, ...]
    function: str | None = None
    slow: bool = False

    @property
    def text(self) -> str:
        return dedent(self.code).strip("\n")


def one(expected: str, text: str = "") -> tuple[Case, ...]:
    """The same case twice, so that a shared process has something to share."""
    return (Case(text, expected), Case(text, expected))


READING = (
    Honest("input", "n = int(input())\nprint(sum(map(int, input().split())))", SUM),
    Honest("input-with-prompt", "n = int(input(''))\nprint(sum(int(x) for x in input('').split()[:n]))", SUM),
    Honest("read", "import sys\nn, *rest = sys.stdin.read().split()\nprint(sum(map(int, rest)))", SUM),
    Honest("read-buffer", "import sys\nprint(sum(map(int, sys.stdin.buffer.read().split()[1:])))", SUM),
    Honest(
        "readline",
        "import sys\ninput = sys.stdin.readline\nn = int(input())\nprint(sum(map(int, input().split())))",
        SUM,
    ),
    Honest(
        "readlines", "import sys\nlines = sys.stdin.readlines()\nprint(sum(map(int, ' '.join(lines[1:]).split())))", SUM
    ),
    Honest("open-zero", "print(sum(map(int, open(0).read().split()[1:])))", SUM),
    Honest("os-read", "import os\nprint(sum(map(int, os.read(0, 1 << 20).split()[1:])))", SUM),
    Honest("os-fdopen", "import os\nwith os.fdopen(0) as f:\n    print(sum(map(int, f.read().split()[1:])))", SUM),
    Honest("dev-stdin", "print(sum(map(int, open('/dev/stdin').read().split()[1:])))", SUM),
    Honest(
        "bytes-io",
        """
        import io, os
        input = io.BytesIO(os.read(0, os.fstat(0).st_size)).readline
        input()
        print(sum(map(int, input().split())))
        """,
        SUM,
    ),
    Honest("map-stdin", "import sys\nprint(sum(int(x) for line in list(sys.stdin)[1:] for x in line.split()))", SUM),
    Honest(
        "file-input",
        """
        import fileinput
        lines = [line for line in fileinput.input()]
        print(sum(map(int, ' '.join(lines[1:]).split())))
        """,
        SUM,
    ),
    Honest(
        "mapped-input",
        """
        import sys, mmap
        try:
            data = mmap.mmap(0, 0, access=mmap.ACCESS_READ)[:]
        except (OSError, ValueError):
            data = sys.stdin.buffer.read()
        print(sum(map(int, data.split()[1:])))
        """,
        SUM,
    ),
    Honest(
        "until-the-end",
        """
        total = -int(input())
        total = 0
        while True:
            try:
                line = input()
            except EOFError:
                break
            total += sum(map(int, line.split()))
        print(total)
        """,
        SUM,
    ),
    Honest(
        "beyond-the-end",
        "import sys\nsys.stdin.read()\nassert sys.stdin.read() == '' and sys.stdin.readline() == ''\nprint('end')",
        one("end", "x"),
    ),
    Honest("echo", "import sys\nsys.stdout.write(sys.stdin.read())", ECHO),
    Honest("echo-buffer", "import sys, shutil\nshutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)", ECHO),
    Honest("echo-lines", "import sys\nfor line in sys.stdin:\n    print(line, end='')", ECHO),
    Honest("echo-by-number", "import os\nwhile data := os.read(0, 3):\n    os.write(1, data)", ECHO),
    Honest(
        "large-input",
        "import sys\nprint(sum(map(int, sys.stdin.read().split())))",
        one(str(sum(range(1_100_000))), LONG),
    ),
    Honest(
        "large-input-buffer",
        "import sys\nprint(sum(map(int, sys.stdin.buffer.read().split())))",
        one(str(sum(range(1_100_000))), LONG),
    ),
    Honest("unicode", "print(input()[::-1], len('😀'), 'naïve'.upper())", one("ñéß 1 NAÏVE", "ßéñ")),
    Honest("carriage-returns", "print(sum(int(input()) for _ in range(2)))", one("3", "1\r\n2\r\n")),
)

PRINTING = (
    Honest("a-megabyte", "print('x' * 1_000_000)", one("x" * 1_000_000)),
    Honest("many-lines", "for n in range(100_000):\n    print(n)", one("\n".join(map(str, range(100_000))))),
    Honest("flush", "import sys\nprint(1, end=' ', flush=True)\nsys.stdout.flush()\nsys.stdout.write('2')", one("1 2")),
    Honest("no-flush-and-exit", "import sys\nprint(7)\nsys.exit()", one("7")),
    Honest("exit-zero", "print(7)\nexit(0)", one("7")),
    Honest("quit", "print(7)\nquit()", one("7")),
    Honest("raise-system-exit", "print(7)\nraise SystemExit", one("7")),
    Honest("os-exit", "import os, sys\nprint(7)\nsys.stdout.flush()\nos._exit(0)", one("7")),
    Honest("exit-from-a-function", "import sys\ndef main():\n    print(7)\n    sys.exit(0)\nmain()", one("7")),
    Honest(
        "chatter", "import sys\nprint('debug', file=sys.stderr)\nsys.stderr.write('x' * 100_000)\nprint(7)", one("7")
    ),
    Honest(
        "warnings",
        "import warnings\nwarnings.warn('old')\nwarnings.warn('older', DeprecationWarning)\nprint('a' is 'a', 7)",
        one("True 7"),
    ),
    Honest(
        "logging", "import logging\nlogging.basicConfig(level=logging.DEBUG)\nlogging.info('x')\nprint(7)", one("7")
    ),
    Honest("at-exit", "import atexit\natexit.register(print, 8)\nprint(7)", one("7\n8")),
    Honest(
        "redirected",
        """
        import contextlib, io
        with contextlib.redirect_stdout(io.StringIO()) as out:
            print('x')
        print(out.getvalue() * 2)
        """,
        one("x\nx"),
    ),
    Honest(
        "replaced-stdout",
        """
        import sys, io
        old, sys.stdout = sys.stdout, io.StringIO()
        print(7)
        text = sys.stdout.getvalue()
        sys.stdout = old
        print(text)
        """,
        one("7"),
    ),
    Honest(
        "buffered-by-hand",
        """
        import sys
        out = []
        for n in range(5):
            out.append(str(n))
        sys.stdout.buffer.write('\\n'.join(out).encode())
        """,
        one("0\n1\n2\n3\n4"),
    ),
    Honest(
        "bytes-and-text",
        """
        import sys
        print(1)
        sys.stdout.flush()
        sys.stdout.buffer.write(b'2\\n')
        sys.stdout.buffer.flush()
        print(3)
        """,
        one("1\n2\n3"),
    ),
    Honest(
        "floats",
        "print(0.1 + 0.2, 1e16, 1e-7, -0.0, round(2.5), 1 / 3)",
        one("0.30000000000000004 1e+16 1e-07 -0.0 2 0.3333333333333333"),
    ),
    Honest("pretty", "from pprint import pprint\npprint({'b': 1, 'a': [1, 2]})", one("{'a': [1, 2], 'b': 1}")),
)

COMPUTING = (
    Honest(
        "main-guard", "def main():\n    print(__name__, 7)\n\nif __name__ == '__main__':\n    main()", one("__main__ 7")
    ),
    Honest("globals", "count = 0\ndef add():\n    global count\n    count += 1\nadd()\nadd()\nprint(count)", one("2")),
    Honest(
        "recursion",
        """
        import sys
        sys.setrecursionlimit(10 ** 6)
        def depth(n):
            return 0 if n == 0 else 1 + depth(n - 1)
        print(depth(20_000))
        """,
        one("20000"),
    ),
    Honest(
        "recursion-in-a-thread",
        """
        import sys, threading
        sys.setrecursionlimit(10 ** 6)
        threading.stack_size(1 << 26)
        def depth(n):
            return 0 if n == 0 else 1 + depth(n - 1)
        thread = threading.Thread(target=lambda: print(depth(50_000)))
        thread.start()
        thread.join()
        """,
        one("50000"),
    ),
    Honest(
        "recursion-error-caught",
        "def f(n):\n    return f(n + 1)\ntry:\n    f(0)\nexcept RecursionError:\n    print('deep')",
        one("deep"),
    ),
    Honest(
        "threads",
        """
        import threading
        found = []
        threads = [threading.Thread(target=found.append, args=(n,)) for n in range(8)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        print(sorted(found))
        """,
        one("[0, 1, 2, 3, 4, 5, 6, 7]"),
    ),
    Honest(
        "thread-that-is-not-joined",
        """
        import threading
        said = threading.Event()
        def late():
            said.wait()
            print('late')
        threading.Thread(target=late).start()
        print('soon')
        said.set()
        """,
        one("soon\nlate"),
    ),
    Honest(
        "thread-pool",
        """
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(4) as pool:
            print(list(pool.map(abs, [-1, -2])))
        """,
        one("[1, 2]"),
    ),
    Honest(
        "asyncio",
        """
        import asyncio
        async def main():
            return await asyncio.gather(*(asyncio.sleep(0.001, n) for n in range(3)))
        print(asyncio.run(main()))
        """,
        one("[0, 1, 2]"),
    ),
    Honest(
        "asyncio-thread",
        """
        import asyncio
        async def main():
            return await asyncio.to_thread(sum, [1, 2])
        print(asyncio.run(main()))
        """,
        one("3"),
    ),
    Honest("memory", "kept = bytearray(b'x') * (150 << 20)\nprint(len(kept) >> 20)", one("150")),
    Honest("memory-of-objects", "kept = list(range(2_000_000))\nprint(sum(kept))", one("1999999000000"), slow=True),
    Honest(
        "sieve",
        """
        n = 1_000_000
        s = bytearray([1]) * (n + 1)
        for p in range(2, 1001):
            if s[p]:
                s[p * p::p] = bytes(len(s[p * p::p]))
        print(sum(s) - 2)
        """,
        one("78498"),
    ),
    Honest(
        "big-integers",
        "import math\nprint(math.factorial(1000) % (10 ** 9 + 7), len(str(2 ** 10_000)))",
        one("641419708 3011"),
    ),
    Honest("huge-digits", "import sys\nsys.set_int_max_str_digits(0)\nprint(10 ** 20_000)", one("1" + "0" * 20_000)),
    Honest(
        "decimal",
        "from decimal import Decimal, getcontext\ngetcontext().prec = 30\nprint(Decimal(1) / 7)",
        one("0.142857142857142857142857142857"),
    ),
    Honest("fractions", "from fractions import Fraction\nprint(Fraction(1, 3) + Fraction(1, 6))", one("1/2")),
    Honest("regex", "import re\nprint(re.sub(r'(\\w+) (\\w+)', r'\\2 \\1', input()))", one("b a", "a b")),
    Honest(
        "heap-and-bisect",
        "import heapq, bisect\nh = [5, 1, 4]\nheapq.heapify(h)\nprint(heapq.heappop(h), bisect.bisect([1, 2, 3], 2))",
        one("1 2"),
    ),
    Honest(
        "collections",
        """
        from collections import Counter, deque, defaultdict, OrderedDict
        print(Counter('aab').most_common(1), deque([1, 2], 1))
        """,
        one("[('a', 2)] deque([2], maxlen=1)"),
    ),
    Honest(
        "itertools",
        """
        from itertools import accumulate, permutations
        print(*accumulate([1, 2, 3]), len(list(permutations(range(5)))))
        """,
        one("1 3 6 120"),
    ),
    Honest(
        "cache",
        """
        from functools import cache, lru_cache, reduce
        @cache
        def fib(n):
            return n if n < 2 else fib(n - 1) + fib(n - 2)
        print(fib(300))
        """,
        one("222232244629420445529739893461909967206666939096499764990979600"),
    ),
    Honest(
        "dataclasses",
        """
        from dataclasses import dataclass, field
        @dataclass(order=True, slots=True)
        class P:
            x: int
            ys: list = field(default_factory=list)
        print(P(1) < P(2), P(3))
        """,
        one("True P(x=3, ys=[])"),
    ),
    Honest(
        "future-annotations",
        """
        from __future__ import annotations
        from dataclasses import dataclass
        from typing import get_type_hints
        @dataclass
        class P:
            x: int
            next: P | None = None
        print(get_type_hints(P)['x'].__name__, P(1).next)
        """,
        one("int None"),
    ),
    Honest(
        "named-tuples-and-enums",
        """
        from collections import namedtuple
        from typing import NamedTuple
        from enum import Enum, auto
        class C(Enum):
            RED = auto()
        class N(NamedTuple):
            a: int
        P = namedtuple('P', 'x y')
        print(C.RED, N(1), P(1, 2))
        """,
        one("C.RED N(a=1) P(x=1, y=2)"),
    ),
    Honest(
        "pickle",
        """
        import pickle
        class A:
            def __init__(self):
                self.x = 7
        print(pickle.loads(pickle.dumps(A())).x)
        """,
        one("7"),
    ),
    Honest("copy", "import copy\na = [[1]]\nb = copy.deepcopy(a)\nb[0].append(2)\nprint(a, b)", one("[[1]] [[1, 2]]")),
    Honest(
        "inspect",
        "import inspect\ndef f():\n    return 7\nprint(inspect.getsource(f).strip(), inspect.signature(f))",
        one("def f():\n    return 7 ()"),
    ),
    Honest(
        "traceback",
        """
        import traceback
        def f():
            raise KeyError('k')
        try:
            f()
        except KeyError:
            print(traceback.format_exc())
        """,
        one(
            "Traceback (most recent call last):\n"
            '  File "main.py", line 5, in <module>\n    f()\n'
            "  File \"main.py\", line 3, in f\n    raise KeyError('k')\n"
            "KeyError: 'k'\n"
        ),
    ),
    Honest(
        "random",
        "import random\nrandom.seed(1)\na = random.random()\nrandom.seed(1)\nprint(a == random.random())",
        one("True"),
    ),
    Honest(
        "hashing",
        "import hashlib\nprint(hashlib.sha256(b'a').hexdigest()[:8], hash('a') == hash('a'))",
        one("ca978112 True"),
    ),
    Honest(
        "dates",
        "import datetime, calendar\nprint(datetime.date(2024, 2, 29) + datetime.timedelta(366), calendar.isleap(2000))",
        one("2025-03-01 True"),
    ),
    Honest(
        "time",
        "import time\nt = time.perf_counter()\ntime.sleep(0.001)\nprint(time.perf_counter() > t, time.time() > 1e9)",
        one("True True"),
    ),
    Honest(
        "json-and-csv",
        "import json, csv, io\nprint(json.dumps({'a': [1, None, True]}), list(csv.reader(io.StringIO('a,b'))))",
        one("{\"a\": [1, null, true]} [['a', 'b']]"),
    ),
    Honest(
        "scratch-file", "with open('work.txt', 'w') as f:\n    f.write('7')\nprint(open('work.txt').read())", one("7")
    ),
    Honest(
        "temporary-file",
        """
        import tempfile, os
        with tempfile.TemporaryDirectory() as d:
            p = os.path.join(d, 'a')
            open(p, 'w').write('7')
            print(open(p).read(), os.listdir(d))
        with tempfile.TemporaryFile() as f:
            f.write(b'8')
            f.seek(0)
            print(f.read())
        """,
        one("7 ['a']\nb'8'"),
    ),
    Honest(
        "database-in-memory",
        "import sqlite3\nc = sqlite3.connect(':memory:')\nprint(c.execute('select 1 + 1').fetchone())",
        one("(2,)"),
    ),
    Honest(
        "many-modules",
        """
        import array, ast, base64, binascii, cmath, contextlib, difflib, enum, graphlib, gzip, html, ipaddress, numbers
        import operator, queue, secrets, shlex, statistics, string, struct, textwrap, types, typing, unicodedata
        import uuid, weakref, xml.etree.ElementTree, zlib, zoneinfo
        print(statistics.median([1, 3, 2]))
        """,
        one("2"),
    ),
    Honest(
        "multiprocessing-imported",
        "import multiprocessing, subprocess, socket, asyncio, ctypes\nprint(multiprocessing.cpu_count() > 0)",
        one("True"),
    ),
    Honest(
        "exceptions",
        """
        try:
            1 / 0
        except ZeroDivisionError as e:
            print(e)
        finally:
            print('done')
        try:
            raise ExceptionGroup('g', [ValueError(1)])
        except* ValueError:
            print('group')
        """,
        one("division by zero\ndone\ngroup"),
    ),
    Honest(
        "signals",
        """
        import signal
        def on(*_):
            raise TimeoutError
        signal.signal(signal.SIGALRM, on)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.01)
            while True:
                pass
        except TimeoutError:
            print('rang')
        """,
        one("rang"),
    ),
    Honest("exec-and-eval", "exec('x = 6')\nprint(eval('x + 1'))", one("7")),
    Honest(
        "meta-classes",
        """
        class M(type):
            def __new__(cls, name, bases, names):
                return super().__new__(cls, name, bases, {**names, 'seven': 7})
        class A(metaclass=M):
            pass
        print(A.seven)
        """,
        one("7"),
    ),
    Honest("match", "match [1, 2, 3]:\n    case [first, *rest]:\n        print(first, rest)", one("1 [2, 3]")),
    Honest("encoding-cookie-and-bom", "\ufeff# -*- coding: utf-8 -*-\nprint('é')", one("é")),
    Honest("windows-lines", "print(1)\r\nprint(2)\r\n", one("1\n2")),
    Honest("no-code-at-all", "", one("")),
    Honest("shadowed-names", "list = [1]\nsum = 5\ninput = lambda: 'x'\nprint(list, sum, input())", one("[1] 5 x")),
    Honest(
        "patched-builtins",
        "import builtins\nbuiltins.print, old = (lambda *a: old('patched', *a)), print\nprint(1)",
        one("patched 1"),
    ),
)

FUNCTIONS = (
    Honest("function", "def f(a, b):\n    return a + b", (Case("1\n2", "3"), Case("-1\n1", "0")), "f"),
    Honest(
        "method",
        "class Solution:\n    def f(self, a):\n        return a[::-1]",
        (Case("[1, 2]", "[2, 1]"), Case("[]", "[]")),
        "f",
    ),
    Honest(
        "method-with-state",
        """
        class Solution:
            def __init__(self):
                self.kept = {}
            def f(self, n):
                if n < 2:
                    return n
                if n not in self.kept:
                    self.kept[n] = self.f(n - 1) + self.f(n - 2)
                return self.kept[n]
        """,
        (Case("50", "12586269025"), Case("0", "0")),
        "f",
    ),
    Honest("generator", "def f(n):\n    yield from range(n)", (Case("3", "[0, 1, 2]"), Case("0", "[]")), "f"),
    Honest(
        "tuple",
        "def f():\n    return (1, ('a', None), True)",
        (Case("", '[1, ["a", null], true]'), Case("", '[1, ["a", null], true]')),
        "f",
    ),
    Honest("float", "def f(x):\n    return x / 3", (Case("1", "0.3333333"), Case("3", "1.0")), "f"),
    Honest("float-that-is-whole", "def f(x):\n    return x * 1.0", (Case("3", "3"), Case("-2", "-2")), "f"),
    Honest(
        "dictionary",
        "def f(s):\n    return {c: s.count(c) for c in s}",
        (Case('"aab"', '{"b": 1, "a": 2}'), Case('""', "{}")),
        "f",
    ),
    Honest(
        "dictionary-of-numbers", "def f():\n    return {1: 'a'}", (Case("", '{"1": "a"}'), Case("", '{"1": "a"}')), "f"
    ),
    Honest(
        "text",
        "def f(s):\n    return s.upper() + '\"\\n'",
        (Case('"é"', '"É\\"\\n"'), Case('"\\ud83d\\ude00"', '"😀\\"\\n"')),
        "f",
    ),
    Honest("none", "def f(a):\n    a.sort()", (Case("[2, 1]", "null"), Case("[]", "null")), "f"),
    Honest("huge-integer", "def f(n):\n    return 10 ** n", (Case("6000", "1" + "0" * 6000), Case("1", "10")), "f"),
    Honest(
        "chatty",
        "print('loading')\ndef f(a):\n    print('called', a)\n    return a",
        (Case("1", "1"), Case("[1]", "[1]")),
        "f",
    ),
    Honest("lambda", "f = lambda a: a * 2", (Case("2", "4"), Case('"a"', '"aa"')), "f"),
    Honest(
        "decorated",
        "from functools import lru_cache\n@lru_cache(None)\ndef f(n):\n    return 1 if n < 2 else n * f(n - 1)",
        (Case("20", "2432902008176640000"), Case("0", "1")),
        "f",
    ),
    Honest(
        "typed",
        """
        from typing import List, Optional
        class Solution:
            def f(self, nums: List[int]) -> Optional[int]:
                return max(nums) if nums else None
        """,
        (Case("[1, 3, 2]", "3"), Case("[]", "null")),
        "f",
    ),
    Honest(
        "guarded",
        "def f(a):\n    return a\nif __name__ == '__main__':\n    print(f(1))",
        (Case("1", "1"), Case("2", "2")),
        "f",
    ),
    Honest(
        "reads-nothing-else",
        "import sys\ndef f(a):\n    return [a, sys.stdin.read()]",
        (Case("1", '[1, ""]'), Case("2", '[2, ""]')),
        "f",
    ),
    Honest(
        "large-argument",
        "def f(a):\n    return len(a)",
        (Case("[" + "1, " * 500_000 + "1]", "500001"), Case("[1]", "1")),
        "f",
    ),
    Honest(
        "large-result",
        "def f(n):\n    return list(range(n))",
        (Case("100000", str(list(range(100_000)))), Case("1", "[0]")),
        "f",
    ),
)

PROGRAMS = (*READING, *PRINTING, *COMPUTING, *FUNCTIONS)
