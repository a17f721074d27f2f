"""The command line as a whole: help, wrong use in one line, interrupts, closed pipes and commands of others."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from agentgym import __version__
from tests.agentgym.cli.conftest import Cli, Install

AGENTGYM = [sys.executable, "-m", "agentgym"]


def test_help_names_the_commands_and_version_tells_the_version(cli: Cli) -> None:
    told = cli("--help")
    assert (told.code, told.err) == (0, "")
    assert all(f"\n  {name} " in told.out for name in ("envs", "play", "bench", "check", "schema"))
    assert cli("--version").out == f"agentgym {__version__}\n"


def test_without_a_command_it_prints_its_help_and_exits_with_2(cli: Cli) -> None:
    told = cli()
    assert (told.code, told.err) == (2, "")
    assert told.out == cli("--help").out


def test_help_imports_nothing_heavy() -> None:
    script = """
import sys
from agentgym.cli import main
try:
    main(["--help"])
except SystemExit:
    sys.stderr.write(" ".join(sys.modules))
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(ran.stderr.split())
    assert "agentgym.cli" in loaded
    assert not loaded & {"pydantic", "anyio", "rich", "importlib.metadata", "typing", "pathlib", "agentgym.errors"}


@pytest.mark.parametrize("name", ["envs", "play", "bench", "check", "schema"])
def test_every_command_has_its_own_help(cli: Cli, name: str) -> None:
    told = cli(name, "--help")
    assert (told.code, told.err) == (0, "")
    assert told.out.startswith(f"usage: agentgym {name}")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("ply", "agentgym: no command 'ply'; did you mean 'play'?; see: agentgym --help"),
        ("xyzzy", "agentgym: no command 'xyzzy'; there are: envs, play"),
        ("--foo", "agentgym: unrecognized arguments: --foo; see: agentgym --help"),
        ("--vers", "agentgym: unrecognized arguments: --vers; see: agentgym --help"),
        ("play", "agentgym play: the following arguments are required: ENV; see: agentgym play --help"),
        ("play guess --foo", "agentgym play: unrecognized arguments: --foo; see: agentgym play --help"),
        ("play gues --policy idle", "agentgym play: no environment 'gues'; did you mean 'guess'?"),
        ("play guess --policy nobody", "agentgym play: no policy 'nobody'; there are: idle"),
        ("play guess --policy scripted", "agentgym play: the policy 'scripted' is not complete"),
        ("play guess --policy scripted:none.jsonl", "agentgym play: none.jsonl: cannot be read"),
        ("play guess --seed x", "agentgym play: argument --seed: invalid int value: 'x'"),
        ("play guess --turns 0", "agentgym play: argument --turns: '0' is not a whole number of at least 1"),
        ("play guess --seconds nan", "agentgym play: argument --seconds: 'nan' is not a positive number"),
        ("play guess --set digits", "agentgym play: argument --set: 'digits' is not KEY=VALUE"),
        ("play guess --set digits=3", "agentgym play: guess: got an unexpected keyword argument 'digits'"),
        ("play guess --tasks none.jsonl", "agentgym play: none.jsonl: cannot be read"),
        ("play guess --task digit-44", "agentgym play: no task 'digit-44'; did you mean 'digit-4'?"),
        ("play none.py:Env", "agentgym play: no file 'none.py'"),
        ("check gues", "agentgym check: no environment 'gues'; did you mean 'guess'?"),
        ("envs describe gues", "agentgym envs: no environment 'gues'; did you mean 'guess'?"),
        ("envs guess", "agentgym envs: argument ACTION: invalid choice: 'guess' (choose from"),
        ("schema", "agentgym schema: the following arguments are required: NAME"),
        ("schema tusk", "agentgym schema: argument NAME: invalid choice: 'tusk' (choose from"),
        ("schema action", "agentgym schema: every environment has actions of its own"),
        ("schema turn guess", "agentgym schema: the schema of 'turn' is the same everywhere"),
        ("bench gues", "agentgym bench: no suite 'gues'; did you mean 'guess'?"),
        ("bench --limit 0", "agentgym bench: argument --limit: '0' is not a whole number"),
        ("bench --policy nobody", "agentgym bench: no policy 'nobody'"),
        ("bench --policy human", "agentgym bench: a person plays one episode at a time"),
    ],
)
def test_wrong_use_is_one_line_that_names_the_mend(cli: Cli, line: str, told: str) -> None:
    ran = cli(*line.split())
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(told)
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("line", ["--debug play gues", "play gues --debug"])
def test_debug_shows_the_traceback_before_the_line(cli: Cli, line: str) -> None:
    ran = cli(*line.split())
    assert ran.code == 2
    assert ran.err.startswith("Traceback")
    assert ran.err.splitlines()[-1].startswith("agentgym play: no environment 'gues'")


def test_a_file_with_a_syntax_error_is_wrong_use_in_a_real_process_too(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("class Broken(:\n")
    ran = subprocess.run([*AGENTGYM, "play", f"{path}:Broken"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"agentgym play: {path} cannot be imported: SyntaxError")
    assert ran.stderr.count("\n") == 1


def test_ctrl_c_while_a_person_thinks_is_130_and_one_line() -> None:
    # Its input stays open all the while, as a terminal's does.
    with Popen([*AGENTGYM, "play", "guess"], stdin=PIPE, stderr=PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            while process.stderr.read(1) != ">":
                assert process.poll() is None
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 130
            assert process.stderr.read().strip() == "agentgym play: interrupted"
        finally:
            process.kill()


def test_a_reader_who_had_enough_is_no_error() -> None:
    with Popen([*AGENTGYM, "schema", "episode"], stdout=PIPE, stderr=PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0


COMMAND = """
def configure(parser):
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("wave").add_argument("--hands", type=int, default=1)

def run(args):
    print("hello", args.hands)
    return 0
"""


def test_another_package_adds_a_command_that_help_lists_without_importing_it(cli: Cli, install: Install) -> None:
    install("commands", "greet", "greet_command", COMMAND)
    assert "\n  greet    see: agentgym greet --help\n" in cli("--help").out
    assert "greet_command" not in sys.modules
    assert cli("greet", "wave", "--hands", "2").out == "hello 2\n"
    wrong = cli("greet", "wave", "--hands", "x")
    assert wrong.err.endswith("invalid int value: 'x'; see: agentgym greet wave --help\n")


def test_a_command_that_cannot_be_imported_says_why(cli: Cli, install: Install) -> None:
    install("commands", "greet", "greet_broken_command", "import a_package_nobody_has")
    ran = cli("greet")
    assert ran.code == 2
    assert "a_package_nobody_has" in ran.err
    assert ran.err.count("\n") == 1
