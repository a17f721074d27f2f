"""Environments by id and by file, and what is said when they cannot be had."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import agentgym
from agentgym.errors import DataFileError, MissingExtraError, ShadowedPackageError, UnknownNameError, UsageError
from agentgym.registry import load_env
from agentgym.taskfile import read_tasks
from environments.guess import Guess

HELLO = """
from __future__ import annotations
from agentgym import Observation, Task, ToolEnv, tool

class Named(Task):
    name: str

class Hello(ToolEnv[Named, Observation], id="hello"):
    "Greet by name."
    def __init__(self, greeting: str = "Hello") -> None:
        self.greeting = greeting
    async def begin(self, task: Named) -> Observation:
        return Observation(text=f"{self.greeting}, {task.name}")
    @tool
    async def reply(self, name: str) -> str:
        "Say who it was."
        self.finish(reward=float(name == self.task.name))
        return "bye"
"""


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    path = tmp_path / "hello.py"
    path.write_text(HELLO)
    return path


def test_an_installed_environment_is_made_by_its_id() -> None:
    assert "guess" in agentgym.env_ids()
    assert isinstance(agentgym.make("guess"), Guess)


def test_a_file_is_an_environment_too(hello: Path) -> None:
    by_name, alone = agentgym.make(f"{hello}:Hello", greeting="Hi"), agentgym.make(str(hello))
    assert by_name.id == alone.id == "hello"
    assert type(by_name) is type(alone), "a file is imported once"
    assert by_name.config == {"greeting": "Hi"}
    assert alone.config == {}


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("gues", "did you mean 'guess'"),
        ("nothing-like-it", "there are: code-debug, guess"),
        ("no/such/file.py:Env", "no file"),
    ],
)
def test_an_unknown_environment_is_one_line_with_the_mend(spec: str, told: str) -> None:
    with pytest.raises(UnknownNameError, match=told) as caught:
        agentgym.make(spec)
    assert "\n" not in str(caught.value)


def test_a_wrong_setting_names_the_right_ones(hello: Path) -> None:
    with pytest.raises(UsageError, match=r"'greet'.*its settings are: greeting"):
        agentgym.make(str(hello), greet="Hi")
    with pytest.raises(UsageError, match="its settings are: none"):
        agentgym.make("guess", digits=3)


@pytest.mark.parametrize(
    ("source", "error", "told"),
    [
        ("class Broken(:", UsageError, "SyntaxError"),
        ("raise RuntimeError('at import')", UsageError, "RuntimeError: at import"),
        ("import trl_that_is_not_there", UsageError, "trl_that_is_not_there"),
        ("from agentgym.extras import require\nrequire('trl')", MissingExtraError, r"\[train\]"),
        ("x = 1", UnknownNameError, "it holds: none"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(tmp_path: Path, source: str, error: type[Exception], told: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(source)
    with pytest.raises(error, match=told) as caught:
        load_env(f"{path}:Broken")
    assert "\n" not in str(caught.value)


def test_somebody_elses_package_of_our_name_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "environments"
    other.mkdir()
    (other / "__init__.py").write_text("raise SystemExit('must not be imported')")
    for name in [name for name in sys.modules if name.partition(".")[0] == "environments"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ShadowedPackageError, match="not agentgym's") as caught:
        agentgym.make("guess")
    assert str(other) in str(caught.value)


def test_tasks_are_read_from_lines_or_from_a_list(tmp_path: Path) -> None:
    lines, listed = tmp_path / "tasks.jsonl", tmp_path / "tasks.json"
    lines.write_text('{"id": "a", "digit": 1}\n\n{"id": "b\u2028", "digit": 2}\n', encoding="utf-8")
    listed.write_text('[{"id": "a", "digit": 1}, {"id": "b\\u2028", "digit": 2}]')
    assert read_tasks(lines, Guess) == read_tasks(listed, Guess())
    assert [task.model_dump()["digit"] for task in read_tasks(lines, Guess)] == [1, 2]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"id": "a", "digit": 1}\n{"id": "b", "digit": 11}\n', r"tasks.jsonl:2: not a Secret: digit: .*\(got 11\)"),
        ('{"id": "a"}', "digit: Field required"),
        ('{"id": "a", "digit": 1, "hint": ""}', "hint"),
        ('{"id": "a", "digit": 1}\n{"id": "a", "digit": 2}', "tasks.jsonl:2: the task id 'a' stands twice"),
        ("{", "tasks.jsonl:1"),
        ("[{]", "not JSON"),
        ("", "holds no task"),
    ],
)
def test_a_malformed_task_file_names_file_line_and_field(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text(text)
    with pytest.raises(DataFileError, match=told) as caught:
        read_tasks(path, Guess)
    assert "\n" not in str(caught.value)


def test_a_task_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="cannot be read"):
        read_tasks(tmp_path / "none.jsonl", Guess)
