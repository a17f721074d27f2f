"""Programs that make processes, or harm those of others."""

from tests.agentgym.sandbox.hostile.row import Hostile

PROGRAMS = (
    Hostile(
        "fork-bomb",
        """
        named()
        made = 0
        for _ in range(30):
            with tried():
                if os.fork() == 0:
                    time.sleep(2)
                    os._exit(0)
                made += 1
        if made:
            breach(f"{made} children")
        """,
    ),
    Hostile(
        "fork-by-number",
        """
        named()
        SIGCHLD = 17
        for name, numbers, flags in [
            ("clone", (56, 220), (SIGCHLD, 0, 0, 0, 0)),
            ("clone with high bits", (56, 220), (SIGCHLD | 1 << 32, 0, 0, 0, 0)),
            ("clone into a user namespace", (56, 220), (SIGCHLD | 0x10000000, 0, 0, 0, 0)),
            ("clone beside the parent", (56, 220), (SIGCHLD | 0x8000, 0, 0, 0, 0)),
            ("clone into a pid namespace", (56, 220), (SIGCHLD | 0x20000000, 0, 0, 0, 0)),
        ]:
            with tried():
                if call(*numbers, *flags) == 0:
                    os._exit(0)
                breach(name)
        if X86:
            with tried():
                if call(57, -1) == 0:
                    os._exit(0)
                breach("fork")
        """,
    ),
    Hostile(
        "clone3",
        """
        named()
        arguments = ctypes.create_string_buffer(struct.pack("11Q", 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0))
        with tried():
            if call(435, 435, arguments, 88) == 0:
                os._exit(0)
            breach("clone3")
        """,
    ),
    Hostile(
        "spawn",
        """
        import subprocess
        named()
        for path in ("/bin/true", "/bin/sh", "/usr/bin/env", sys.executable or "/usr/bin/python3"):
            with attempt(f"posix_spawn {path}"):
                os.posix_spawn(path, [path], {})
            with attempt(f"run {path}"):
                subprocess.run([path], stdin=subprocess.DEVNULL, timeout=2)
        with tried():
            if os.system("exit 0") == 0:
                breach("system")
        with attempt("popen"):
            os.popen("true").read()
        """,
    ),
    Hostile(
        "exec",
        """
        for path in ("/bin/echo", "/usr/bin/echo", "/bin/busybox"):
            with tried():
                os.execv(path, ["echo", "BREACH exec"])
            with tried():
                os.execve(path, ["echo", "BREACH exec"], {})
        with tried():
            descriptor = os.open("/bin/echo", os.O_PATH)
            call(322, 281, descriptor, b"", None, None, 0x1000)
            breach("execveat")
        """,
    ),
    Hostile(
        "exec-own-file",
        """
        path = os.path.join(tempfile.gettempdir(), "tool")
        with tried():
            with open(path, "w") as file:
                file.write("#!/bin/sh\\necho BREACH exec")
            os.chmod(path, 0o755)
        with tried():
            os.execv(path, [path])
        """,
    ),
    Hostile(
        "exec-interpreter",
        """
        for path in (sys.executable, "/proc/self/exe", "/usr/bin/python3"):
            with tried():
                os.execv(path or "/usr/bin/python3", ["python3", "-c", "print('BREACH exec')"])
        """,
    ),
    Hostile(
        "multiprocessing",
        """
        import multiprocessing
        named()
        for method in ("fork", "spawn", "forkserver"):
            with attempt(method):
                process = multiprocessing.get_context(method).Process(target=time.sleep, args=(1,))
                process.start()
        """,
        ends=("wrong_answer", "runtime_error"),
    ),
    Hostile(
        "daemon",
        """
        named()
        with tried():
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    time.sleep(8)
                os._exit(0)
            breach("daemon")
        """,
    ),
    Hostile(
        "terminal-fork",
        """
        import pty
        named()
        with tried():
            pid, _ = pty.fork()
            if pid == 0:
                os._exit(0)
            breach("pty")
        """,
    ),
    Hostile(
        "thread-bomb",
        """
        threads = 0
        gate = threading.Event()
        try:
            for _ in range(2000):
                threading.Thread(target=gate.wait, daemon=True).start()
                threads += 1
        except (RuntimeError, MemoryError):
            pass
        if threads > 600:
            breach(f"{threads} threads")
        gate.set()
        """,
        ends=("wrong_answer", "runtime_error", "memory", "timeout"),
    ),
    Hostile(
        "thread-bomb-small-stacks",
        """
        threading.stack_size(32768)
        gate = threading.Event()
        threads = 0
        try:
            for _ in range(20000):
                threading.Thread(target=gate.wait, daemon=True).start()
                threads += 1
        except (RuntimeError, MemoryError):
            pass
        if threads > 9000:
            breach(f"{threads} threads")
        gate.set()
        """,
        ends=("wrong_answer", "runtime_error", "memory", "timeout"),
    ),
    Hostile(
        "kill-zygote",
        """
        for _ in range(3):
            if other(os.getppid()):
                with attempt("killed what started it"):
                    os.kill(os.getppid(), signal.SIGKILL)
        """,
    ),
    Hostile(
        "stop-zygote",
        """
        if other(os.getppid()):
            for number in (signal.SIGSTOP, signal.SIGCONT, 0):
                with attempt(f"signal {number} to what started it"):
                    os.kill(os.getppid(), number)
        """,
    ),
    Hostile(
        "kill-victim",
        """
        victim = @VICTIM@
        for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGKILL):
            with tried():
                os.kill(victim, number)
            with tried():
                os.killpg(victim, number)
            with tried():
                call(200, 130, victim, int(number))
            with tried():
                call(234, 131, victim, victim, int(number))
        """,
    ),
    Hostile(
        "kill-victim-queued",
        """
        victim = @VICTIM@
        info = ctypes.create_string_buffer(struct.pack("iiii", 9, 0, -1, 0) + bytes(112))
        with tried():
            call(129, 138, victim, 9, info)
        with tried():
            call(297, 240, victim, victim, 9, info)
        """,
    ),
    Hostile(
        "kill-victim-by-descriptor",
        """
        for pid in (@VICTIM@, os.getppid()):
            with tried():
                descriptor = os.pidfd_open(pid)
                breach("pidfd_open")
                if pid == @VICTIM@:
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        with tried():
            signal.pidfd_send_signal(os.open("/proc/@VICTIM@", os.O_RDONLY), signal.SIGKILL)
        """,
    ),
    Hostile(
        "kill-victim-by-file-owner",
        """
        def armed(pid, number):
            reading, writing = os.pipe()
            fcntl.fcntl(reading, fcntl.F_SETOWN, pid)
            fcntl.fcntl(reading, 10, int(number))
            fcntl.fcntl(reading, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
            os.write(writing, b"x")

        for pid, number in [(@VICTIM@, signal.SIGKILL), (-@VICTIM@, signal.SIGKILL), (@PARENT@, signal.SIGUSR1)]:
            with tried():
                armed(pid, number)
        """,
    ),
    Hostile(
        "kill-victim-by-file-owner-extended",
        """
        def armed(kind, pid, number):
            reading, writing = socket.socketpair()
            fcntl.fcntl(reading, 15, struct.pack("ii", kind, pid))
            fcntl.fcntl(reading, 10, int(number))
            fcntl.fcntl(reading, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
            os.write(writing.fileno(), b"x")

        for kind, pid, number in [(0, @VICTIM@, 9), (1, @VICTIM@, 9), (2, @VICTIM@, 9), (1, @PARENT@, signal.SIGUSR1)]:
            with tried():
                armed(kind, pid, number)
        """,
    ),
    Hostile(
        "kill-victim-by-lease",
        """
        path = os.path.join(tempfile.gettempdir(), "leased")
        with tried():
            descriptor = os.open(path, os.O_CREAT | os.O_RDONLY, 0o600)
            fcntl.fcntl(descriptor, fcntl.F_SETOWN, @VICTIM@)
            fcntl.fcntl(descriptor, 10, int(signal.SIGKILL))
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        """,
    ),
    Hostile(
        "kill-victim-by-timer",
        """
        event = struct.pack("QiiiiQQ", 0, 9, 4, @VICTIM@, 0, 0, 0) + bytes(32)
        made = ctypes.c_int()
        with tried():
            call(222, 107, 1, ctypes.create_string_buffer(event), ctypes.byref(made))
            call(223, 110, made.value, 0, ctypes.create_string_buffer(struct.pack("4q", 0, 0, 0, 1)), None)
            time.sleep(0.01)
        """,
    ),
    Hostile(
        "signal-everybody",
        """
        for pid in (-1, 0, -os.getpgrp() or -2, @PARENT@, -@PARENTGROUP@):
            with tried():
                os.kill(pid, signal.SIGURG)
        """,
    ),
    Hostile(
        "signal-parent",
        """
        for pid in {@PARENT@, os.getppid()}:
            with tried():
                os.kill(pid, signal.SIGUSR1)
            with tried():
                call(234, 131, pid, pid, int(signal.SIGUSR1))
            with tried():
                call(234, 131, pid | 1 << 32, pid | 1 << 32, int(signal.SIGUSR1))
        """,
    ),
    Hostile(
        "own-id-with-high-bits",
        """
        for target in (0, -1, @VICTIM@):
            with tried():
                call(62, 129, target & 0xFFFFFFFF | os.getpid() << 32, int(signal.SIGURG))
            with tried():
                call(234, 131, target & 0xFFFFFFFF | os.getpid() << 32, target, int(signal.SIGURG))
        """,
    ),
    Hostile(
        "trace",
        """
        ATTACH, SEIZE, PEEK = 16, 0x4206, 2
        for pid in (@PARENT@, @VICTIM@, os.getppid()):
            for request in (ATTACH, SEIZE, PEEK):
                refused(f"ptrace {request}", 101, 117, request, pid, 0, 0)
        refused("traceme", 101, 117, 0, 0, 0, 0)
        """,
    ),
    Hostile(
        "remote-memory",
        """
        local = ctypes.create_string_buffer(64)
        vector = ctypes.create_string_buffer(struct.pack("QQ", ctypes.addressof(local), 64))
        remote = ctypes.create_string_buffer(struct.pack("QQ", 0x400000, 64))
        for pid in (@PARENT@, @VICTIM@, os.getppid(), os.getpid()):
            refused("process_vm_readv", 310, 270, pid, vector, 1, remote, 1, 0)
            refused("process_vm_writev", 311, 271, pid, vector, 1, remote, 1, 0)
        refused("process_madvise", 440, 440, -1, vector, 1, 4, 0)
        refused("kcmp", 312, 272, @PARENT@, @VICTIM@, 0, 0, 0)
        """,
    ),
    Hostile(
        "scheduling-of-others",
        """
        for pid in (@VICTIM@, @PARENT@, os.getppid()):
            with tried():
                os.setpriority(os.PRIO_PROCESS, pid, 19)
            with tried():
                os.sched_setaffinity(pid, {0})
            with tried():
                os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
            with tried():
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (7, 7))
            with tried():
                call(251, 30, 1, pid, 3 << 13)
            with tried():
                call(203, 122, pid, 0, b"")
        """,
    ),
    Hostile(
        "scheduling-of-all-of-the-user",
        """
        with tried():
            os.setpriority(os.PRIO_USER, 0, 18)
        with tried():
            os.setpriority(os.PRIO_PGRP, @PARENTGROUP@, 18)
        with tried():
            os.setpriority(os.PRIO_USER, os.getuid(), 18)
        """,
    ),
    Hostile(
        "real-time",
        """
        with attempt("real time"):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        with attempt("real time, round robin"):
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        with attempt("before others"):
            os.setpriority(os.PRIO_PROCESS, 0, -5)
        """,
    ),
    Hostile(
        "another-user",
        """
        for change in (os.setuid, os.setgid, os.seteuid, os.setegid):
            with attempt(change.__name__):
                change(0 if os.getuid() else 12345)
        with attempt("groups"):
            os.setgroups([12345])
        with tried():
            refused("capset", 126, 91, b"", b"")
        """,
        ends=("wrong_answer",),
    ),
    Hostile(
        "own-session-then-sleep",
        """
        named()
        with tried():
            os.setpgid(0, 0)
        with tried():
            os.setsid()
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        time.sleep(30)
        """,
        ends=("timeout",),
    ),
    Hostile(
        "stop-oneself",
        """
        named()
        for number in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGSTOP):
            with tried():
                signal.raise_signal(number)
            with tried():
                os.kill(os.getpid(), number)
        time.sleep(30)
        """,
        ends=("timeout",),
    ),
    Hostile(
        "outlive-by-thread",
        """
        named()
        threading.Thread(target=time.sleep, args=(30,)).start()
        """,
        ends=("timeout",),
    ),
    Hostile(
        "terminal",
        """
        TIOCSTI, TIOCSCTTY, TIOCNOTTY = 0x5412, 0x540E, 0x5422
        for path in ("/dev/tty", "/dev/ptmx", "/dev/pts/ptmx", "/dev/console", "/dev/tty0", "/dev/vcs"):
            with attempt(path):
                os.open(path, os.O_RDWR | os.O_NOCTTY)
        for descriptor in range(3):
            for request in (TIOCSTI, TIOCSCTTY, TIOCNOTTY):
                with attempt(f"ioctl {request:x}"):
                    call(16, 29, descriptor, request, b"x")
            refused("TIOCSTI", 16, 29, descriptor, TIOCSTI, b"x")
            refused("TIOCSTI with high bits", 16, 29, descriptor, TIOCSTI | 1 << 32, b"x")
            refused("TIOCLINUX", 16, 29, descriptor, 0x541C, b"x")
        """,
    ),
)
