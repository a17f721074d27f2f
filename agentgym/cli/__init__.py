"""The command line: `agentgym COMMAND ...`, where only the chosen command's module is imported."""

from __future__ import annotations

import argparse
import io
import os
import sys

from agentgym import __version__
from agentgym.entrypoints import entry_points

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

GROUP = "agentgym.commands"
"""The entry points of more commands: a name, and a module with `configure(parser)` and `run(args)`."""
COMMANDS = {
    "envs": "list the environments, or describe one",
    "play": "play one episode and show it",
    "bench": "play benchmark suites and print their scores",
    "resume": "go on with a run that was cut",
    "runs": "list the runs",
    "show": "show episodes of a run",
    "report": "sum a run up again, with a page to look at",
    "compare": "compare two runs, task by task",
    "replay": "play a run's actions again and compare",
    "export": "turn runs and data files into rows to train on",
    "doctor": "find out what works here, and how to mend the rest",
    "check": "prove that an environment keeps its contract",
    "schema": "print a JSON Schema: of an episode, a task, an action, ...",
}


class Parser(argparse.ArgumentParser):
    """Knows no abbreviations, and raises wrong use as one line that `main` prints."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        from agentgym.errors import UsageError

        raise UsageError(f"{message}; see: {self.prog} --help")


def main(argv: list[str] | None = None) -> int:
    """Run one command line and return its exit code: 0 success, 1 a negative result, 2 wrong use, 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    given = [word for word in words if word != "--debug"]
    debug = given != words
    _open_missing_streams()
    _outlive_readers()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # what a model wrote must not break a narrow terminal
    code = 0
    try:
        try:
            code = _act(given)
            return code
        finally:
            sys.stdout.flush()
    except SystemExit:
        raise  # `--help` and `--version`, which pay for no further import
    except KeyboardInterrupt as error:
        return _explain(error, f"{_speaker(given)}: interrupted", 130, debug=debug)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader had enough; so be it
        return code
    except OSError as error:
        if not isinstance(error, _expected()):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains once more at its end
        return _explain(error, f"{_speaker(given)}: {error}", 1, debug=debug)
    except _expected() as error:
        message = " ".join(line.strip() for line in str(error).splitlines())
        return _explain(error, f"{_speaker(given)}: {message}", 2, debug=debug)


def _open_missing_streams() -> None:
    """A stream that was closed before the start is None; what goes there goes nowhere."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - it lives as long as the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - it lives as long as the process


def _outlive_readers() -> None:
    """Have what is said on standard error go nowhere once nobody reads it: Ctrl-C ends a `tee` before a run ends."""
    if type(sys.stderr) is io.TextIOWrapper:
        file = io.FileIO(sys.stderr.fileno(), "w", closefd=False)
        sys.stderr = _Aside(file, sys.stderr.encoding, sys.stderr.errors, write_through=True)


class _Aside(io.TextIOWrapper):
    """A text stream that nobody need read."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError:
            return len(text)


def _act(words: list[str]) -> int:
    words, level = _take_log_level(words)
    options, command = _split(words)
    parser = _top_parser()
    parser.parse_args(options)
    if not command:
        parser.print_help()
        return 2
    name, *rest = command
    configure, run = _load(name)
    parser = Parser(prog=f"agentgym {name}", description=COMMANDS.get(name))
    configure(parser)
    args = parser.parse_args(rest)
    from agentgym.logs import configure_logging

    configure_logging(level)
    return run(args)


def _take_log_level(words: list[str]) -> tuple[list[str], str | None]:
    """The words without `--log-level LEVEL`, which like `--debug` may stand anywhere, and the last level given."""
    level, rest, left = None, list[str](), iter(words)
    for word in left:
        option, assigned, value = word.partition("=")
        if option != "--log-level":
            rest.append(word)
        else:
            level = value if assigned else next(left, "")
    return rest, level


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """The options of `agentgym` itself, and the command with all that follows it."""
    place = next((position for position, word in enumerate(words) if not word.startswith("-")), len(words))
    return words[:place], words[place:]


def _top_parser() -> Parser:
    told = {**{name: f"see: agentgym {name} --help" for name in entry_points(GROUP)}, **COMMANDS}
    names = [*COMMANDS, *(name for name in told if name not in COMMANDS)]
    width = max(map(len, names))
    parser = Parser(
        prog="agentgym",
        usage="agentgym [--help] [--version] [--debug] [--log-level LEVEL] COMMAND ...",
        description="Environments for agents: write one, play it, measure with it.",
        epilog="\n".join(["commands:", *(f"  {name:<{width}}  {told[name]}" for name in names)]),
        # A fixed width spares the import that asks for the terminal's; every line here is short.
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=80),
    )
    parser.add_argument("--version", action="version", version=f"agentgym {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error, with any command")
    parser.add_argument(
        "--log-level", metavar="LEVEL", help="log to stderr from debug, info, warning or error on, with any command"
    )
    return parser


def _load(name: str) -> tuple[Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], int]]:
    if name in COMMANDS:
        from importlib import import_module

        module = import_module(f"agentgym.cli.{name}")
        return module.configure, module.run
    more = entry_points(GROUP)
    if name not in more:
        from agentgym.errors import UnknownNameError, did_you_mean

        raise UnknownNameError(f"no command {name!r}; {did_you_mean(name, [*COMMANDS, *more])}; see: agentgym --help")
    from agentgym.registry import load_target

    return load_target(f"{more[name]}:configure", name), load_target(f"{more[name]}:run", name)


def _expected() -> type[Exception]:
    """What is told in one line; imported only once something was raised."""
    from agentgym.errors import AgentGymError

    return AgentGymError


def _speaker(words: list[str]) -> str:
    _, command = _split(words)
    known = command and (command[0] in COMMANDS or command[0] in entry_points(GROUP))
    return f"agentgym {command[0]}" if known else "agentgym"


def _explain(error: BaseException, line: str, code: int, *, debug: bool) -> int:
    if debug:
        from traceback import print_exception

        print_exception(error)
    sys.stderr.write(f"{line}\n")
    return code
