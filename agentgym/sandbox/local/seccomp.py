"""The system calls a program may make: all others are refused, by a filter that it cannot take off."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterable, Iterator, Sequence

from agentgym.sandbox.local.syscalls import ARCHITECTURES, MACHINE, libc, numbers

_PLAIN = """
read write open close stat fstat lstat lseek pread64 pwrite64 readv writev preadv pwritev preadv2 pwritev2 access dup
dup2 dup3 sendfile fsync fdatasync ftruncate getdents getdents64 getcwd chdir fchdir rename mkdir rmdir creat link
unlink symlink readlink umask statfs fstatfs fadvise64 openat mkdirat newfstatat unlinkat renameat renameat2 linkat
symlinkat readlinkat faccessat faccessat2 fallocate statx copy_file_range close_range flock openat2 mmap mprotect
munmap brk mremap msync mincore madvise mlock munlock membarrier poll ppoll select pselect6 epoll_create epoll_create1
epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd eventfd2 pipe pipe2 signalfd signalfd4 timerfd_create
timerfd_settime timerfd_gettime nanosleep clock_nanosleep pause sched_yield restart_syscall rt_sigaction
rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend sigaltstack alarm setitimer getitimer
timer_create timer_settime timer_gettime timer_getoverrun timer_delete futex futex_waitv set_robust_list
set_tid_address rseq gettid exit exit_group arch_prctl getcpu getpid getppid getuid getgid geteuid getegid getresuid
getresgid getgroups getpgrp getpgid getsid getpriority getrlimit getrusage setrlimit times time gettimeofday
clock_gettime clock_getres sysinfo uname capget sched_getaffinity sched_getscheduler sched_getparam
sched_get_priority_max sched_get_priority_min sched_rr_get_interval getrandom wait4 waitid recvfrom sendto recvmsg
sendmsg shutdown getsockname getpeername getsockopt
"""
"""What touches nothing but the process itself, its own descriptors, and files, which Landlock and mounts guard."""
_PROCESSES = ["fork", "vfork", "setsid", "setpgid", "kill", "tgkill", "tkill"]
_PROGRAMS = ["execve", "execveat"]

_ALLOW, _KILL, _EPERM, _ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
_LOAD, _RETURN = 0x20, 0x06
_JUMP, _EQUAL, _AT_LEAST, _ANY_BIT, _AND = 0x05, 0x15, 0x35, 0x45, 0x54
_X32 = 0x40000000
_NEWEST = 462
"""Calls above it are younger than this file: C libraries take `not implemented` for an answer."""
_CLONE_THREAD = 0x00010000
_CLONE_NAMESPACES = 0x7E020080
_IOCTLS = (0x5401, 0x802C542A, 0x540F, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""What terminals are told by, FIONREAD, FIONBIO and close-on-exec."""
_FCNTLS = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1032, 1034)
"""Copies, flags and locks; no owner, for the kernel sends an owner signals, no lease, and no larger pipes."""
_PRCTLS = (3, 15, 16, 21, 23, 39, 0x53564D41)
"""Names, and questions."""
_OWN = None
"""Stands for the number of the process that the filter is for."""

Instruction = tuple[int, int, int, int | None]
Block = list[Instruction]
"""Of which every way through ends in an answer."""


class Filter:
    """A filter that is made once and put on by any number of processes."""

    def __init__(self, *, processes: bool = False, programs: bool = False, truncation: bool = True) -> None:
        known = numbers()
        instructions = _instructions(known, processes, programs, truncation)
        self._holes = [place * 8 + 4 for place, (_, _, _, value) in enumerate(instructions) if value is _OWN]
        packed = b"".join(struct.pack("<HBBI", *rest, value or 0) for *rest, value in instructions)
        self.packed = ctypes.create_string_buffer(packed, len(packed))
        """The instructions, as the kernel wants them."""
        self._program = ctypes.create_string_buffer(
            struct.pack("@HP", len(instructions), ctypes.addressof(self.packed)), 16
        )

    def put_on(self, own: int) -> None:
        """For good, on the calling process, whose number is given."""
        for place in self._holes:
            struct.pack_into("<I", self.packed, place, own)
        libc("prctl", 22, 2, self._program, 0, 0)


def _instructions(known: dict[str, int], processes: bool, programs: bool, truncation: bool) -> Block:
    plain = [*_PLAIN.split(), *(_PROCESSES if processes else ()), *(_PROGRAMS if programs else ())]
    plain += ["truncate"] if truncation else []
    answers: dict[int, Block] = {known[name]: [(_RETURN, 0, 0, _ALLOW)] for name in plain if name in known}
    answers |= {known[name]: block for name, block in _blocks(processes) if name in known}
    return [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, ARCHITECTURES[MACHINE][1]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _KILL),
        *_tree(list(_spans(answers))),
    ]


def _spans(answers: dict[int, Block]) -> Iterator[tuple[int, Block]]:
    """From which number on there is which answer."""
    refused: Block = [(_RETURN, 0, 0, _EPERM)]
    before: Block | None = None
    for number in range(_NEWEST + 1):
        answer = answers.get(number, refused)
        if answer != before:
            yield number, answer
            before = answer
    yield _NEWEST + 1, [(_RETURN, 0, 0, _ENOSYS)]


def _tree(spans: Sequence[tuple[int, Block]]) -> Block:
    """Find the span by halves: the kernel runs a new filter once for every number, which takes longer than all else."""
    if len(spans) == 1:
        return spans[0][1]
    middle = len(spans) // 2
    below, above = _tree(spans[:middle]), _tree(spans[middle:])
    return [(_AT_LEAST, 0, 1, spans[middle][0]), (_JUMP, 0, 0, len(below)), *below, *above]


def _blocks(processes: bool) -> Iterator[tuple[str, Block]]:
    """Calls that are looked at more closely, each with instructions that all end in an answer."""
    yield "clone3", [(_RETURN, 0, 0, _ENOSYS)]
    yield "clone", _clone(processes)
    if not processes:
        yield "kill", _one_of(0, (_OWN,))
        yield "tgkill", _one_of(0, (_OWN,))
    yield "ioctl", _one_of(1, _IOCTLS)
    yield "fcntl", _one_of(1, _FCNTLS)
    yield "prctl", _one_of(0, _PRCTLS)
    yield "prlimit64", _one_of(0, (0, _OWN))
    yield "socketpair", _unix_stream()


def _clone(processes: bool) -> Block:
    """Threads, and where they may, processes; no namespaces."""
    needed = [] if processes else [(_ANY_BIT, 1, 0, _CLONE_THREAD), (_RETURN, 0, 0, _EPERM)]
    refused = [(_ANY_BIT, 0, 1, _CLONE_NAMESPACES), (_RETURN, 0, 0, _EPERM)]
    return [_argument(0), *needed, *refused, (_RETURN, 0, 0, _ALLOW)]


def _one_of(argument: int, allowed: Iterable[int | None]) -> Block:
    block = [_argument(argument)]
    for value in allowed:
        block += [(_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ALLOW)]
    return [*block, (_RETURN, 0, 0, _EPERM)]


def _unix_stream() -> Block:
    """A pair of connected sockets, such as an event loop has; kind and flags share a number."""
    return [
        _argument(0),
        (_EQUAL, 1, 0, 1),
        (_RETURN, 0, 0, _EPERM),
        _argument(1),
        (_AND, 0, 0, 0xF),
        (_EQUAL, 0, 1, 1),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _EPERM),
    ]


def _argument(number: int) -> Instruction:
    """The lower half, which is all the kernel looks at where it takes an int."""
    return (_LOAD, 0, 0, 16 + 8 * number)
