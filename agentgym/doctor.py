"""Whether an installation is well: a finding for each thing looked at, with what to do where it is not.

What else is to be looked at adds its function to CHECKS.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Generic, Literal, TypeVar

import agentgym
from agentgym.entrypoints import entry_points
from agentgym.errors import AgentGymError, MissingExtraError, ShadowedPackageError, UsageError
from agentgym.policies.specs import GROUP as POLICIES
from agentgym.policies.specs import load_maker
from agentgym.registry import GROUP as ENVIRONMENTS
from agentgym.registry import check_not_shadowed, load_env, load_target
from agentgym.sandbox.contract import Isolation
from agentgym.suite import GROUP as SUITES
from agentgym.suite import load_suite

T = TypeVar("T")
State = Literal["ok", "warning", "problem"]
DISTRIBUTION = "agentgym-async"
IMPORTS_S = 8.0
"""What importing all that is installed may take."""
DISK_S = 2.0
SANDBOX_S = 20.0
_LITTLE, _FULL = 1 << 30, 64 << 20
"""Bytes free on the disk below which one should know, and below which no run comes far."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look found."""

    check: str
    state: State
    message: str
    remedy: str = ""


Check = Callable[[], Iterator[Finding]]


def check_python() -> Iterator[Finding]:
    """Which Python runs, and where agentgym is."""
    told = f"{platform.python_version()} ({platform.system()} {platform.machine()}), {sys.executable}"
    yield Finding("python", "ok", told)
    yield Finding("agentgym", "ok", f"{agentgym.__version__} in {Path(agentgym.__file__).parent}")
    if _version("agentgym") is not None:
        yield Finding(
            "agentgym",
            "warning",
            "another distribution called 'agentgym' is installed too, and brings a package of the same name",
            "pip uninstall agentgym, then: pip install --force-reinstall --no-deps agentgym-async",
        )


def check_packages() -> Iterator[Finding]:
    """The packages agentgym cannot do without, and those of each extra."""
    needed = _requirements()
    if not needed:
        told = "is imported from a folder and not installed: environments and suites are not found"
        yield Finding("packages", "warning", told, f"pip install {DISTRIBUTION}, or in its folder: pip install -e .")
    for extra in sorted({entry.extra for entry in needed} - {"all"}):
        yield _packages([entry for entry in needed if entry.extra == extra], extra)


def check_shadowed() -> Iterator[Finding]:
    """Whether Python finds our packages, and not somebody else's of the same name."""
    for package in ("environments", "trainers", "benchmarks"):
        try:
            check_not_shadowed(package)
        except ShadowedPackageError as error:
            yield Finding("shadowed", "problem", *_split(str(error)))


def check_entry_points() -> Iterator[Finding]:
    """Whether everything that is installed under a name can be imported."""
    ends = monotonic() + IMPORTS_S
    for group, load in _LOADERS.items():
        broken = []
        targets = entry_points(group)
        for name, target in targets.items():
            finding = _imported(group.partition(".")[2], name, partial(load, name, target), ends - monotonic())
            broken += [] if finding is None else [(name, finding)]
        well = [name for name in targets if name not in dict(broken)]
        if well or not targets:
            yield Finding(group.partition(".")[2], "ok", ", ".join(well) or "none")
        yield from (finding for _, finding in broken)


def check_disk() -> Iterator[Finding]:
    """Whether runs can be written where they go by default."""
    found = finished(_try_disk, DISK_S)
    here = "change to a folder of your own, or give another place with --out"
    if found is None:
        yield Finding("disk", "problem", f"{Path.cwd()} does not answer within {DISK_S:g} s", here)
        return
    free = found.value
    if isinstance(free, OSError):
        yield Finding("disk", "problem", f"runs cannot be written to {Path.cwd()}: {free.strerror}", here)
        return
    state: State = "problem" if free < _FULL else "warning" if free < _LITTLE else "ok"
    remedy = "" if state == "ok" else f"free some space, or {here}"
    yield Finding("disk", state, f"runs go to {Path.cwd() / 'runs'}, with {free / (1 << 30):.1f} GiB free", remedy)


def check_sandbox() -> Iterator[Finding]:
    """What stands between programs of agents and this machine."""
    found = finished(_try_sandbox, SANDBOX_S)
    elsewhere = "run programs elsewhere: --sandbox fusion:URL, or e2b; or be content with less: local:weak, local:none"
    if found is None:
        yield Finding("sandbox", "warning", f"the local one does not start within {SANDBOX_S:g} s", elsewhere)
    elif isinstance(found.value, UsageError):
        yield Finding("sandbox", "warning", str(found.value))
    else:
        isolation = found.value
        missing = f"; missing: {'; '.join(isolation.missing)}" if isolation.missing else ""
        told = f"local, {isolation.level}: {', '.join(isolation.layers)}{missing}"
        is_strong = isolation.level == "strong"
        yield Finding("sandbox", "ok" if is_strong else "warning", told, "" if is_strong else elsewhere)


