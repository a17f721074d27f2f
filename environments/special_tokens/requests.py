"""Requests made of defects: what the failure looks like in words, and what is shown of the program."""

# ruff: noqa: RUF001 - Chinese has its own punctuation

from __future__ import annotations

from environments.programs.problem import Problem
from environments.special_tokens.defects import Defect
from environments.special_tokens.frames.frame import Frame

_WRONG = {
    "en": "Input:\n{input}\nExpected:\n{expected}\nGot:\n{got}",
    "zh": "输入：\n{input}\n期望：\n{expected}\n实际：\n{got}",
}
_SLOW = {
    "en": "Stopped: still running when its CPU time was used up. Input:\n{input}",
    "zh": "已终止：CPU 时间用完时仍在运行。输入：\n{input}",
}
_DEPTH = "maximum recursion depth exceeded"
"""Where in the interpreter it was exceeded, which the message goes on to say, differs between equal runs."""
_AT_LINE = {"en": "{error} (line {line})", "zh": "{error}（第 {line} 行）"}


def title(problem: Problem) -> str:
    """What a problem is called in a sentence."""
    return problem.query_id.replace("-", " ").replace("_", " ")


def quoted(defect: Defect, problem: Problem, language: str) -> str:
    """What was seen of the failure, as a request quotes it."""
    case = defect.shown_by(problem)
    if defect.kind == "timeout":
        return _SLOW[language].format(input=case.input.strip())
    if defect.kind == "wrong answer":
        return _WRONG[language].format(input=case.input.strip(), expected=case.output.strip(), got=defect.got.strip())
    message = _DEPTH if defect.error_type == "RecursionError" else " ".join(defect.message.split())
    error = f"{defect.error_type}: {message}".removesuffix(": ")
    return error if defect.error_line is None else _AT_LINE[language].format(error=error, line=defect.error_line)


def instruction_of(frame: Frame, defect: Defect, problem: Problem) -> str:
    """The request in words; only one that is to be answered with a fix quotes the failure."""
    error = quoted(defect, problem, frame.language) if "{error}" in frame.text else ""
    return frame.filled(title(problem), error)


def input_of(defect: Defect, problem: Problem) -> str:
    """What comes with the request: what the program is for, and the program."""
    return f"{problem.question.strip()}\n\n```python\n{defect.code.rstrip()}\n```"


def request_of(instruction: str, input: str) -> str:
    """Both as one message."""
    return f"{instruction}\n\n{input}" if input.strip() else instruction
