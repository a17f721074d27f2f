"""The row `{prompt, question, query_id, input_output}`, and our own, as problems."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue, ValidationError

from agentgym.errors import one_line
from agentgym.jsontext import dump_plain, parse_json
from agentgym.messages import JsonObject
from environments.programs.problem import Case, Problem

_OURS = {
    "query_id", "question", "prompt", "topic", "difficulty", "solution", "starter", "starter_code", "checker",
    "input_output", "fn_name", "remote", "visible_count", "float_compare",
}  # fmt: skip


def of_record(row: Mapping[str, JsonValue], *, number: int, visible_count: int) -> Problem:
    """The problem of a row; its cases but for the first `visible_count` are hidden. ValueError: code and cause."""
    if "visible" in row or "hidden" in row:
        return _of_our_own(row)
    data = _input_output(row)
    fn_name = _text(data, "fn_name") or _text(row, "fn_name") or None
    cases = _cases(data, fn_name)
    visible = _visible(row, len(cases), visible_count)
    try:
        return Problem.model_validate(
            _unknown(row)
            | {
                "query_id": _query_id(row, number),
                "question": _question(row),
                "prompt": _text(row, "prompt"),
                "topic": _text(row, "topic"),
                "difficulty": _text(row, "difficulty"),
                "fn_name": fn_name,
                "starter": _text(row, "starter_code") or _text(row, "starter"),
                "solution": _text(row, "solution") or None,
                "checker": "float(1e-6)" if row.get("float_compare") is True else _text(row, "checker") or "tokens",
                "remote": data.get("remote") is True or row.get("remote") is True,
                "visible": cases[:visible],
                "hidden": cases[visible:] or cases,  # a single case has to serve as both
            }
        )
    except ValidationError as error:
        raise ValueError(f"BAD_ROW: {one_line(error)}") from None


def case_of(given: JsonValue, wanted: JsonValue, fn_name: str | None) -> Case:
    """A case as public sets write it: texts, lists of lines, or for a function arguments and result as they are."""
    if fn_name is None:
        return Case(input=_lines(given, "input"), output=_lines(wanted, "output"))
    if isinstance(given, list):
        return Case.of_call(given, wanted)
    if not isinstance(given, str):
        raise ValueError("BAD_CASE: a function's input is a list of arguments, or a text with one JSON value a line")
    output = wanted if isinstance(wanted, str) else dump_plain(wanted)
    for what, text in (*(("input", line) for line in given.split("\n") if line.strip()), ("output", output)):
        try:
            parse_json(text)
        except ValueError as error:
            raise ValueError(f"BAD_CASE: the {what} of a call of {fn_name} is JSON, a value a line: {error}") from None
    return Case(input=given, output=output)


def _of_our_own(row: Mapping[str, JsonValue]) -> Problem:
    try:
        problem = Problem.model_validate(dict(row))
    except ValidationError as error:
        raise ValueError(f"BAD_ROW: {one_line(error)}") from None
    if not problem.hidden:
        raise ValueError("NO_TESTS: `hidden` holds no case; give at least one to grade by")
    return problem


def _input_output(row: Mapping[str, JsonValue]) -> JsonObject:
    data = row.get("input_output")
    if isinstance(data, str):
        try:
            data = parse_json(data)
        except ValueError as error:
            raise ValueError(f"BAD_JSON: input_output: {error}") from None
    if not isinstance(data, dict):
        raise ValueError("NO_TESTS: needs `input_output`, an object with `inputs` and `outputs`, or its JSON text")
    return data


def _cases(data: JsonObject, fn_name: str | None) -> list[Case]:
    inputs, outputs = data.get("inputs"), data.get("outputs")
    if not isinstance(inputs, list) or not isinstance(outputs, list):
        raise ValueError("NO_TESTS: `input_output` needs the lists `inputs` and `outputs`")
    if len(inputs) != len(outputs):
        raise ValueError(f"UNEQUAL_LENGTHS: {len(inputs)} inputs, {len(outputs)} outputs; give one output per input")
    if not inputs:
        raise ValueError("NO_TESTS: `inputs` is empty; give at least one case")
    return [case_of(given, wanted, fn_name) for given, wanted in zip(inputs, outputs, strict=True)]


def _visible(row: Mapping[str, JsonValue], total: int, wanted: int) -> int:
    """How many cases are shown: what the row says, or `wanted`, but never more than half of them, and at least one."""
    said = row.get("visible_count")
    if said is None:
        return max(1, min(wanted, total // 2)) if wanted else 0
    if type(said) is not int or not 0 <= said <= total:
        raise ValueError(f"BAD_ROW: visible_count={said!r}: a number from 0 to {total}, the number of cases")
    return said


def _query_id(row: Mapping[str, JsonValue], number: int) -> str:
    for key in ("query_id", "question_id", "task_id", "id"):
        found = row.get(key)
        if isinstance(found, (str, int)) and not isinstance(found, bool) and str(found):
            return str(found)
    return f"row-{number}"


def _question(row: Mapping[str, JsonValue]) -> str:
    question = _text(row, "question") or _text(row, "prompt")
    if not question:
        raise ValueError("NO_QUESTION: needs `question` (or `prompt`), a text")
    return question


def _text(row: Mapping[str, JsonValue], key: str) -> str:
    found = row.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise ValueError(f"BAD_ROW: {key} is a text, not {type(found).__name__}")
    return found


def _unknown(row: Mapping[str, JsonValue]) -> dict[str, object]:
    return {key: value for key, value in row.items() if key not in _OURS and key not in Problem.model_fields}


def _lines(value: JsonValue, what: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n".join(str(line) for line in value)
    raise ValueError(f"BAD_CASE: the {what} of a case is a text or a list of lines, not {dump_plain(value)[:80]}")
