"""Programs that look for what is not theirs: secrets of the machine, of the parent, of other programs."""

from tests.agentgym.sandbox.hostile.row import Hostile

PROGRAMS = (
    Hostile(
        "environment",
        """
        look("environ", repr(os.environ))
        for name in os.environ:
            if name not in ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "HOME", "TMPDIR", "PWD", "PYTHONHASHSEED", "TERM",
                            "MALLOC_ARENA_MAX", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHONDONTWRITEBYTECODE"):
                breach(name)
        """,
    ),
    Hostile(
        "environment-of-others",
        """
        for pid in {"self", "1", str(os.getppid()), "@PARENT@", "@VICTIM@"}:
            for name in ("environ", "cmdline", "maps", "stack", "auxv", "task/" + pid + "/environ"):
                with tried():
                    with open(f"/proc/{pid}/{name}", "rb") as file:
                        data = file.read()
                    look(f"{pid}/{name}", data)
                    if pid in ("@PARENT@", "@VICTIM@") and data:
                        breach(f"{pid}/{name}")
        """,
    ),
    Hostile(
        "secret-file",
        """
        path = "@YARD@/secret"
        import linecache, pathlib, runpy, codecs, fileinput
        for read in (
            lambda: open(path).read(),
            lambda: os.read(os.open(path, os.O_RDONLY), 1000),
            lambda: os.read(os.open(path, os.O_RDONLY | os.O_NOATIME), 1000),
            lambda: io.open_code(path).read(),
            lambda: io.FileIO(path).read(),
            lambda: pathlib.Path(path).read_bytes(),
            lambda: codecs.open(path).read(),
            lambda: "".join(linecache.getlines(path)),
            lambda: "".join(fileinput.input(path)),
            lambda: runpy.run_path(path),
        ):
            with tried():
                look("file", read() or "")
        """,
    ),
    Hostile(
        "secret-file-by-number",
        """
        path = b"@YARD@/secret"
        libc.syscall.restype = ctypes.c_long
        def read(descriptor):
            look("file", os.read(descriptor, 1000))
        if X86:
            with tried():
                read(call(2, -1, path, 0))
        with tried():
            read(call(257, 56, -100, path, 0))
        with tried():
            read(call(437, 437, -100, path, ctypes.create_string_buffer(24), 24))
        with tried():
            handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128))
            mount = ctypes.c_int()
            call(303, 264, -100, path, handle, ctypes.byref(mount), 0)
            read(call(304, 265, os.open("/", os.O_RDONLY), handle, 0))
        libc.fopen.restype = ctypes.c_void_p
        if libc.fopen(path, b"r"):
            breach("fopen")
        """,
    ),
    Hostile(
        "secret-file-by-detour",
        """
        here = tempfile.gettempdir()
        for make in (
            lambda to: os.symlink("@YARD@/secret", to),
            lambda to: os.link("@YARD@/secret", to),
            lambda to: os.rename("@YARD@/secret", to),
            lambda to: os.symlink("@YARD@", to),
        ):
            to = os.path.join(here, f"detour-{id(make)}")
            with tried():
                make(to)
                look("link", open(to, "rb").read())
            with tried():
                look("directory", open(to + "/secret", "rb").read())
        ups = "../" * 20 + "@YARD@/secret".lstrip("/")
        for path in (
            ups, f"/proc/self/root@YARD@/secret", f"/proc/self/cwd/{ups}", f"/proc/thread-self/root@YARD@/secret",
            f"/proc/1/root@YARD@/secret", f"/proc/@PARENT@/root@YARD@/secret", "/proc/@PARENT@/cwd",
            f"/proc/{os.getppid()}/root@YARD@/secret", "/dev/fd/../../..@YARD@/secret",
        ):
            with tried():
                look(path, open(path, "rb").read())
        """,
    ),
    Hostile(
        "secret-file-by-path-descriptor",
        """
        with tried():
            descriptor = os.open("@YARD@/secret", os.O_PATH)
            for again in (f"/proc/self/fd/{descriptor}", f"/dev/fd/{descriptor}"):
                with tried():
                    look("reopened", os.read(os.open(again, os.O_RDONLY), 1000))
            with tried():
                look("through O_PATH", os.read(descriptor, 1000))
        with tried():
            directory = os.open("@YARD@", os.O_PATH | os.O_DIRECTORY)
            look("under O_PATH", os.read(os.open("secret", os.O_RDONLY, dir_fd=directory), 1000))
        """,
    ),
    Hostile(
        "secret-file-as-module",
        """
        import importlib.util, importlib.machinery
        sys.path.insert(0, "@YARD@")
        try:
            import secret_module
            breach("imported")
        except ImportError:
            pass
        with tried():
            spec = importlib.util.spec_from_file_location("secret", "@YARD@/secret")
            loader = importlib.machinery.SourceFileLoader("secret", "@YARD@/secret")
            look("loader", loader.get_data("@YARD@/secret"))
        with tried():
            try:
                ctypes.CDLL("@YARD@/secret")
            except OSError as error:
                if "invalid ELF" in str(error) or "too short" in str(error):
                    breach("opened as a library")
        """,
    ),
    Hostile(
        "secret-file-copied-by-the-kernel",
        """
        with tried():
            source = os.open("@YARD@/secret", os.O_RDONLY)
            os.sendfile(1, source, 0, 100)
            breach("sendfile")
        with tried():
            source = os.open("@YARD@/secret", os.O_RDWR)
            os.copy_file_range(source, 1, 100)
            breach("copy_file_range")
        """,
    ),
    Hostile(
        "listing",
        """
        for path in (
            "@YARD@", "/root", "/home", "/var/log", "/etc/ssl/private", os.path.expanduser("~"), "/proc/@PARENT@/fd",
            "@REPOSITORY@", "/var/lib", "/run", "/boot",
        ):
            with tried():
                names = os.listdir(path)
                if names and os.path.realpath(path) not in (os.path.realpath(tempfile.gettempdir()), os.getcwd(), "/"):
                    breach(f"{path}: {names[:3]}")
        """,
    ),
    Hostile(
        "well-known-secrets",
        """
        home = os.path.expanduser("~")
        for path in (
            "/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/hostname", "/etc/machine-id",
            "/var/run/docker.sock", "/root/.bashrc", "/root/.profile", f"{home}/.bashrc", f"{home}/.ssh/id_rsa",
            f"{home}/.netrc", "/proc/kcore", "/proc/kallsyms", "/proc/kmsg", "/dev/kmsg", "/dev/mem", "/proc/keys",
            "/proc/net/tcp", "/proc/net/unix", "/proc/mounts", "/proc/cmdline", "/sys/kernel/notes",
            "/var/run/secrets/kubernetes.io/serviceaccount/token", "@REPOSITORY@/pyproject.toml",
        ):
            with tried():
                descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                with tried():
                    data = os.read(descriptor, 100)
                    if data and path not in ("/proc/mounts", "/proc/net/tcp", "/proc/net/unix"):
                        breach(path)
        """,
    ),
    Hostile(
        "memory-of-others",
        """
        for pid in {os.getppid(), @PARENT@, @VICTIM@, 1}:
            for name in ("mem", "pagemap", "clear_refs", "map_files", "fd", "ns/mnt", "oom_score_adj"):
                if pid and pid != os.getpid():
                    with tried():
                        os.close(os.open(f"/proc/{pid}/{name}", os.O_RDONLY))
                        if name in ("mem", "map_files", "fd", "pagemap") or pid in (@PARENT@, @VICTIM@):
                            breach(f"{pid}/{name}")
        """,
    ),
    Hostile(
        "descriptors-held",
        """
        for descriptor in range(3, 4096):
            with tried():
                kind = os.fstat(descriptor).st_mode
                if stat.S_ISSOCK(kind):
                    breach(f"socket {descriptor}")
                if stat.S_ISDIR(kind):
                    with tried():
                        os.open("../" * 20 + "@YARD@/secret".lstrip("/"), os.O_RDONLY, dir_fd=descriptor)
                        breach(f"directory {descriptor}")
                if stat.S_ISREG(kind):
                    with tried():
                        look(f"descriptor {descriptor}", os.pread(descriptor, 1 << 20, 0))
        """,
    ),
    Hostile(
        "descriptors-of-others",
        """
        for pid in {os.getppid(), @PARENT@, @VICTIM@}:
            for descriptor in range(64):
                with tried():
                    number = os.open(f"/proc/{pid}/fd/{descriptor}", os.O_RDONLY | os.O_NONBLOCK)
                    if pid != os.getpid():
                        breach(f"{pid}/{descriptor}")
            with tried():
                call(438, 438, os.pidfd_open(pid), 0, 0)
                breach("pidfd_getfd")
        """,
    ),
    Hostile(
        "memory-of-oneself",
        """
        def hunt(data, where):
            look(where, data)
        with tried():
            maps = open("/proc/self/maps").read()
            memory = open("/proc/self/mem", "rb", 0)
            for line in maps.splitlines():
                area, rights, _, _, _, *path = line.split()
                low, high = (int(part, 16) for part in area.split("-"))
                if rights[0] != "r" or (path and path[0].startswith("[v")):
                    continue
                if rights[1] == "w" and rights[3] == "s":
                    breach("memory shared with another process: " + line)
                with tried():
                    memory.seek(low)
                    hunt(memory.read(high - low), line)
        """,
    ),
    Hostile(
        "frames-and-objects",
        """
        import gc
        seen = set()
        def hunt(value, depth=0):
            if id(value) in seen or depth > 4:
                return
            seen.add(id(value))
            if isinstance(value, (str, bytes)):
                look("object", value)
            elif isinstance(value, dict):
                for pair in list(value.items())[:500]:
                    hunt(pair[0], depth + 1), hunt(pair[1], depth + 1)
            elif isinstance(value, (list, tuple, set, frozenset)):
                for item in list(value)[:500]:
                    hunt(item, depth + 1)
        frame = sys._getframe()
        while frame:
            hunt(dict(frame.f_locals)), hunt(dict(frame.f_globals))
            frame = frame.f_back
        for value in gc.get_objects():
            hunt(value)
        for module in list(sys.modules.values()):
            hunt(vars(module) if module else {})
        """,
        ends=("wrong_answer", "timeout"),
    ),
    Hostile(
        "frames-and-objects-in-a-function",
        """
        import gc, sys
        def f(*arguments):
            texts = []
            frame = sys._getframe()
            while frame:
                texts.append(repr(frame.f_locals)[:10000])
                frame = frame.f_back
            texts += [each for each in gc.get_objects() if type(each) is str][:1000]
            for each in texts:
                look("frame", each)
            return 0
        """,
        function="f",
    ),
    Hostile(
        "kernel-log",
        """
        refused("syslog", 103, 116, 3, None, 0)
        refused("kexec_load", 246, 104, 0, 0, None, -1)
        with tried():
            breach(os.listdir("/sys/firmware"))
        """,
    ),
    Hostile(
        "keyring",
        """
        refused("keyctl", 250, 219, 0, -3, 0)
        refused("add_key", 248, 217, b"user", b"a", b"b", 1, -99)
        refused("request_key", 249, 218, b"user", b"a", None, 0)
        """,
    ),
    Hostile(
        "repository",
        """
        import importlib
        sys.path[:0] = ["@REPOSITORY@"]
        try:
            importlib.import_module("agentgym.sandbox.local")
            breach("the framework can be imported")
        except (ImportError, OSError):
            pass
        with attempt("tests can be read"):
            open("@REPOSITORY@/tests/agentgym/sandbox/hostile/row.py").read()
        """,
    ),
    Hostile(
        "files-of-the-zygote",
        """
        for path in (f"/proc/{os.getppid()}/cmdline", "/proc/self/cmdline", "/proc/1/cmdline"):
            with tried():
                look(path, open(path, "rb").read())
        for name, module in sorted(sys.modules.items()):
            path = getattr(module, "__file__", None) or ""
            if "agentgym" in path:
                with tried():
                    os.close(os.open(path, os.O_RDWR))
                    breach(f"can be written: {path}")
        """,
    ),
    Hostile(
        "watch-others",
        """
        libc.inotify_add_watch.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32]
        descriptor = libc.inotify_init()
        if descriptor >= 0 and libc.inotify_add_watch(descriptor, b"@YARD@/secret", 0xFFF) >= 0:
            breach("inotify")
        refused("fanotify_init", 300, 262, 0, 0)
        """,
    ),
)
