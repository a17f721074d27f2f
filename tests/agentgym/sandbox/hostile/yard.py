"""What hostile programs may reach for, and whether any of it was harmed."""

from __future__ import annotations

import contextlib
import os
import resource
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from tests.agentgym.sandbox.hostile.row import Hostile, filled

REPOSITORY = Path(__file__).parents[4]
_SIGNALS = (signal.SIGUSR1, signal.SIGURG)
_KEY = 0x5EC4E7
"""Under which programs of the suite ask for System V objects."""
_EVERYBODYS = ("/", "/tmp", "/var/tmp", "/dev/shm", "/run", os.path.expanduser("~"), str(REPOSITORY))
_PATIENCE_S = 30.0
"""After which a process that was killed is taken to live on."""


class Yard:
    """A secret, something precious, a victim and listeners: all within reach of whoever is not contained."""

    def __init__(self) -> None:
        self.secret = f"SECRET-{secrets.token_hex(16)}"
        self.mark = f"hm{secrets.token_hex(5)}"
        self.folder = Path(tempfile.mkdtemp(prefix="yard-"))
        self.folder.chmod(0o777)
        self._furnish()
        self.victim = subprocess.Popen(["sleep", "3600"], env={"KEPT": self.secret}, start_new_session=True)
        self._listeners = {name: listener for name, listener in self._listening()}
        self._signals: list[int] = []
        self._usual = {number: signal.signal(number, self._signalled) for number in _SIGNALS}
        os.environ["AGENTGYM_TEST_SECRET"] = self.secret
        self._inherited = os.open(self.folder / "secret", os.O_RDONLY)
        os.set_inheritable(self._inherited, True)
        self._before = self._look()

    def _furnish(self) -> None:
        (self.folder / "hollow").mkdir()
        for name in ("secret", "precious", "secret_module.py"):
            path = self.folder / name
            path.write_text(f"# {self.secret}\n")
            path.chmod(0o666)
        with contextlib.suppress(OSError):
            os.setxattr(self.folder / "precious", "user.kept", b"1")

    def _listening(self) -> Iterator[tuple[str, socket.socket]]:
        for name, family, kind, address in [
            ("TCP", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            ("TCP6", socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0)),
            ("UDP", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            ("STREAM", socket.AF_UNIX, socket.SOCK_STREAM, str(self.folder / "stream")),
            ("DATAGRAM", socket.AF_UNIX, socket.SOCK_DGRAM, str(self.folder / "datagram")),
            ("ABSTRACT", socket.AF_UNIX, socket.SOCK_STREAM, f"\0{self.mark}abstract"),
        ]:
            with contextlib.suppress(OSError):  # a machine without IPv6
                one = socket.socket(family, kind)
                one.setblocking(False)
                one.bind(address)
                if kind == socket.SOCK_STREAM:
                    one.listen()
                if family == socket.AF_UNIX and isinstance(address, str) and address.startswith("/"):
                    os.chmod(address, 0o777)
                yield name, one

    def names(self) -> dict[str, str]:
        """What is filled into the programs."""
        ports = {
            name: str(one.getsockname()[1]) for name, one in self._listeners.items() if one.family != socket.AF_UNIX
        }
        return {
            "YARD": str(self.folder),
            "MARK": self.mark,
            "ABSTRACT": f"{self.mark}abstract",
            "VICTIM": str(self.victim.pid),
            "PARENTGROUP": str(os.getpgrp()),
            "PARENT": str(os.getpid()),
            "REPOSITORY": str(REPOSITORY),
            "TCP6": "1",
            "UDP": "1",
            **ports,
        }

    def text(self, hostile: Hostile, *, heir: bool = False) -> str:
        """The program, with what is here filled in."""
        return hostile.text(self.names(), heir=heir)

    def filled(self, code: str) -> str:
        """The same for code that is no row of the suite."""
        return filled(code, self.names())

    def harm(self) -> list[str]:
        """What is not as it was, in words; nothing, where every program was contained."""
        now = self._look()
        changed = [f"{name}: {self._before[name]} -> {now[name]}" for name in now if now[name] != self._before[name]]
        return changed + self._visited() + self._left_behind() + [f"signal {number}" for number in self._signals]

    def _look(self) -> dict[str, object]:
        return {
            "the yard": sorted(os.listdir(self.folder)),
            **{f"file {path.name}": _told(path) for path in (self.folder / "precious", self.folder / "secret")},
            "the yard itself": self.folder.stat().st_mode,
            "the victim": (self.victim.poll(), *_state(self.victim.pid)),
            "the parent": _state(os.getpid())[1:],
            "where temporary files are": [name for name in os.listdir(tempfile.gettempdir()) if self.mark in name],
        }

    def _visited(self) -> list[str]:
        visited = []
        for name, one in self._listeners.items():
            with contextlib.suppress(BlockingIOError):
                one.recv(100) if one.type == socket.SOCK_DGRAM else one.accept()
                visited.append(f"somebody reached {name}")
        return visited

    def _left_behind(self) -> list[str]:
        left = [f"{where}/{name}" for where in _EVERYBODYS for name in _listed(where) if self.mark in name]
        for kind in ("shm", "msg", "sem"):
            with contextlib.suppress(OSError):
                if any(row.split()[0] == str(_KEY) for row in Path(f"/proc/sysvipc/{kind}").read_text().splitlines()):
                    left.append(f"System V {kind}")
        return left + [f"process {pid}" for pid in self._marked_processes()]

    def _marked_processes(self) -> list[int]:
        """The kernel may need a moment to bury the dead; whoever still lives after it has survived."""
        end = time.monotonic() + _PATIENCE_S
        while (found := _processes_named(self.mark)) and time.monotonic() < end:
            time.sleep(0.01)
        return found

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self._signals.append(number)

    def close(self) -> None:
        """Take everything away."""
        self.victim.kill()
        self.victim.wait()
        for one in self._listeners.values():
            one.close()
        for number, usual in self._usual.items():
            signal.signal(number, usual)
        os.close(self._inherited)
        del os.environ["AGENTGYM_TEST_SECRET"]
        shutil.rmtree(self.folder)


def _told(path: Path) -> tuple[object, ...]:
    found = path.stat()
    with contextlib.suppress(OSError):
        return *_plain(found), path.read_bytes(), sorted(os.listxattr(path))
    return (*_plain(found), path.read_bytes())


def _plain(found: os.stat_result) -> tuple[int, ...]:
    return (
        found.st_mode,
        found.st_uid,
        found.st_gid,
        found.st_nlink,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
    )


def _state(pid: int) -> tuple[object, ...]:
    """Stopped or not, then its place among processes and its limits."""
    stopped = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in ("T", "t", "Z", "X")
    limits = [resource.prlimit(pid, number) for number in (resource.RLIMIT_NOFILE, resource.RLIMIT_CPU)]
    place = (
        os.getpriority(os.PRIO_PROCESS, pid),
        os.sched_getaffinity(pid),
        os.sched_getscheduler(pid),
        os.getpgid(pid),
    )
    return stopped, place, limits, Path(f"/proc/{pid}/oom_score_adj").read_text(), Path(f"/proc/{pid}/comm").read_text()


def _listed(where: str) -> list[str]:
    try:
        return os.listdir(where)
    except OSError:
        return []


def _processes_named(mark: str) -> list[int]:
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            stat = Path(f"/proc/{pid}/stat").read_text()
            if mark in stat and stat.rpartition(")")[2].split()[0] not in ("Z", "X"):
                found.append(int(pid))
    return found
