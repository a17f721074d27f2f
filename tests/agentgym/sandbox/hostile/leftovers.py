"""Programs that leave something for whoever runs next."""

from tests.agentgym.sandbox.hostile.row import Hostile

PROGRAMS = (
    Hostile(
        "files",
        """
        for where in {tempfile.gettempdir(), ".", "/tmp", "/var/tmp", "/dev/shm", os.path.expanduser("~"), "/run", "/"}:
            with tried():
                with open(os.path.join(where, "@MARK@"), "w") as file:
                    file.write("left")
        """,
        heir="""
        for where in {tempfile.gettempdir(), ".", "/tmp", "/var/tmp", "/dev/shm", os.path.expanduser("~"), "/run", "/"}:
            if os.path.exists(os.path.join(where, "@MARK@")):
                breach(where)
        """,
    ),
    Hostile(
        "state-of-the-process",
        """
        os.umask(0o777)
        with tried():
            os.chdir("/")
        os.environ["@MARK@"] = "1"
        os.putenv("@MARK@", "1")
        with tried():
            os.nice(5)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        sys.path.append("@MARK@")
        sys.setrecursionlimit(50)
        import builtins, json
        json.left = builtins.left = 1
        with tried():
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
        """,
        heir="""
        import builtins, json
        if "@MARK@" in os.environ or b"@MARK@" in (ctypes.string_at(libc.getenv(b"@MARK@")) if False else b""):
            breach("environment")
        if hasattr(json, "left") or hasattr(builtins, "left") or "@MARK@" in sys.path or sys.getrecursionlimit() < 500:
            breach("modules")
        if signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN or signal.pthread_sigmask(signal.SIG_BLOCK, ()):
            breach("signals")
        if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 16 or os.getpriority(os.PRIO_PROCESS, 0) >= 5:
            breach("limits")
        if os.umask(0) == 0o777:
            breach("umask")
        """,
    ),
    Hostile(
        "state-of-the-zygote",
        """
        pid = os.getppid()
        for change in (
            lambda: resource.prlimit(pid, resource.RLIMIT_CPU, (1, 1)),
            lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, 3)),
            lambda: os.setpriority(os.PRIO_PROCESS, pid, 19),
            lambda: os.sched_setaffinity(pid, {0}),
            lambda: os.kill(pid, signal.SIGSTOP),
            lambda: os.setpgid(pid, 0),
            lambda: open(f"/proc/{pid}/oom_score_adj", "w").write("1000"),
        ):
            with attempt("the zygote"):
                if not pid:
                    raise OSError
                change()
        """,
    ),
    Hostile(
        "shared-memory",
        """
        from multiprocessing import shared_memory
        try:
            kept = shared_memory.SharedMemory("@MARK@", create=True, size=4096)
            kept.buf[0] = 7
        except OSError:
            pass
        os._exit(0)
        """,
        heir="""
        from multiprocessing import shared_memory
        try:
            shared_memory.SharedMemory("@MARK@")
            breach("shared memory")
        except (OSError, ValueError):
            pass
        os._exit(0)
        """,
        ends=("wrong_answer", "runtime_error"),
    ),
    Hostile(
        "kernel-objects",
        """
        with tried():
            call(240, 180, b"@MARK@", 0o102, 0o600, None)
        with tried():
            call(29, 194, 0x5EC4E7, 4096, 0o1600)
        with tried():
            call(64, 190, 0x5EC4E7, 1, 0o1600)
        with tried():
            call(68, 186, 0x5EC4E7, 0o1600)
        with tried():
            call(248, 217, b"user", b"@MARK@", b"left", 4, -3)
        """,
        heir="""
        with attempt("queue"):
            call(240, 180, b"@MARK@", 2, 0, None)
        with attempt("shared memory"):
            call(29, 194, 0x5EC4E7, 0, 0)
        with attempt("key"):
            call(249, 218, b"user", b"@MARK@", None, -3)
        """,
    ),
    Hostile(
        "names-of-sockets",
        """
        with tried():
            one = socket.socket(socket.AF_UNIX)
            one.bind("\\0@MARK@")
            one.listen()
            os.set_inheritable(one.fileno(), True)
        """,
        heir="""
        with attempt("socket"):
            socket.socket(socket.AF_UNIX).connect("\\0@MARK@")
        """,
    ),
    Hostile(
        "input-of-another-program",
        """
        kept = sys.stdin.read() + "SECRET-" + "0123456789abcdef" * 2
        print(len(kept))
        """,
        heir="""
        with tried():
            maps = open("/proc/self/maps").read()
            memory = open("/proc/self/mem", "rb", 0)
            for line in maps.splitlines():
                low, high = (int(part, 16) for part in line.split()[0].split("-"))
                with tried():
                    memory.seek(low)
                    data = memory.read(high - low)
                    look("memory", data)
        """,
    ),
    Hostile(
        "descriptors-to-the-zygote",
        """
        import array
        for descriptor in range(0, 256):
            with tried():
                one = socket.socket(fileno=os.dup(descriptor))
                one.setblocking(False)
                one.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
                breach(f"sent descriptors over {descriptor}")
        """,
    ),
    Hostile(
        "names-of-processes",
        """
        named()
        libc.prctl(15, b"@MARK@"[:15], 0, 0, 0)
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        ends=("runtime_error",),
        heir="""
        with tried():
            for pid in os.listdir("/proc"):
                with tried():
                    if pid.isdigit() and open(f"/proc/{pid}/comm").read().strip() == "@MARK@"[:15]:
                        breach(pid)
        """,
    ),
    Hostile(
        "many-files-then-crash",
        """
        os.chdir(tempfile.gettempdir())
        with tried():
            os.makedirs("a/b/c")
            for number in range(100):
                open(f"a/b/c/@MARK@{number}", "w").close()
        ctypes.string_at(0)
        """,
        ends=("runtime_error",),
        heir="""
        if any(os.scandir(tempfile.gettempdir())) and os.path.exists(os.path.join(tempfile.gettempdir(), "a")):
            breach("directory")
        """,
    ),
    Hostile(
        "locked-library",
        """
        for path in (os.__file__, io.__file__):
            with tried():
                fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
        time.sleep(60)
        """,
        ends=("timeout",),
        heir="""
        with tried():
            descriptor = os.open(os.__file__, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                breach("locked")
        """,
    ),
    Hostile(
        "byte-code",
        """
        os.chdir(tempfile.gettempdir())
        with open("json.py", "w") as file:
            file.write("print('BREACH json')")
        with open("sitecustomize.py", "w") as file:
            file.write("print('BREACH site')")
        """,
        heir="""
        import json, decimal, random, queue
        """,
    ),
)
