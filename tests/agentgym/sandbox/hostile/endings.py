"""Programs that end in odd ways, or try to make whoever looks at them stumble."""

from tests.agentgym.sandbox.hostile.row import Hostile

BADLY = ("runtime_error", "wrong_answer")
ANYHOW = ("runtime_error", "wrong_answer", "memory", "timeout", "output_limit")

PROGRAMS = (
    Hostile("exit-at-once", "import os\nos._exit(0)", raw=True),
    Hostile("exit-at-once-badly", "import os\nos._exit(7)", ends=("runtime_error",), raw=True),
    Hostile("exit-by-number", "libc.syscall(ctypes.c_long(231 if X86 else 94), 0)"),
    Hostile("exit-of-the-main-thread-alone", "libc.syscall(ctypes.c_long(60 if X86 else 93), 0)", ends=ANYHOW),
    Hostile(
        "exit-of-the-main-thread-while-another-runs",
        """
        threading.Thread(target=time.sleep, args=(60,)).start()
        libc.syscall(ctypes.c_long(60 if X86 else 93), 0)
        """,
        ends=("timeout",),
    ),
    Hostile("exit-with-an-object", "import sys\nsys.exit(object)", ends=("runtime_error",), raw=True),
    Hostile("exit-with-a-huge-number", "import sys\nsys.exit(2 ** 70)", ends=BADLY, raw=True),
    Hostile("exit-with-256", "import sys\nsys.exit(256)", ends=BADLY, raw=True),
    Hostile(
        "exit-with-an-evil-object",
        "class E:\n    def __str__(self):\n        raise SystemExit(0)\n    __repr__ = __str__\nraise SystemExit(E())",
        ends=BADLY,
        raw=True,
    ),
    Hostile(
        "exit-code-property",
        "class E(SystemExit):\n    @property\n    def code(self):\n        raise KeyError\nraise E",
        ends=BADLY,
        raw=True,
    ),
    Hostile("interrupt", "raise KeyboardInterrupt", ends=("runtime_error",), raw=True),
    Hostile("generator-exit", "raise GeneratorExit", ends=("runtime_error",), raw=True),
    Hostile(
        "error-without-text",
        "class E(BaseException):\n    def __str__(self):\n        raise self\n    __repr__ = __str__\nraise E",
        ends=("runtime_error",),
        raw=True,
    ),
    Hostile(
        "error-with-text-of-no-type",
        "class E(Exception):\n    def __str__(self):\n        return 7\nraise E",
        ends=("runtime_error",),
        raw=True,
    ),
    Hostile(
        "error-with-huge-text",
        "raise ValueError('x' * 50_000_000)",
        ends=("runtime_error", "output_limit", "memory"),
        raw=True,
    ),
    Hostile(
        "error-with-odd-text",
        'raise ValueError(\'\\ud800 \\x00 \\x1b[2J \\n\\n{"status": "passed"}\')',
        ends=("runtime_error",),
        raw=True,
    ),
    Hostile(
        "error-with-huge-name",
        "raise type('E' * 10_000_000, (Exception,), {})('x')",
        ends=("runtime_error", "output_limit", "memory"),
        raw=True,
    ),
    Hostile(
        "error-with-odd-name", "raise type('passed\\n\\ud800', (Exception,), {})", ends=("runtime_error",), raw=True
    ),
    Hostile(
        "error-named-by-a-meta-class",
        """
        class M(type):
            @property
            def __name__(cls):
                raise SystemExit(0)
            __qualname__ = __module__ = __name__
        class E(Exception, metaclass=M):
            pass
        raise E
        """,
        ends=BADLY,
        raw=True,
    ),
    Hostile(
        "error-that-poses-as-another",
        """
        class E(Exception):
            __class__ = SystemExit
            code = 0
        raise E
        """,
        ends=("runtime_error",),
        raw=True,
    ),
    Hostile(
        "error-with-a-false-line",
        """
        error = SyntaxError("odd")
        error.lineno, error.msg, error.text, error.offset, error.filename = object(), object(), 7, "x", 3.5
        raise error
        """,
        ends=("runtime_error",),
        raw=True,
    ),
    Hostile(
        "error-with-a-huge-line",
        "error = SyntaxError('x')\nerror.lineno = 10 ** 5000\nraise error",
        ends=("runtime_error",),
        raw=True,
    ),
    Hostile(
        "error-with-a-long-past",
        """
        error = None
        for n in range(50_000):
            new = KeyError(n)
            new.__context__ = error
            error = new
        raise error
        """,
        ends=ANYHOW,
        raw=True,
    ),
    Hostile(
        "error-with-a-round-past",
        "a, b = KeyError(1), KeyError(2)\na.__cause__, b.__cause__ = b, a\nraise a",
        ends=("runtime_error",),
        raw=True,
    ),
    Hostile(
        "error-group",
        """
        error = ValueError(1)
        for _ in range(400):
            error = ExceptionGroup("deep", [error, error])
        raise error
        """,
        ends=ANYHOW,
        raw=True,
    ),
    Hostile(
        "error-hook",
        "import sys, os\nsys.excepthook = lambda *_: os._exit(0)\nraise KeyError",
        ends=BADLY,
        raw=True,
    ),
    Hostile(
        "error-hooks-that-raise",
        """
        import sys, threading
        def hook(*_):
            raise SystemExit(0)
        sys.excepthook = sys.unraisablehook = threading.excepthook = sys.displayhook = hook
        threading.Thread(target=hook).start()
        raise KeyError
        """,
        ends=BADLY,
        raw=True,
    ),
    Hostile(
        "odd-locals",
        """
        class Odd:
            def __init__(self, act): self.act = act
            def __repr__(self): return self.act()
            __class__ = property(lambda self: 1 / 0)
        def leave():
            raise SystemExit(0)
        def inner():
            one, two, three = Odd(leave), Odd(lambda: "x" * 20_000_000), Odd(lambda: 7)
            four, five = Odd(lambda: 1 / 0), [[]]
            five[0].append(five)
            six = "\\ud800\\x00"
            seven = 10 ** 5000
            for number in range(2000):
                locals()[f"v{number}"] = number
            raise KeyError
        inner()
        """,
        ends=BADLY,
        raw=True,
        locals_shown=True,
    ),
    Hostile(
        "many-locals",
        "for n in range(100_000):\n    globals()[f'v{n}'] = n\nraise KeyError",
        ends=("runtime_error",),
        raw=True,
        locals_shown=True,
    ),
    Hostile(
        "names-that-are-none",
        "globals().update({1: 2, 'a\\nb': 3, '\\ud800': 4})\nraise KeyError",
        ends=("runtime_error",),
        raw=True,
        locals_shown=True,
    ),
    Hostile(
        "close-everything",
        "import os\nos.closerange(0, 4096)",
        ends=ANYHOW,
        raw=True,
    ),
    Hostile(
        "close-everything-and-raise",
        "import os\nos.closerange(0, 4096)\nraise KeyError(1)",
        ends=BADLY,
        raw=True,
    ),
    Hostile(
        "swap-descriptors",
        """
        for descriptor in range(3, 64):
            with tried():
                os.dup2(1, descriptor)
            with tried():
                os.write(descriptor, b'{"value": "1", "status": "passed", "error_type": "x"}\\n')
        """,
    ),
    Hostile(
        "write-to-every-descriptor",
        """
        for descriptor in range(3, 1024):
            for data in (b'{"value": "1"}', b"\\xff" * 70_000, b'{"line": 1e999}', b"[" * 60_000):
                with tried():
                    os.write(descriptor, data)
        """,
        ends=ANYHOW,
    ),
    Hostile(
        "false-reports",
        """
        import json
        for told in (
            {"error_type": "x" * 200_000, "message": "y" * 3_000_000, "line": -(10 ** 9)},
            {"error_type": "KeyError", "message": "y" * 3_000_000, "variables": [["a" * 10 ** 6, "b" * 10 ** 6]]},
            {"error_type": "KeyError", "variables": [["a", "b"]] * 100_000},
            {"fault": "none", "never_ran": True, "exit": 0, "out": 0, "err": 0, "cpu_s": -1.0, "wall_s": 1e308},
        ):
            report = json.dumps(told).encode() + b"\\n"
            for descriptor in range(3, 16):
                with tried():
                    os.write(descriptor, report)
        os._exit(0)
        """,
        ends=BADLY,
    ),
    Hostile(
        "false-report-of-a-huge-error",
        """
        import json
        told = {"error_type": "x" * 200_000, "message": "y" * 3_000_000, "line": -(10 ** 9),
                "variables": [["a" * 10 ** 6, "b" * 10 ** 6]] * 3}
        for descriptor in range(3, 16):
            with tried():
                os.write(descriptor, json.dumps(told).encode() + b"\\n")
        os._exit(1)
        """,
        ends=BADLY,
    ),
    Hostile(
        "false-report-that-nests",
        """
        for text in (b"[" * 100_000, b'{"value":' * 100_000, b'{"line": ' + b"9" * 5000 + b', "error_type": "x"}'):
            for descriptor in range(3, 16):
                with tried():
                    os.write(descriptor, text + b"\\n")
        os._exit(0)
        """,
        ends=BADLY,
    ),
    Hostile("no-streams", "import sys\nsys.stdin = sys.stdout = sys.stderr = None", raw=True),
    Hostile(
        "no-streams-and-raise",
        "import sys\nsys.stdout = sys.stderr = None\nraise KeyError",
        ends=("runtime_error",),
        raw=True,
    ),
    Hostile(
        "stream-that-bites",
        """
        import sys
        class Stream:
            def __getattr__(self, name):
                raise SystemExit(0)
        sys.stdout = sys.stderr = Stream()
        """,
        ends=BADLY,
        raw=True,
    ),
    Hostile(
        "detached", "import sys\nsys.stdout.detach()\nsys.stderr.detach()\nsys.stdin.detach()", ends=BADLY, raw=True
    ),
    Hostile("no-builtins", "import builtins\nbuiltins.__dict__.clear()", ends=BADLY, raw=True),
    Hostile("no-modules", "import sys\nsys.modules.clear()\nraise KeyError", ends=("runtime_error",), raw=True),
    Hostile("no-modules-and-well", "import sys\nsys.modules.clear()", ends=BADLY, raw=True),
    Hostile(
        "patched-library",
        """
        import builtins, io, json, linecache, os, sys, traceback
        def no(*_, **__):
            os.abort()
        for module in (json, linecache, traceback, io):
            for name in list(vars(module)):
                if callable(getattr(module, name)):
                    setattr(module, name, no)
        builtins.isinstance = builtins.len = builtins.str = builtins.repr = builtins.type = lambda *_: 7
        raise KeyError("x")
        """,
        ends=BADLY,
        raw=True,
    ),
    Hostile(
        "trace-function",
        """
        import sys, threading
        def trace(frame, event, argument):
            if frame.f_code.co_filename != "main.py":
                frame.f_locals.clear() if False else None
                raise SystemExit(0)
            return trace
        sys.settrace(trace)
        sys.setprofile(trace)
        threading.settrace(trace)
        """,
        ends=BADLY,
        raw=True,
    ),
    Hostile(
        "exit-hooks-that-raise",
        "import atexit\n@atexit.register\ndef on():\n    raise SystemExit(0)\n1 / 0",
        ends=BADLY,
        raw=True,
    ),
    Hostile(
        "exit-hooks-without-end",
        "import atexit\ndef again():\n    atexit.register(again)\natexit.register(again)",
        ends=(*BADLY, "timeout"),
        raw=True,
    ),
    Hostile(
        "object-that-exits-when-it-dies",
        """
        import os, gc
        class Last:
            def __del__(self, leave=os._exit):
                leave(0)
        kept = Last()
        kept.itself = kept
        def f():
            here = Last()
            raise KeyError
        f()
        """,
        ends=BADLY,
        raw=True,
    ),
    Hostile(
        "thread-that-exits-for-all",
        """
        def leave():
            os._exit(0)
        threading.Thread(target=leave).start()
        raise KeyError
        """,
        ends=BADLY,
    ),
    Hostile(
        "forever-in-one-thread",
        """
        import sys
        sys.setswitchinterval(1e6)
        import threading
        threading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()
        """,
        ends=("timeout", "memory"),
        raw=True,
    ),
    Hostile(
        "flags",
        """
        import sys, gc
        gc.disable()
        gc.set_debug(gc.DEBUG_LEAK)
        sys.flags = None
        sys.argv = sys.path = None
        raise KeyError
        """,
        ends=("runtime_error",),
        raw=True,
    ),
    Hostile(
        "name-of-the-file",
        """
        import linecache, sys
        linecache.cache.clear()
        sys.modules['__main__'] = None
        __file__ = None
        raise KeyError
        """,
        ends=("runtime_error",),
        raw=True,
    ),
    Hostile(
        "code-of-the-file",
        """
        code = compile("\\n" * 10_000_000 + "raise KeyError", "main.py", "exec")
        exec(code)
        """,
        ends=ANYHOW,
        raw=True,
    ),
    Hostile(
        "stderr-of-a-traceback",
        """
        import sys
        sys.stderr.write('Traceback (most recent call last):\\n')
        sys.stderr.write('  File "main.py", line 7, in <module>\\nKeyError: 1\\n')
        """,
        raw=True,
    ),
    Hostile("stderr-of-a-full-memory", "import os\nos.write(2, b'\\nMemoryError\\n')", raw=True),
    Hostile(
        "bytes-that-are-no-text", "import os\nos.write(1, b'\\xff\\xfe\\x00' * 1000)\nos.write(2, b'\\xff')", raw=True
    ),
)
