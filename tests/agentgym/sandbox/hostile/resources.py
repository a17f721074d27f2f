"""Programs that take more time, memory, output or disk than they were given."""

from tests.agentgym.sandbox.hostile.row import Hostile

OVERRUN = ("timeout",)
SPENT = ("memory", "runtime_error", "wrong_answer", "output_limit", "timeout")
"""It ends at some limit, and no more is asked: what is asked is that the machine did not notice."""

PROGRAMS = (
    Hostile("spin", "while True: pass", ends=OVERRUN, raw=True),
    Hostile("spin-in-c", "print(sum(range(10 ** 12)))", ends=OVERRUN, raw=True),
    Hostile("spin-in-a-big-integer", "n = 7 ** 20_000_000\nprint(n * n % 10 ** 9)", ends=OVERRUN, raw=True),
    Hostile(
        "spin-in-int-to-text",
        "import sys\nsys.set_int_max_str_digits(0)\nprint(len(str(1 << 30_000_000)))",
        ends=OVERRUN,
        raw=True,
    ),
    Hostile(
        "spin-in-text-to-int",
        "import sys\nsys.set_int_max_str_digits(0)\nprint(int('9' * 20_000_000) % 7)",
        ends=OVERRUN,
        raw=True,
    ),
    Hostile("spin-in-regex", "import re\nre.match('(a|aa)*(a|aa)*(a|aa)*b', 'a' * 60)", ends=OVERRUN, raw=True),
    Hostile(
        "spin-without-interrupts",
        """
        import signal
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        for number in range(1, 65):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        while True: pass
        """,
        ends=OVERRUN,
        raw=True,
    ),
    Hostile(
        "spin-despite-handlers",
        """
        def again(*_):
            raise KeyError
        for number in (signal.SIGXCPU, signal.SIGPROF, signal.SIGALRM, signal.SIGVTALRM, signal.SIGTERM):
            signal.signal(number, again)
        while True:
            try:
                while True: pass
            except BaseException:
                pass
        """,
        ends=OVERRUN,
    ),
    Hostile(
        "spin-with-timers-disarmed",
        """
        for timer in (signal.ITIMER_PROF, signal.ITIMER_REAL, signal.ITIMER_VIRTUAL):
            signal.setitimer(timer, 0)
        for timer in range(8):
            with tried():
                call(226, 111, timer)
        while True: pass
        """,
        ends=OVERRUN,
    ),
    Hostile(
        "spin-in-threads",
        """
        import hashlib
        for _ in range(4):
            threading.Thread(target=hashlib.pbkdf2_hmac, args=("sha256", b"a", b"b", 100_000_000)).start()
        """,
        ends=OVERRUN,
    ),
    Hostile(
        "spin-in-daemon-thread",
        """
        def spin():
            while True: pass
        threading.Thread(target=spin, daemon=True).start()
        threading.Event().wait()
        """,
        ends=OVERRUN,
    ),
    Hostile("spin-at-exit", "import atexit\n@atexit.register\ndef on():\n    while True: pass", ends=OVERRUN, raw=True),
    Hostile(
        "spin-while-falling-apart",
        """
        class Last:
            def __del__(self):
                while True: pass
        last = Last()
        last.itself = last
        import builtins
        builtins.kept = last
        del last
        builtins.kept = None
        import gc
        gc.collect()
        """,
        ends=OVERRUN,
        raw=True,
    ),
    Hostile(
        "spin-in-an-exception-text",
        "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E",
        ends=(*OVERRUN, "runtime_error"),
        raw=True,
    ),
    Hostile(
        "spin-in-a-local-repr",
        """
        class Slow:
            def __repr__(self):
                while True: pass
        def inner():
            slow = Slow()
            raise KeyError(1)
        inner()
        """,
        ends=(*OVERRUN, "runtime_error"),
        raw=True,
        locals_shown=True,
    ),
    Hostile("sleep", "import time\nprint(1, flush=True)\ntime.sleep(60)", ends=OVERRUN, raw=True),
    Hostile(
        "wait-for-a-lock",
        "import threading\nthreading.Lock().acquire() and 0\nl = threading.Lock()\nl.acquire()\nl.acquire()",
        ends=OVERRUN,
        raw=True,
    ),
    Hostile("wait-for-a-pipe", "import os\nos.read(os.pipe()[0], 1)", ends=OVERRUN, raw=True),
    Hostile("wait-for-a-signal", "import signal\nsignal.pause()", ends=OVERRUN, raw=True),
    Hostile("wait-in-exit", "import atexit, time\natexit.register(time.sleep, 60)", ends=OVERRUN, raw=True),
    Hostile(
        "spin-between-naps",
        """
        while True:
            end = time.thread_time() + 0.001
            while time.thread_time() < end: pass
            time.sleep(0.0001)
        """,
        ends=OVERRUN,
    ),
    Hostile(
        "memory-list",
        "kept = []\nfor _ in range(1200):\n    kept.append(bytearray(b'x') * (1 << 20))\nprint('BREACH memory')",
        ends=("memory",),
        raw=True,
    ),
    Hostile("memory-at-once", "kept = bytearray(b'x') * (3 << 30)\nprint('BREACH memory')", ends=("memory",), raw=True),
    Hostile(
        "memory-text-doubling",
        "text = 'x'\nwhile len(text) < 1 << 30: text += text\nprint('BREACH memory')",
        ends=("memory",),
        raw=True,
    ),
    Hostile(
        "memory-small-objects",
        "kept = []\nfor n in range(12_000_000):\n    kept.append((n, str(n)))\nprint('BREACH memory')",
        ends=("memory", "timeout"),
        raw=True,
    ),
    Hostile(
        "memory-mapped",
        """
        kept = []
        for kind in (mmap.MAP_PRIVATE, mmap.MAP_SHARED):
            for _ in range(10):
                with tried():
                    kept.append(mmap.mmap(-1, 64 << 20, mmap.MAP_ANONYMOUS | kind))
        for each in kept:
            for page in range(0, 64 << 20, 4096):
                each[page] = 1
        if len(kept) > 8:
            breach("memory")
        """,
        ends=SPENT,
    ),
    Hostile(
        "memory-in-files-of-no-name",
        """
        got, kept = 0, []
        with tried():
            for number in range(50):
                kept.append(os.memfd_create(str(number)))
                for _ in range(16):
                    got += os.write(kept[-1], bytes(1 << 20))
        if got > 400 << 20:
            breach("memory")
        """,
        ends=SPENT,
    ),
    Hostile(
        "memory-in-segments",
        """
        got = 0
        with tried():
            for _ in range(8):
                number = call(29, 194, 0, 64 << 20, 0o1600)
                got += 64 << 20
                call(31, 195, number, 0, None)
        if got:
            breach("segments")
        """,
        ends=SPENT,
    ),
    Hostile(
        "memory-in-pipes",
        """
        got, kept = 0, []
        with tried():
            while got < 600 << 20:
                reading, writing = os.pipe()
                kept += [reading, writing]
                with tried():
                    fcntl.fcntl(writing, 1031, 1 << 20)
                os.set_blocking(writing, False)
                got += os.write(writing, bytes(1 << 20))
        if got > 128 << 20:
            breach("memory")
        """,
        ends=SPENT,
    ),
    Hostile(
        "memory-in-sockets",
        """
        got, kept = 0, []
        with tried():
            while got < 400 << 20:
                pair = socket.socketpair()
                kept.append(pair)
                for one in pair:
                    with tried():
                        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 28)
                    with tried():
                        one.setsockopt(socket.SOL_SOCKET, 32, 1 << 28)
                    one.setblocking(False)
                    with tried():
                        while got < 400 << 20:
                            got += one.send(bytes(1 << 20))
        if got > 300 << 20:
            breach(f"memory {got >> 20}")
        """,
        ends=SPENT,
    ),
    Hostile(
        "memory-in-stacks",
        """
        import sys, threading
        sys.setrecursionlimit(10 ** 9)
        threading.stack_size(192 << 20)
        def deep(n):
            kept = (n,) * 50
            return deep(n + 1)
        for _ in range(10):
            threading.Thread(target=deep, args=(0,)).start()
        """,
        ends=SPENT,
        raw=True,
    ),
    Hostile(
        "memory-told-of",
        """
        import sys
        kept = []
        try:
            while True: kept.append("x" * 100_000)
        except MemoryError:
            while True:
                try: kept.append("x")
                except MemoryError: kept.append
        """,
        ends=SPENT,
        raw=True,
    ),
    Hostile("recursion", "def f(): return f()\nf()", ends=("runtime_error",), raw=True),
    Hostile(
        "recursion-without-limit",
        "import sys\nsys.setrecursionlimit(2 ** 31 - 1)\ndef f(): return f()\nf()",
        ends=SPENT,
        raw=True,
    ),
    Hostile(
        "recursion-in-c",
        """
        import sys
        sys.setrecursionlimit(10 ** 8)
        class A:
            def __getattr__(self, name): return getattr(self, name + "x")
            def __repr__(self): return repr([self])
        print(A())
        """,
        ends=SPENT,
        raw=True,
    ),
    Hostile("nested-source", "x = " + "(" * 50_000 + ")" * 50_000, ends=SPENT, raw=True),
    Hostile("nested-source-operators", "x = " + "-" * 300_000 + "1", ends=SPENT, raw=True),
    Hostile("source-attributes", "x = a" + ".b" * 200_000, ends=SPENT, raw=True),
    Hostile("source-folding", "x = ((((((9**99)**99)**99)**99)**99)**99)\nprint(x)", ends=SPENT, raw=True),
    Hostile("source-long-line", "x = '" + "a" * 3_000_000 + "'\nraise KeyError(x)", ends=SPENT, raw=True),
    Hostile("source-null", "print(1)\0print(2)", ends=("runtime_error",), raw=True),
    Hostile("source-of-unknown-coding", "# -*- coding: no-such -*-\nprint(1)", ends=SPENT, raw=True),
    Hostile("source-surrogates", "print('\ud800')", ends=SPENT, raw=True),
    Hostile("output-flood", "while True: print('x' * 10_000)", ends=("output_limit",), raw=True),
    Hostile(
        "error-flood",
        "import sys\nwhile True: sys.stderr.write('x' * 10_000)",
        ends=("output_limit",),
        raw=True,
    ),
    Hostile(
        "output-flood-by-number",
        """
        number = 0
        while number < 200 << 20:
            with tried():
                number += os.write(1, b"x" * 65536)
                continue
            break
        """,
        ends=("output_limit",),
    ),
    Hostile(
        "output-flood-signal-ignored",
        """
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        for _ in range(3000):
            try:
                os.write(1, b"x" * 65536)
            except OSError:
                time.sleep(0.001)
        """,
        ends=("output_limit", "timeout", "wrong_answer"),
    ),
    Hostile(
        "output-sparse",
        """
        for change in (
            lambda: os.ftruncate(1, 1 << 40),
            lambda: os.posix_fallocate(1, 0, 1 << 33),
            lambda: os.lseek(1, 1 << 39, 0) and os.write(1, b"x"),
            lambda: os.pwrite(1, b"x", 1 << 38),
        ):
            with tried():
                change()
        """,
        ends=("output_limit", "wrong_answer"),
    ),
    Hostile(
        "output-sparse-signal-ignored",
        """
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        for change in (
            lambda: os.ftruncate(1, 1 << 40),
            lambda: os.ftruncate(2, (16 << 20) - 1),
            lambda: os.ftruncate(1, (16 << 20) - 1),
        ):
            with tried():
                change()
        """,
        ends=("output_limit", "wrong_answer"),
    ),
    Hostile(
        "output-sealed",
        """
        for descriptor in (0, 1, 2):
            for seals in (0x8, 0x4, 0x2, 0x1, 0x10):
                with tried():
                    fcntl.fcntl(descriptor, 1033, seals)
        """,
        ends=("wrong_answer",),
    ),
    Hostile(
        "output-locked",
        """
        for descriptor in (0, 1, 2):
            with tried():
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with tried():
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with tried():
                fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC | os.O_APPEND)
        time.sleep(60)
        """,
        ends=OVERRUN,
    ),
    Hostile(
        "input-overwritten",
        """
        for path in (0, "/proc/self/fd/0", "/dev/stdin"):
            with tried():
                descriptor = path if path == 0 else os.open(path, os.O_RDWR)
                os.lseek(descriptor, 0, 0)
                os.write(descriptor, b"x" * 1000)
                os.ftruncate(descriptor, 3)
        """,
    ),
    Hostile(
        "disk-flood",
        """
        os.chdir(tempfile.gettempdir())
        got = 0
        with tried():
            for number in range(40):
                with open(str(number), "wb") as file:
                    for _ in range(15):
                        got += file.write(bytes(1 << 20))
        if got > 400 << 20:
            breach(f"disk {got >> 20}")
        """,
        ends=SPENT,
    ),
    Hostile(
        "disk-one-file",
        """
        got = 0
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with tried():
            with open(os.path.join(tempfile.gettempdir(), "a"), "wb") as file:
                for _ in range(100):
                    got += file.write(bytes(1 << 20))
        if got > 17 << 20:
            breach(f"disk {got >> 20}")
        """,
        ends=SPENT,
    ),
    Hostile(
        "disk-files-of-no-name",
        """
        got, kept = 0, []
        with tried():
            for _ in range(30):
                kept.append(os.open(tempfile.gettempdir(), os.O_TMPFILE | os.O_RDWR, 0o600))
                for _ in range(15):
                    got += os.write(kept[-1], bytes(1 << 20))
        if got > 300 << 20:
            breach(f"disk {got >> 20}")
        """,
        ends=SPENT,
    ),
    Hostile(
        "disk-inodes",
        """
        os.chdir(tempfile.gettempdir())
        with tried():
            for number in range(20_000):
                os.close(os.open(f"@MARK@-{number}", os.O_CREAT | os.O_WRONLY))
        """,
        ends=SPENT,
    ),
    Hostile(
        "disk-depth",
        """
        os.chdir(tempfile.gettempdir())
        with tried():
            for _ in range(3000):
                os.mkdir("@MARK@")
                os.chdir("@MARK@")
        """,
        ends=SPENT,
    ),
    Hostile(
        "disk-odd-files",
        """
        os.chdir(tempfile.gettempdir())
        for make in (
            lambda: os.mkfifo("pipe"),
            lambda: os.symlink("@YARD@", "link"),
            lambda: os.symlink("@YARD@/precious", "file"),
            lambda: os.symlink("loop", "loop"),
            lambda: os.mkdir(b"\\xff\\xfe\\n"),
            lambda: open(b"\\xff\\xfe\\n/-rf *", "w").close(),
            lambda: os.mkdir("closed", 0),
            lambda: (os.mkdir("shut"), open("shut/file", "w").close(), os.chmod("shut", 0)),
            lambda: socket.socket(socket.AF_UNIX).bind("socket"),
            lambda: os.open("x", os.O_CREAT | os.O_WRONLY, 0),
        ):
            with tried():
                make()
        """,
    ),
    Hostile(
        "disk-sparse",
        """
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with attempt("sparse file"):
            with open(os.path.join(tempfile.gettempdir(), "a"), "wb") as file:
                file.truncate(1 << 40)
        """,
        ends=SPENT,
    ),
    Hostile(
        "raised-limits",
        """
        for name in dir(resource):
            if name.startswith("RLIMIT_"):
                number = getattr(resource, name)
                soft, hard = resource.getrlimit(number)
                if hard == resource.RLIM_INFINITY:
                    continue
                for wanted in ((hard + 1, hard + 1), (-1, -1), (soft, -1)):
                    try:
                        resource.setrlimit(number, wanted)
                    except (ValueError, OSError):
                        continue
                    breach(name)
                with tried():
                    try:
                        resource.prlimit(0, number, (-1, -1))
                    except ValueError:
                        continue
                    breach(name)
        """,
    ),
    Hostile(
        "lowered-limits",
        """
        for name in ("RLIMIT_NOFILE", "RLIMIT_STACK", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_NPROC", "RLIMIT_AS"):
            with tried():
                resource.setrlimit(getattr(resource, name), (0, 0))
        """,
        ends=SPENT,
    ),
    Hostile(
        "limits-there-are",
        """
        for name, most in [
            ("RLIMIT_CORE", 0), ("RLIMIT_FSIZE", 1 << 26), ("RLIMIT_NOFILE", 1024), ("RLIMIT_AS", 1 << 31),
            ("RLIMIT_STACK", 1 << 28), ("RLIMIT_MEMLOCK", 1 << 26),
        ]:
            if resource.getrlimit(getattr(resource, name))[1] not in range(most + 1):
                breach(name)
        """,
    ),
    Hostile("null", "import ctypes\nctypes.string_at(0)", ends=("runtime_error",), raw=True),
    Hostile("abort", "import os\nos.abort()", ends=("runtime_error",), raw=True),
    Hostile(
        "crash-in-bytecode",
        "f = lambda: 0\nf.__code__ = f.__code__.replace(co_code=bytes([100, 255, 83, 0] * 8))\nf()",
        ends=("runtime_error", "wrong_answer"),
        raw=True,
    ),
    Hostile(
        "crash-in-stack",
        "import ctypes\nctypes.memset(ctypes.c_char.from_buffer(bytearray(8)), 0, 1 << 33)",
        ends=("runtime_error",),
        raw=True,
    ),
    Hostile(
        "core-dump",
        """
        with tried():
            resource.setrlimit(resource.RLIMIT_CORE, (-1, -1))
        libc.prctl(4, 1, 0, 0, 0)
        os.chdir(tempfile.gettempdir())
        os.abort()
        """,
        ends=("runtime_error",),
    ),
    Hostile("every-signal-to-oneself", "import signal\nsignal.raise_signal(9)", ends=("runtime_error",), raw=True),
    Hostile(
        "pretend-a-timeout",
        "import signal\nsignal.raise_signal(signal.SIGXCPU)",
        ends=("runtime_error",),
        raw=True,
    ),
    Hostile(
        "pretend-too-much-output",
        "import signal\nsignal.raise_signal(signal.SIGXFSZ)",
        ends=("runtime_error", "output_limit"),
        raw=True,
    ),
    Hostile(
        "descriptors",
        """
        kept = []
        with tried():
            for _ in range(5000):
                kept.append(os.dup(0))
        if len(kept) > 1024:
            breach(f"{len(kept)} descriptors")
        """,
    ),
)