CHECKS: tuple[Check, ...] = (
    check_python,
    check_packages,
    check_shadowed,
    check_entry_points,
    check_sandbox,
    check_disk,
)


@dataclass(frozen=True, slots=True)
class Finished(Generic[T]):
    """What came of something that ended in time."""

    value: T


def finished(work: Callable[[], T], seconds: float) -> Finished[T] | None:
    """The result of what ends within the time; what does not is left behind, and ends with the program."""
    results: list[Finished[T]] = []
    thread = Thread(target=lambda: results.append(Finished(work())), daemon=True)
    thread.start()
    thread.join(max(seconds, 0.05))
    return results[0] if results else None


def _imported(what: str, name: str, load: Callable[[], object], seconds: float) -> Finding | None:
    """What keeps it from being used."""
    found = finished(lambda: _failure(load), seconds)
    if found is None:
        told = f"{name}: importing it does not end within {max(seconds, 0):.0f} s"
        return Finding(what, "problem", told, _MEND)
    if found.value is None:
        return None
    state: State = "warning" if isinstance(found.value, MissingExtraError) else "problem"
    message, remedy = _split(str(found.value))
    return Finding(what, state, message if name in message else f"{name}: {message}", remedy or _MEND)


_MEND = "mend or uninstall the package that brings it"


def _failure(load: Callable[[], object]) -> AgentGymError | None:
    try:
        load()
    except AgentGymError as error:
        return error
    except SystemExit:
        return UsageError("importing it ends the program")
    return None


def _load_command(name: str, target: str) -> None:
    for attribute in ("configure", "run"):
        load_target(f"{target}:{attribute}", name)


_LOADERS: dict[str, Callable[[str, str], object]] = {
    ENVIRONMENTS: lambda name, target: load_env(name),
    SUITES: lambda name, target: load_suite(name),
    "agentgym.commands": _load_command,
    POLICIES: load_maker,
    "agentgym.rewards": lambda name, target: load_target(target, name),
}


@dataclass(frozen=True, slots=True)
class _Requirement:
    name: str
    least: str
    extra: str
    """Empty for what is always needed."""


_REQUIREMENT = re.compile(r"([\w.-]+)\s*\(?>=\s*([\w.]+)\)?\s*(?:;.*extra\s*==\s*['\"]([\w-]+)['\"])?")


def _requirements() -> list[_Requirement]:
    """What the installed distribution says it needs; nothing where there is none."""
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return []
    found = [match for match in map(_REQUIREMENT.match, lines) if match]
    return [_Requirement(match[1], match[2], match[3] or "") for match in found if match[1] != DISTRIBUTION]


def _packages(needed: list[_Requirement], extra: str) -> Finding:
    versions = {entry.name: _version(entry.name) for entry in needed}
    told = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    missing = [name for name, version in versions.items() if version is None]
    old = [
        f"{entry.name} {version} is older than {entry.least}"
        for entry in needed
        if (version := versions[entry.name]) is not None and _parts(version) < _parts(entry.least)
    ]
    wanted = f"{DISTRIBUTION}[{extra}]" if extra else DISTRIBUTION
    check, remedy = (f"extra {extra}" if extra else "packages"), f"pip install --upgrade '{wanted}'"
    if extra and not told:
        return Finding(check, "ok", "not installed; needed only by what names it", f"pip install '{wanted}'")
    if missing or old:
        faults = [*(f"{name} is missing" for name in missing), *old]
        return Finding(check, "warning" if extra else "problem", ", ".join(faults), remedy)
    return Finding(check, "ok", told)


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _parts(version: str) -> tuple[int, ...]:
    """What of a version can be compared without more ado: its release."""
    release = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, release[0].split("."))) if release else ()


def _try_disk() -> int | OSError:
    """How many bytes are free where runs go, once a file could be written there."""
    try:
        place = Path("runs") if Path("runs").exists() else Path()
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"written\n")
            os.fsync(file.fileno())
        return shutil.disk_usage(place).free
    except OSError as error:
        return error


def _try_sandbox() -> Isolation | UsageError:
    """The layers of the local sandbox, however few."""
    import anyio

    from agentgym.sandbox.local import LocalSandbox

    async def begin() -> Isolation:
        async with LocalSandbox(workers=1, require="none") as sandbox:
            return sandbox.isolation

    try:
        with warnings.catch_warnings(action="ignore"):
            return anyio.run(begin)
    except UsageError as error:
        return error


def _split(message: str) -> tuple[str, str]:
    """Our errors end with what to do."""
    told, _, remedy = message.partition("; ")
    return told, remedy.removeprefix("run: ")
