"""What a sandbox tells of its layers is what holds, and too little of them is refused."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentgym.errors import UsageError
from agentgym.sandbox import Case, Program, make_sandbox
from agentgym.sandbox.local import LocalSandbox
from agentgym.sandbox.local.seccomp import Filter
from agentgym.sandbox.local.syscalls import ARCHITECTURES, numbers

pytestmark = pytest.mark.anyio

TRIES = """
import os, socket, sys
def attempt(what, act):
    try: act()
    except (OSError, ValueError): return
    print(what)
attempt("read", lambda: open("/etc/passwd").read())
attempt("list", lambda: os.listdir("/"))
attempt("write", lambda: open("/var/tmp/left", "w"))
attempt("fork", os.fork)
attempt("socket", socket.socket)
attempt("exec", lambda: os.execv(sys.executable, ["python"]))
attempt("signal", lambda: os.kill(os.getppid() or 1, 0))
attempt("rename", lambda: os.rename("/tmp", "/tmq"))
"""


async def test_the_layers_hold_and_are_told(sandbox: LocalSandbox) -> None:
    await sandbox.start()
    assert sandbox.isolation.level == "strong"
    assert "seccomp" in sandbox.layers
    (result,) = await sandbox.run(Program(TRIES), [Case(expected="")], checker="exact")
    assert result.status == "passed", result


@pytest.mark.parametrize(
    ("without", "level"),
    [(("landlock",), "weak"), (("seccomp",), "none"), (("landlock", "seccomp"), "none")],
)
async def test_too_little_is_refused_and_has_to_be_asked_for(without: tuple[str, ...], level: str) -> None:
    strict = LocalSandbox(workers=1, namespaces=False, _without=without)
    with pytest.raises(UsageError, match=rf"missing: .*{without[0]}.*fusion:URL or e2b.*local:{level}"):
        await strict.start()
    content = LocalSandbox(workers=1, namespaces=False, require=level, _without=without)  # type: ignore[arg-type]
    with pytest.warns(UserWarning, match=f"{level} isolation alone"):
        await content.start()
    (result,) = await content.run(Program("print(1)"), [Case(expected="1")])
    assert result.status == "passed"
    await content.aclose()


async def test_namespaces_stand_in_for_landlock(tmp_path: Path) -> None:
    sandbox = LocalSandbox(workers=1, _without=("landlock",))
    try:
        await sandbox.start()
    except UsageError as error:
        pytest.skip(str(error))
    assert sandbox.isolation.level == "strong"
    code = f"import os\nprint(os.path.exists('/etc/passwd'), os.path.exists({str(tmp_path)!r}), os.listdir('/tmp'))"
    code += "\ntry: open('/made', 'w')\nexcept OSError: print('read-only')"
    (result,) = await sandbox.run(Program(code), [Case(expected="False False []\nread-only")])
    await sandbox.aclose()
    assert result.status == "passed", result


async def test_packages_are_readable_where_they_are_wanted() -> None:
    program = Program("import anyio, idna; print(anyio.__name__)")
    for packages, status in ((True, "passed"), (False, "runtime_error")):
        async with LocalSandbox(workers=1, packages=packages) as sandbox:
            (result,) = await sandbox.run(program, [Case(expected="anyio")])
        assert result.status == status, result


@pytest.fixture
def package_in_tmp(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of one that lies where programs have their scratch directory."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="agentgym-test-") as folder:
        packages = Path(folder, "site-packages")
        packages.mkdir()
        (packages / "found_there.py").write_text("WHERE = 'here'")
        os.chmod(folder, 0o755)
        monkeypatch.syspath_prepend(packages)
        yield "found_there"


async def test_packages_below_the_scratch_directory_are_no_less_readable(package_in_tmp: str) -> None:
    code = f"import {package_in_tmp} as it, tempfile\nopen('made', 'w').close()\n"
    program = Program(f"{code}with tempfile.TemporaryFile() as file: print(it.WHERE)")
    async with LocalSandbox(workers=1, packages=True) as sandbox:
        results = await sandbox.run(program, [Case(expected="here")] * 2, grading="isolated")
    assert [result.status for result in results] == ["passed"] * 2, results


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"workers": 0}, "workers=0 of a sandbox must be a whole number, 1 or more"),
        ({"workers": True}, "workers=True"),
        ({"memory_mb": -1}, "memory_mb=-1"),
        ({"require": "most"}, "require='most' is no level of isolation; there are: strong, weak, none"),
    ],
)
def test_settings_are_checked(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        LocalSandbox(**settings)  # type: ignore[arg-type]


async def test_the_default_is_made_by_its_name() -> None:
    sandbox = make_sandbox("local", workers=1)
    assert isinstance(sandbox, LocalSandbox)
    with pytest.raises(UsageError, match="grading='twice' is none"):
        await sandbox.run(Program("1"), [Case()], grading="twice")  # type: ignore[arg-type]
    await sandbox.aclose()


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_the_calls_that_matter_are_known_on_every_architecture(machine: str) -> None:
    known = numbers(machine)
    needed = {"clone", "clone3", "execve", "kill", "prctl", "landlock_restrict_self", "openat", "exit_group", "mmap"}
    assert needed <= set(known)
    assert len(set(known.values())) == len(known), "no number twice"
    assert not numbers("riscv64")


def test_a_filter_fits_the_kernel() -> None:
    assert len(Filter(processes=True, programs=True).packed) // 8 < 4096


def test_an_ordinary_user_has_it_too() -> None:
    """Of root, one who owns nothing, by the machine's own interpreter where that serves."""
    if os.geteuid() != 0:
        pytest.skip("these tests run as one already")
    python = f"/usr/bin/python3.{sys.version_info[1]}"
    paths = [path for path in sys.path if path.endswith("site-packages")]
    code = (
        "import anyio\nfrom agentgym.sandbox import Case, Program\nfrom agentgym.sandbox.local import LocalSandbox\n"
        "async def main():\n  for namespaces in (None, False):\n"
        "    async with LocalSandbox(workers=1, namespaces=namespaces) as sandbox:\n"
        "      print(await sandbox.run(Program('print(1)'), [Case(expected='1')] * 2))\nanyio.run(main)"
    )
    environment = {"PYTHONPATH": os.pathsep.join([os.getcwd(), *paths]), "PATH": os.defpath}
    try:
        done = subprocess.run(
            [python, "-B", "-c", code], user=61_234, group=61_234, extra_groups=(), env=environment, capture_output=True
        )
    except OSError as error:
        pytest.skip(str(error))
    if b"ModuleNotFoundError" in done.stderr:
        pytest.skip("an ordinary user cannot read the packages")
    assert done.stdout.count(b"status='passed'") == 4, (done.stdout, done.stderr)
