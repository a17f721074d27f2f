"""Programs that knock at doors of the kernel nobody needs for computing; every argument is nonsense."""

from tests.agentgym.sandbox.hostile.row import Hostile

DOORS: tuple[tuple[str, int, int, str], ...] = (
    ("unshare", 272, 97, "0x10000000"),
    ("unshare-everything", 272, 97, "0x7E020000"),
    ("setns", 308, 268, "-1, 0"),
    ("bpf", 321, 280, "-1, None, 0"),
    ("perf_event_open", 298, 241, "None, 0, -1, -1, -1"),
    ("io_uring_setup", 425, 425, "0, None"),
    ("io_uring_enter", 426, 426, "-1, 0, 0, 0, None, 0"),
    ("io_uring_register", 427, 427, "-1, 0, None, 0"),
    ("userfaultfd", 323, 282, "-1"),
    ("init_module", 175, 105, "None, 0, b''"),
    ("finit_module", 313, 273, "-1, b'', 0"),
    ("delete_module", 176, 106, "b'@MARK@', 0"),
    ("swapon", 167, 224, "b'/@MARK@', 0"),
    ("swapoff", 168, 225, "b'/@MARK@'"),
    ("reboot", 169, 142, "0, 0, 0, None"),
    ("acct", 163, 89, "b'/@MARK@'"),
    ("quotactl", 179, 60, "-1, b'/@MARK@', 0, None"),
    ("clock_settime", 227, 112, "99, None"),
    ("settimeofday", 164, 170, "b'\\xff' * 16, None"),
    ("sethostname", 170, 161, "None, -1"),
    ("setdomainname", 171, 162, "None, -1"),
    ("iopl", 172, -1, "9"),
    ("ioperm", 173, -1, "-1, 0, 0"),
    ("lookup_dcookie", 212, 18, "0, None, 0"),
    ("open_by_handle_at", 304, 265, "-1, None, 0"),
    ("move_pages", 279, 239, "@PARENT@, 0, None, None, None, 0"),
    ("migrate_pages", 256, 238, "@PARENT@, 0, None, None"),
    ("vmsplice-of-nothing-to-a-parent", 311, 271, "@PARENT@, None, 0, None, 0, 0"),
    ("pidfd_open", 434, 434, "@PARENT@, 0"),
    ("pidfd_getfd", 438, 438, "-1, 0, 0"),
    ("process_mrelease", 448, 448, "-1, 1"),
    ("memfd_secret", 447, 447, "-1"),
    ("vhangup", 153, 58, ""),
    ("nfsservctl", 180, 42, "0, None, None"),
)

_RUNS_IN = """
code = mmap.mmap(-1, 4096, prot=7)
code.write(bytes.fromhex("{hexadecimal}"))
run = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
"""

