"""Where a warm interpreter and its programs live: layers are put up as far as the machine has them, and proven."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentgym.sandbox.local import namespaces
from agentgym.sandbox.local.landlock import Ruleset, abi
from agentgym.sandbox.local.layers import Confinement, make_filters, unused_user
from agentgym.sandbox.local.proof import prove
from agentgym.sandbox.local.scratch import Mounted, Plain, Scratch
from agentgym.sandbox.local.syscalls import die_with_parent, forgo_new_privileges

_FIRST_TRUNCATION = 3
_DEVICES_READ = ("/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_DEVICES_WRITTEN = ("/dev/null",)


@dataclass(frozen=True, slots=True)
class Housing:
    """What was put up."""

    layers: list[str]
    missing: list[str]
    confinement: Confinement
    scratch: Scratch
    processes: namespaces.ProcessNamespaces | None


def housed(settings: Mapping[str, Any]) -> Housing:
    """Move in; returns in another process than it was called in, where that is the first of a namespace.

    OSError where what was asked for cannot be had.
    """
    layers, missing = ["rlimits", "no_new_privs"], list[str]()
    user = unused_user() if os.getuid() == 0 else None
    processes = None
    scratch: Scratch
    if settings["namespaces"]:
        processes, scratch = _move(settings, user)
        layers += namespaces.LAYERS
    else:
        scratch = Plain(settings["scratch"], user)
    forgo_new_privileges()
    own_users = processes is not None or user is not None
    confinement = Confinement(user=user, counts_processes=own_users)
    for name, put_up in (("landlock", _put_up_landlock), ("seccomp", _put_up_seccomp)):
        try:
            if name in settings["without"]:
                raise OSError("it is to be left out")
            layers.append(put_up(confinement, settings, scratch.path))
        except OSError as error:
            missing.append(f"{name}: {error}")
    _offer_to_memory_killer()
    _prove(confinement, scratch, layers, missing)
    return Housing(layers, missing, confinement, scratch, processes)


def _move(settings: Mapping[str, Any], user: int | None) -> tuple[namespaces.ProcessNamespaces, Scratch]:
    namespaces.unshare()
    inner = os.fork()
    if inner:
        _wait_for(inner)
    die_with_parent()
    owner, size = os.getuid() if user is None else user, settings["scratch_mb"]
    namespaces.furnish([*settings["read"], *settings["execute"]], scratch_mb=size, user=owner)
    return namespaces.ProcessNamespaces(), Mounted(scratch_mb=size, user=owner)


def _wait_for(inner: int) -> None:
    """The process that made the namespaces stays outside, for whoever started it to wait for."""
    os.closerange(0, 1 << 20)
    _, status = os.waitpid(inner, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _put_up_landlock(confinement: Confinement, settings: Mapping[str, Any], scratch: str) -> str:
    version = abi()
    read = [*settings["read"], *_DEVICES_READ]
    written = [scratch, *_DEVICES_WRITTEN]
    confinement.rulesets = {
        False: Ruleset(read=read, execute=[], write=written),
        True: Ruleset(read=read, execute=settings["execute"], write=written),
    }
    return f"landlock {version}"


def _put_up_seccomp(confinement: Confinement, settings: Mapping[str, Any], scratch: str) -> str:
    truncation = bool(confinement.rulesets) and abi() >= _FIRST_TRUNCATION
    confinement.filters = make_filters(truncation=truncation)
    return "seccomp"


def _offer_to_memory_killer() -> None:
    """Where the machine runs out of memory, programs go first; children inherit it."""
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")
    except OSError:
        pass


def _prove(confinement: Confinement, scratch: Scratch, layers: list[str], missing: list[str]) -> None:
    """Strike out what does not hold; an interpreter that others may not read is run by its own user."""
    problems = prove(confinement, scratch.path)
    if "interpreter" in problems and confinement.user is not None:
        missing.append(f"unused user: {problems['interpreter']}")
        confinement.user = None
        if isinstance(scratch, Plain):
            os.chown(scratch.path, 0, 0)
        problems = prove(confinement, scratch.path)
    elif confinement.user is not None:
        layers.append("unused user")
    for what, why in problems.items():
        if what not in ("landlock", "seccomp"):
            raise OSError(f"programs cannot be confined here: {what}: {why}")
        layers[:] = [layer for layer in layers if layer.partition(" ")[0] != what]
        missing.append(f"{what}: {why}")
