"""What a hostile program is, and the words all of them share."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent

from agentgym.sandbox.contract import Status

PRELUDE = '''
import ctypes, errno, fcntl, io, mmap, os, re, resource, signal, socket, stat, struct, sys, tempfile, threading, time
libc = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == "x86_64"
SECRET = re.compile(rb"SECRET-[0-9a-f]{32}")


def breach(what):
    os.write(1, b"BREACH %s\\n" % str(what).encode(errors="replace"))


def look(what, data):
    """A breach where the data holds a secret."""
    data = data.encode(errors="replace") if isinstance(data, str) else bytes(data)
    found = SECRET.search(data)
    if found:
        breach(f"{what}: {found[0].decode()}")


class attempt:
    """A breach where the body comes to its end; an OSError is how it should fare."""

    def __init__(self, what):
        self.what = what

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            breach(self.what)
        return kind is None or issubclass(kind, OSError)


class tried:
    """An OSError in the body is how it should fare; whether it did harm shows elsewhere."""

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        return kind is not None and issubclass(kind, OSError)


def call(x86, aarch64, *arguments):
    """A system call by its number."""
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    result = libc.syscall(ctypes.c_long(x86 if X86 else aarch64), *words)
    if result == -1:
        raise OSError(ctypes.get_errno(), "refused")
    return result


def refused(what, x86, aarch64, *arguments):
    """A breach where the kernel looks at the arguments: they are nonsense, so that nothing happens even then."""
    if (x86 if X86 else aarch64) < 0:
        return
    try:
        call(x86, aarch64, *arguments)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EACCES, errno.ENOSYS):
            breach(f"{what}: {error.errno}")
    else:
        breach(what)


def named():
    """Every process of this program bears the mark, so that what stays behind is found."""
    libc.prctl(15, b"@MARK@"[:15], 0, 0, 0)


def other(pid):
    """Whether that process is there to be harmed, and is none that must live."""
    return pid > 1 and pid != os.getpid()
'''


@dataclass(frozen=True, slots=True)
class Hostile:
    """A program that must harm nobody: `@NAMES@` in it are filled in by the yard it runs in."""

    name: str
    code: str
    ends: tuple[Status, ...] = ("wrong_answer",)
    """How it may end; a program whose attempts are all refused ends by itself, and its output is wrong."""
    function: str | None = None
    heir: str = ""
    """A program that runs next and looks for what this one left."""
    raw: bool = False
    """Without the shared words before it."""
    only: str = ""
    """The one machine it is written for."""
    slow: bool = False
    locals_shown: bool = False

    def text(self, names: dict[str, str], *, heir: bool = False) -> str:
        """The program as it runs."""
        code = dedent(self.heir if heir else self.code)
        return filled(code if self.raw else PRELUDE + code, names)


def filled(code: str, names: dict[str, str]) -> str:
    """The code with the yard's names in it."""
    for name, value in names.items():
        code = code.replace(f"@{name}@", value)
    return code