PROGRAMS = (
    *(
        Hostile(
            f"door-{name}",
            f"refused({name!r}, {x86}, {aarch64}{', ' if arguments else ''}{arguments})",
        )
        for name, x86, aarch64, arguments in DOORS
    ),
    Hostile(
        "numbers-of-x32",
        """
        for number in (39, 57, 59, 101, 41):
            with tried():
                if libc.syscall(ctypes.c_long(0x40000000 | number), 0, 0, 0) >= 0:
                    breach(number)
        """,
        ends=("wrong_answer", "runtime_error"),
        only="x86_64",
    ),
    Hostile(
        "numbers-out-of-range",
        """
        for number in (-1, 1 << 31, 1 << 32 | 57, 0xFFFFFFFF00000000 | 57, 1000, 512, 547):
            with tried():
                pid = libc.syscall(ctypes.c_long(number - (1 << 64) if number >> 63 else number), 0, 0, 0)
                if pid == 0:
                    os._exit(0)
                if pid > 0:
                    breach(number)
        """,
        ends=("wrong_answer", "runtime_error"),
        only="x86_64",
    ),
    Hostile(
        "numbers-of-32-bits",
        # mov eax, 20; int 0x80; ret: getpid as 32-bit programs ask for it
        _RUNS_IN.format(hexadecimal="b814000000cd80c3") + "if run() > 0:\n    breach('int 0x80')\n",
        ends=("wrong_answer", "runtime_error"),
        only="x86_64",
    ),
    Hostile(
        "fork-of-32-bits",
        # mov eax, 2; int 0x80; ret
        _RUNS_IN.format(hexadecimal="b802000000cd80c3")
        + "pid = run()\nif pid == 0:\n    os._exit(0)\nif pid > 0:\n    breach('fork by int 0x80')\n",
        ends=("wrong_answer", "runtime_error"),
        only="x86_64",
    ),
    Hostile(
        "connect-of-32-bits",
        # push rbx; mov eax, 359; mov ebx, 2; mov ecx, 1; xor edx, edx; int 0x80; pop rbx; ret:
        # socket(AF_INET, SOCK_STREAM)
        _RUNS_IN.format(hexadecimal="53b867010000bb02000000b90100000031d2cd805bc3")
        + "if run() > 0:\n    breach('socket by int 0x80')\n",
        ends=("wrong_answer", "runtime_error"),
        only="x86_64",
    ),
    Hostile(
        "call-by-machine-code",
        # mov eax, 57; syscall; ret: fork, with no library between
        _RUNS_IN.format(hexadecimal="b8390000000f05c3")
        + "named()\npid = run()\nif pid == 0:\n    os._exit(0)\nif pid > 0:\n    breach('fork')\n",
        ends=("wrong_answer", "runtime_error"),
        only="x86_64",
    ),
    Hostile(
        "loosen-the-filter",
        """
        allow = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7FFF0000))
        program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", 1, ctypes.addressof(allow)))
        for flags in (0, 1, 4, 1 | 16):
            with tried():
                call(317, 277, 1, flags, program)
        libc.prctl(22, 2, program, 0, 0)
        libc.prctl(22, 0, 0, 0, 0)
        if libc.prctl(21, 0, 0, 0, 0) == 0:
            breach("no filter")
        if libc.prctl(38, 0, 0, 0, 0) == 0 and libc.prctl(39, 0, 0, 0, 0) == 0:
            breach("may gain rights")
        with tried():
            if os.fork() == 0:
                os._exit(0)
            breach("fork")
        """,
    ),
    Hostile(
        "answer-for-the-filter",
        """
        notify = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7FC00000))
        program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", 1, ctypes.addressof(notify)))
        libc.prctl(38, 1, 0, 0, 0)
        with attempt("listener of system calls"):
            call(317, 277, 1, 8, program)
        """,
        ends=("wrong_answer", "runtime_error", "timeout"),
    ),
    Hostile(
        "loosen-the-landlock",
        """
        with tried():
            rights = ctypes.create_string_buffer(struct.pack("QQQ", 0x1FFF, 0, 0))
            ruleset = call(444, 444, rights, 8, 0)
            root = os.open("/", os.O_PATH)
            call(445, 445, ruleset, 1, ctypes.create_string_buffer(struct.pack("=Qi", 0x1FFF, root)), 0)
            call(446, 446, ruleset, 0)
        with tried():
            look("loosened", open("@YARD@/secret").read())
        """,
    ),
    Hostile(
        "regain-rights",
        """
        for number in range(41):
            with tried():
                if libc.prctl(47, 2, number, 0, 0) == 0 and libc.prctl(47, 1, number, 0, 0) == 1:
                    breach(f"ambient {number}")
        header = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0))
        held = ctypes.create_string_buffer(24)
        with tried():
            call(125, 90, header, held)
            effective, permitted, inheritable, *more = struct.unpack("6I", held.raw)
            if effective or permitted or any(more[:2]):
                breach(f"capabilities {effective:x} {permitted:x}")
        """,
    ),
    Hostile(
        "prctl",
        """
        PDEATHSIG, DUMPABLE, SUBREAPER, PTRACER, NNP, SECUREBITS = 1, 4, 36, 0x59616D61, 38, 28
        libc.prctl(PDEATHSIG, 0, 0, 0, 0)
        libc.prctl(DUMPABLE, 1, 0, 0, 0)
        libc.prctl(SUBREAPER, 1, 0, 0, 0)
        libc.prctl(PTRACER, -1, 0, 0, 0)
        if libc.prctl(NNP, 0, 0, 0, 0) == 0:
            breach("new privileges")
        if libc.prctl(SECUREBITS, 0x2F, 0, 0, 0) == 0:
            breach("securebits")
        for option in range(1, 80):
            if option not in (1, 4, 22, 36, 38, 58):
                libc.prctl(option, 1 << 40, 1 << 40, 1 << 40, 1 << 40)
        """,
        ends=("wrong_answer", "runtime_error"),
    ),
    Hostile(
        "personality",
        """
        with tried():
            call(135, 92, 0x0400000 | 0x0040000)
        """,
        heir="""
        with tried():
            if int(open("/proc/self/personality").read(), 16) & 0x0440000:
                breach("personality")
        """,
    ),
    Hostile(
        "priority-of-input-and-output",
        """
        with attempt("real-time input and output"):
            call(251, 30, 1, 0, 1 << 13)
        """,
    ),
    Hostile(
        "robust-lists-and-rseq",
        """
        head = ctypes.create_string_buffer(struct.pack("QqQ", 0xDEAD000, 0, 0xDEAD000))
        with tried():
            call(273, 99, head, 24)
        with tried():
            call(218, 96, ctypes.c_void_p(0xDEAD000))
        """,
        ends=("wrong_answer", "runtime_error"),
    ),
    Hostile(
        "memory-without-bounds",
        """
        for rights in (0, 3):
            libc.mmap.restype = ctypes.c_void_p
            address = libc.mmap(None, ctypes.c_size_t(1 << 42), rights, 0x4022, -1, ctypes.c_long(0))
            if address not in (None, ctypes.c_void_p(-1).value):
                breach("four terabytes")
        with tried():
            call(149, 228, ctypes.c_void_p(0), 0)
        if libc.mlockall(3) == 0 and resource.getrlimit(resource.RLIMIT_MEMLOCK)[1] == resource.RLIM_INFINITY:
            breach("mlockall")
        """,
        ends=("wrong_answer", "memory"),
    ),
    Hostile(
        "map-the-null-page",
        """
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
        if not libc.mmap(None, 4096, 7, 0x32, -1, 0):
            breach("null page")
        """,
        ends=("wrong_answer", "runtime_error"),
    ),
)
