"""Tool configurations in both shapes: names, words and settings, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentgym import OraclePolicy, ToolError, rollout
from agentgym.errors import DataFileError
from agentgym.tools import ToolSpec
from environments.code_debug.env import CodeDebugEnv
from environments.code_debug.observations import RunReport
from environments.code_debug.task import CodeTask

pytestmark = pytest.mark.anyio
PLAIN = """
name: enhanced_code_agentic_tool
tool_schema:
  name: enhanced_code_agentic_tool
  description: Runs Python and tells what went wrong.
  parameters:
    code: The program.
    test_case_index: Which case.
    timeout: Seconds.
    language: Always python.
config:
  default_timeout: 2
  max_debug_attempts: 2
  enable_debug_prints: true
"""
FUNCTION = """
tools:
  - class_name: some.module.Tool
    config:
      type: native
      num_workers: 10
      rate_limit: 128
    tool_schema:
      type: function
      function:
        name: code_interpreter
        description: A tool for executing code.
        parameters:
          type: object
          properties:
            code: {type: string, description: The code to execute.}
          required: [code]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "tool.yaml"
    path.write_text(text)
    return path


def specs(env: CodeDebugEnv) -> tuple[ToolSpec, ToolSpec]:
    run, submit = env.tool_specs()
    return run, submit


async def test_the_plain_shape(words: Any, task: CodeTask, tmp_path: Path) -> None:
    env = CodeDebugEnv(words, tool_config=written(tmp_path, PLAIN))
    run, submit = specs(env)
    assert (run.name, run.description) == ("enhanced_code_agentic_tool", "Runs Python and tells what went wrong.")
    assert run.parameters["required"] == ["code"]
    properties: Any = run.parameters["properties"]
    assert properties["timeout"] == {"description": "Seconds.", "type": "number", "exclusiveMinimum": 0, "default": 30}
    assert submit == CodeDebugEnv.tool_specs()[1]
    assert "`enhanced_code_agentic_tool`" in env.instructions
    assert "At most 2 different programs" in env.instructions
    await env.reset(task, seed=1)
    step = await env.call("enhanced_code_agentic_tool", {"code": "wrong"})
    assert isinstance(step.observation, RunReport)
    assert step.observation.attempts_left == 1
    program, _, allowance = words.asked[-1]
    assert (program.show_locals, allowance.cpu_s) == (True, 2.0)
    await env.call("enhanced_code_agentic_tool", '{"code": "wrong", "timeout": 3}')
    assert words.asked[-1][2].cpu_s == 3.0


async def test_the_function_shape_shows_only_what_it_lists(words: Any, task: CodeTask, tmp_path: Path) -> None:
    env = CodeDebugEnv(words, tool_config=written(tmp_path, FUNCTION))
    run, _ = specs(env)
    assert (run.name, run.description) == ("code_interpreter", "A tool for executing code.")
    assert run.parameters["properties"] == {"code": {"type": "string", "description": "The code to execute."}}
    assert CodeDebugEnv(words).tool_specs() == CodeDebugEnv.tool_specs(), "others keep their own"
    await env.reset(task, seed=1)
    wrong = (await env.call("code_interpreter", {"kode": 1})).observation
    assert isinstance(wrong, ToolError)
    assert wrong.text.startswith("code_interpreter: code: ")
    unknown = (await env.call("python", {})).observation
    assert isinstance(unknown, ToolError)
    assert "the tools are: code_interpreter, submit" in unknown.text
    twin = env.fork()
    assert twin.tool_specs() == env.tool_specs()


async def test_an_episode_is_played_by_the_names_of_the_config(words: Any, task: CodeTask, tmp_path: Path) -> None:
    episode = await rollout(CodeDebugEnv(words, tool_config=written(tmp_path, FUNCTION)), OraclePolicy(), task, seed=1)
    assert [call.name for turn in episode.turns for call in turn.turn.tool_calls] == ["code_interpreter", "submit"]
    assert [step.action["tool"] for step in episode.steps()] == ["run_code", "submit"], "records keep their own words"
    assert episode.tools[0].name == "code_interpreter"
    assert episode.solved


async def test_settings_of_the_caller_come_before_those_of_the_file(words: Any, tmp_path: Path) -> None:
    env = CodeDebugEnv(words, tool_config=written(tmp_path, PLAIN), max_debug_attempts=4, debug_prints=False)
    assert env.most_attempts == 4


async def test_a_mapping_does_as_well(words: Any) -> None:
    env = CodeDebugEnv(words, tool_config={"tool_schema": {"name": "python"}})
    run, _ = specs(env)
    assert (run.name, run.parameters) == ("python", CodeDebugEnv.tool_specs()[0].parameters)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a\n- b", "is a mapping with `tool_schema`"),
        ("tools: 3", "`tools` is a list of mappings"),
        ("tool_schema: {description: x}", "`tool_schema` needs a `name`"),
        ("tool_schema: {name: x, description: [1]}", "the description of x is a text"),
        (
            "tool_schema: {name: x, parameters: {code: a, langauge: b}}",
            "no parameter 'langauge'; did you mean 'language'",
        ),
        ("tool_schema: {name: x, parameters: {timeout: a}}", "x needs the parameter 'code'"),
        ("tool_schema: {name: x, parameters: {code: 3}}", "what is said of x's parameter 'code' is a text"),
        ("tool_schema: {name: x}\nconfig: {default_timeout: -1}", "default_timeout=-1: a number of seconds above 0"),
        ("tool_schema: {name: x}\nconfig: {max_debug_attempts: 2.5}", "max_debug_attempts=2.5: a whole number"),
        ("tool_schema: {name: x}\nconfig: {enable_debug_prints: 1}", "enable_debug_prints=1: true or false"),
        ("tool_schema: {name: x}\nconfig: 5", "`config` is a mapping, not 5"),
        ("tools: [{tool_schema: {name: a}}, {tool_schema: {name: b}}]", "names the tools a, b; one is to run programs"),
        ("a: [", "not YAML"),
        ("a: 2025-01-01", "holds what JSON has no word for"),
    ],
)
async def test_what_is_wrong_is_told_in_one_line(words: Any, tmp_path: Path, text: str, told: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(DataFileError) as raised:
        CodeDebugEnv(words, tool_config=path)
    assert str(raised.value).startswith(f"{path}: ")
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


async def test_a_file_that_is_not_there(words: Any, tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"none\.yaml: cannot be read"):
        CodeDebugEnv(words, tool_config=tmp_path / "none.yaml")
