"""Programs that write where nothing is theirs."""

from tests.agentgym.sandbox.hostile.row import Hostile

PROGRAMS = (
    Hostile(
        "write-outside",
        """
        for path in (
            "@YARD@/made", "@YARD@/precious", "/tmp/@MARK@", "/var/tmp/@MARK@", "/dev/shm/@MARK@", "/@MARK@",
            "/run/@MARK@", "/etc/@MARK@", "/usr/lib/@MARK@", os.path.expanduser("~/@MARK@"), "@REPOSITORY@/@MARK@",
        ):
            own = tempfile.gettempdir()
            inside = os.path.dirname(path) in (own, os.path.realpath(own), os.getcwd())
            for mode in ("a", "r+", "x"):
                with tried():
                    with open(path, mode) as file:
                        if not inside and mode != "r+":
                            file.write("x")
                        if not inside and os.path.dirname(path) not in ("/", "/dev/shm", "/run", "/var/tmp", "/tmp"):
                            breach(path)
        """,
    ),
    Hostile(
        "change-names",
        """
        for change in (
            lambda: os.unlink("@YARD@/precious"),
            lambda: os.rename("@YARD@/precious", "@YARD@/gone"),
            lambda: os.rename("@YARD@/precious", os.path.join(tempfile.gettempdir(), "gone")),
            lambda: os.replace(__file__, "@YARD@/precious"),
            lambda: os.link("@YARD@/precious", "@YARD@/twin"),
            lambda: os.link("@YARD@/precious", os.path.join(tempfile.gettempdir(), "twin")),
            lambda: os.symlink("/etc/passwd", "@YARD@/link"),
            lambda: os.mkdir("@YARD@/made"),
            lambda: os.rmdir("@YARD@/hollow"),
            lambda: os.mkfifo("@YARD@/made"),
            lambda: os.mknod("@YARD@/made"),
            lambda: call(316, 276, -100, b"@YARD@/precious", -100, b"@YARD@/secret", 2),
        ):
            with attempt("names"):
                change()
        """,
    ),
    Hostile(
        "change-what-files-are",
        """
        precious = "@YARD@/precious"
        for change in (
            lambda: os.chmod(precious, 0o777),
            lambda: os.chmod("@YARD@", 0o700),
            lambda: os.chown(precious, os.getuid(), os.getgid()),
            lambda: os.lchown(precious, 12345, 12345),
            lambda: os.utime(precious, (1, 1)),
            lambda: os.utime(precious),
            lambda: os.truncate(precious, 1),
            lambda: os.setxattr(precious, "user.mark", b"1"),
            lambda: os.removexattr(precious, "user.kept"),
            lambda: call(452, 452, -100, precious.encode(), 0o777, 0),
        ):
            with attempt("attributes"):
                change()
        """,
    ),
    Hostile(
        "change-through-a-read-only-descriptor",
        """
        with tried():
            descriptor = os.open(os.__file__, os.O_RDONLY)
            for name, change in [
                ("fchmod", lambda: os.fchmod(descriptor, 0o777)),
                ("fchown", lambda: os.fchown(descriptor, 12345, 12345)),
                ("futime", lambda: os.utime(descriptor, (1, 1))),
                ("fsetxattr", lambda: os.setxattr(descriptor, "user.mark", b"1")),
                ("ftruncate", lambda: os.ftruncate(descriptor, os.fstat(descriptor).st_size)),
                ("reopened", lambda: os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR)),
                ("allocated", lambda: os.posix_fallocate(descriptor, 0, 1)),
            ]:
                # Only bare words of refusal may come, for the file is the machine's own.
                if os.access(os.__file__, os.W_OK) and name in ("fchmod", "fchown", "futime"):
                    continue
                with attempt(name):
                    change()
        """,
    ),
    Hostile(
        "links-out-of-the-scratch",
        """
        os.chdir(tempfile.gettempdir())
        for target in ("@YARD@/precious", "@YARD@", "/", "/proc/@PARENT@/cwd"):
            with tried():
                if os.path.lexists("way"):
                    os.unlink("way")
                os.symlink(target, "way")
                for path, made in (("way", 0), ("way/precious", 0), ("way/made", os.O_CREAT)):
                    with attempt(f"wrote through {target}"):
                        os.close(os.open(path, os.O_WRONLY | made))
        """,
    ),
    Hostile(
        "up-from-the-scratch",
        """
        os.chdir(tempfile.gettempdir())
        for ups in range(1, 12):
            way = "../" * ups
            inside = os.path.realpath(way) == "/" and os.path.realpath(".") == "/"
            with tried():
                os.close(os.open(way + "@MARK@", os.O_WRONLY | os.O_CREAT, 0o600))
                with open("/proc/self/mountinfo") as file:
                    if " / / " not in file.read() and not inside:
                        breach(way)
            with attempt("precious"):
                os.close(os.open(way + "@YARD@/precious".lstrip("/"), os.O_WRONLY))
        """,
    ),
    Hostile(
        "devices",
        """
        here = tempfile.gettempdir()
        for kind, major, minor in [
            (stat.S_IFCHR, 1, 1), (stat.S_IFCHR, 1, 3), (stat.S_IFBLK, 8, 0), (stat.S_IFBLK, 254, 0),
        ]:
            with attempt(f"made {major}:{minor}"):
                os.mknod(os.path.join(here, f"device-{major}-{minor}"), kind | 0o600, os.makedev(major, minor))
        for path in (
            "/dev/mem", "/dev/kmem", "/dev/port", "/dev/sda", "/dev/vda", "/dev/fuse", "/dev/kvm", "/dev/net/tun",
            "/dev/loop-control", "/dev/loop0", "/dev/kmsg", "/dev/input/event0", "/dev/mapper/control",
            "/dev/userfaultfd",
        ):
            for mode in (os.O_RDONLY, os.O_WRONLY):
                with attempt(path):
                    os.open(path, mode | os.O_NONBLOCK)
        """,
    ),
    Hostile(
        "kernel-settings",
        """
        for path in (
            "/proc/sys/kernel/core_pattern", "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger",
            "/proc/sys/kernel/hostname", "/sys/kernel/mm/transparent_hugepage/enabled",
            "/sys/fs/cgroup/cgroup.procs", "/sys/power/state", "/proc/@PARENT@/oom_score_adj",
            "/proc/@VICTIM@/oom_score_adj", "/proc/@VICTIM@/comm", "/proc/@VICTIM@/timerslack_ns",
            "/proc/@PARENT@/mem",
        ):
            with attempt(path):
                os.open(path, os.O_WRONLY)
        """,
    ),
    Hostile(
        "library",
        """
        library = os.path.dirname(os.__file__)
        import json
        for path in (os.__file__, json.__file__, json.__cached__, sys.executable):
            if path:
                with attempt(path):
                    os.close(os.open(path, os.O_RDWR))
        for directory in {
            library, os.path.join(library, "__pycache__"), os.path.join(library, "site-packages"), sys.prefix,
            "/usr/lib",
        }:
            with attempt(directory):
                path = os.path.join(directory, "@MARK@.py")
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
                os.unlink(path)
        """,
    ),
    Hostile(
        "other-roots",
        """
        with attempt("chroot"):
            os.chroot(tempfile.gettempdir())
        refused("pivot_root", 155, 41, b"/@MARK@", b"/@MARK@")
        refused("mount", 165, 40, b"none", b"/@MARK@", b"@MARK@", 0, None)
        refused("umount2", 166, 39, b"/@MARK@", 8)
        refused("fsopen", 430, 430, b"@MARK@", 0)
        refused("open_tree", 428, 428, -100, b"/@MARK@", 0)
        refused("move_mount", 429, 429, -1, b"", -1, b"", 0)
        refused("fspick", 433, 433, -100, b"/@MARK@", 0)
        refused("mount_setattr", 442, 442, -1, b"/@MARK@", 0, None, 0)
        """,
    ),
    Hostile(
        "out-of-another-root",
        """
        here = tempfile.gettempdir()
        with tried():
            os.mkdir(os.path.join(here, "jail"))
            outside = os.open("/", os.O_RDONLY)
            os.chroot(os.path.join(here, "jail"))
            os.fchdir(outside)
            for _ in range(20):
                os.chdir("..")
            os.chroot(".")
            look("escaped", open("@YARD@/secret").read())
        """,
    ),
    Hostile(
        "locks",
        """
        for path in ("@YARD@/precious", "@YARD@/secret"):
            with attempt(path):
                descriptor = os.open(path, os.O_RDONLY)
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        """,
    ),
    Hostile(
        "scratch-left-full",
        """
        os.chdir(tempfile.gettempdir())
        with tried():
            for number in range(3):
                with open(f"@MARK@-{number}", "wb") as file:
                    file.write(bytes(15 << 20))
        """,
        heir="""
        for where in {tempfile.gettempdir(), "."}:
            left = os.listdir(where)
            if any("@MARK@" in name for name in left):
                breach(left)
        with open(os.path.join(tempfile.gettempdir(), "room"), "wb") as file:
            file.write(bytes(15 << 20))
        """,
    ),
    Hostile(
        "scratch-that-is-hard-to-clear",
        """
        os.chdir(tempfile.gettempdir())
        for name in ("x", *(f".{n}-{pid}" for n in range(12) for pid in (os.getppid(), os.getpid(), 1, 2, 3))):
            with tried():
                os.makedirs(f"{name}-directory/deeper")
            with tried():
                open(name, "w").close()
        for n in range(12):
            with tried():
                os.makedirs(f".{n}-{os.getppid()}0/.{n}-{os.getppid()}/full")
                os.symlink("@YARD@", f"link{n}")
        with tried():
            os.makedirs("deep/deeper")
            os.mkdir("deep/shut", 0)
            os.mkdir("shut", 0)
            os.mkdir("blind", 0o300)
            os.makedirs("blind/within")
            open("blind/within/file", "w").close()
        """,
        ends=("wrong_answer", "output_limit"),
        heir="""
        if os.listdir(tempfile.gettempdir()):
            breach("left")
        """,
    ),
    *(
        Hostile(
            f"scratch-filled-{depth}-deep",
            """
        os.chdir(tempfile.gettempdir())
        got = 0
        for _ in range(@DEPTH@):
            with tried():
                os.mkdir("d" * 200, 0o300)
                os.chdir("d" * 200)
        block = bytes(15 << 20)
        with tried():
            for number in range(12):
                with open(str(number), "wb", 0) as file:
                    got += file.write(block)
                time.sleep(0.06 if got < 64 << 20 else 1)  # its watcher may be kept waiting
                if got > 120 << 20:
                    breach(f"disk {got >> 20}")
        """.replace("@DEPTH@", depth),
            ends=("wrong_answer", "output_limit"),
        )
        for depth in ("1", "18", "19", "20", "30")
    ),
    Hostile(
        "swap-the-scratch",
        """
        here = tempfile.gettempdir()
        with tried():
            os.rename(here, here + "-@MARK@")
        with tried():
            os.rmdir(here)
            os.symlink("@YARD@", here)
        with tried():
            os.rename(os.path.join(here, ".."), here)
        """,
        heir="""
        path = os.path.join(tempfile.gettempdir(), "made")
        with open(path, "w") as file:
            file.write("x")
        """,
    ),
)
