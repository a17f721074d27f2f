"""Where a warm interpreter and its programs live: layers are put up as far as the machine has them, and proven."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from agentgym.sandbox.local import namespaces
from agentgym.sandbox.local.landlock import Ruleset, abi
from agentgym.sandbox.local.layers import Confinement, limit_all, make_filters, unused_user
from agentgym.sandbox.local.proof import prove
from agentgym.sandbox.local.scratch import Mounted, Plain, Scratch
from agentgym.sandbox.local.syscalls import die_with_parent, forgo_new_privileges

_FIRST_TRUNCATION = 3
_DEVICES_READ = ("/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_DEVICES_WRITTEN = ("/dev/null",)


class Housing:
    """What was put up."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        confinement: Confinement,
        scratch: Scratch,
        processes: namespaces.ProcessNamespaces | None,
    ) -> None:
        self.layers = ["rlimits", "no_new_privs", *(namespaces.LAYERS if processes else ())]
        self.missing: list[str] = []
        self.confinement = confinement
        self.scratch = scratch
        self.processes = processes
        self._settings = settings

    def prepare(self, scratch_mb: int) -> None:
        """Make everything ready for the next program, which finds an empty scratch directory."""
        if self.scratch.prepare(scratch_mb) and self.confinement.rulesets:
            for ruleset in self.confinement.rulesets.values():
                ruleset.close()
            self._put_up_landlock()  # its rules are about directories, whatever their names

    def put_up(self) -> None:
        """All layers that the machine has beside namespaces."""
        for name, put_up in (("landlock", self._put_up_landlock), ("seccomp", self._put_up_seccomp)):
            try:
                if name in self._settings["without"]:
                    raise OSError("it is to be left out")
                self.layers.append(put_up())
            except OSError as error:
                self.missing.append(f"{name}: {error}")

    def prove(self) -> None:
        """Strike out what does not hold; an interpreter that others may not read is run by its own user."""
        problems = prove(self.confinement, self.scratch.path)
        if "interpreter" in problems and self.confinement.user is not None:
            self.missing.append(f"unused user: {problems['interpreter']}")
            self.confinement.user = None
            if not self.scratch.sized:
                os.chown(self.scratch.path, 0, 0)
            problems = prove(self.confinement, self.scratch.path)
        elif self.confinement.user is not None:
            self.layers.append("unused user")
        for what, why in problems.items():
            if what not in ("landlock", "seccomp"):
                raise OSError(f"programs cannot be confined here: {what}: {why}")
            self.layers = [layer for layer in self.layers if layer.partition(" ")[0] != what]
            self.missing.append(f"{what}: {why}")

    def _put_up_landlock(self) -> str:
        version = abi()
        read = [*self._settings["read"], *_DEVICES_READ]
        written = [self.scratch.path, *_DEVICES_WRITTEN]
        self.confinement.rulesets = {
            False: Ruleset(read=read, execute=[], write=written),
            True: Ruleset(read=read, execute=self._settings["execute"], write=written),
        }
        return f"landlock {version}"

    def _put_up_seccomp(self) -> str:
        truncation = bool(self.confinement.rulesets) and abi() >= _FIRST_TRUNCATION
        self.confinement.filters = make_filters(truncation=truncation)
        return "seccomp"


def housed(settings: Mapping[str, Any]) -> Housing:
    """Move in; returns in another process than it was called in, where that is the first of a namespace.

    OSError where what was asked for cannot be had.
    """
    user = unused_user() if os.getuid() == 0 else None
    processes = None
    scratch: Scratch
    if settings["namespaces"]:
        processes, scratch = _move(settings, user)
    else:
        scratch = Plain(settings["scratch"], user)
    forgo_new_privileges()
    confinement = Confinement(user=user, counts_processes=processes is not None or user is not None)
    housing = Housing(settings, confinement, scratch, processes)
    housing.put_up()
    _offer_to_memory_killer()
    limit_all()
    housing.prove()
    return housing


def _move(settings: Mapping[str, Any], user: int | None) -> tuple[namespaces.ProcessNamespaces, Scratch]:
    namespaces.unshare()
    inner = os.fork()
    if inner:
        _wait_for(inner)
    die_with_parent()
    owner, size = os.getuid() if user is None else user, settings["scratch_mb"]
    scratch = namespaces.furnish([*settings["read"], *settings["execute"]], scratch_mb=size, user=owner)
    return namespaces.ProcessNamespaces(), Mounted(scratch, scratch_mb=size, user=owner)


def _wait_for(inner: int) -> None:
    """The process that made the namespaces stays outside, for whoever started it to wait for."""
    os.closerange(0, 1 << 20)
    _, status = os.waitpid(inner, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _offer_to_memory_killer() -> None:
    """Where the machine runs out of memory, programs go first; children inherit it."""
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")
    except OSError:
        pass
