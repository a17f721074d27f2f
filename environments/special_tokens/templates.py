"""Answers that need no model: thoughts from phrases, calls from what is known of the program."""

# ruff: noqa: RUF001 - Chinese has its own punctuation

from __future__ import annotations

import difflib
from random import Random

from environments.programs.problem import Problem
from environments.programs.suggestions import suggest
from environments.special_tokens.answer import Answer, Call
from environments.special_tokens.defects import Defect
from environments.special_tokens.modes import AGENT, EDIT
from environments.special_tokens.requests import title

_EXPLORE = {
    "en": (
        "The request about {name} tells no concrete failure: no message, no case. I have to see first what it does.",
        "Nothing here says where {name} goes wrong, so a change would be a guess. I run it on an example first.",
        "All I have is a complaint about {name}. What it really gives on a small case will tell me more than reading.",
        "I know that {name} is suspected, but not of what. Running it and looking at the outcome is the next step.",
        "There is no observed result to work from. Before I touch {name}, I should execute it and watch.",
        "To mend {name} I would need to know what happens. That is not said, so I find out by running the code.",
    ),
    "zh": (
        "关于 {name} 的请求没有给出具体的失败情况，既没有信息也没有用例，我得先看看它做什么。",
        "没有说明 {name} 在哪里出问题，直接改就是猜，先用一个例子运行它。",
        "手里只有对 {name} 的抱怨，先看它在小例子上的真实结果，比光读代码有用。",
        "知道 {name} 可疑，却不知道是什么问题，下一步应该运行并观察结果。",
        "没有可以依据的运行结果，动 {name} 之前应该先执行并观察。",
        "要修好 {name} 得先知道发生了什么，请求里没有说，所以先运行代码查明。",
    ),
}
_MEND = {
    "en": (
        "The failure of {name} is given: {brief}. {hint} The change is in line {line}.",
        "For {name} it is known what happens: {brief}. {hint} So line {line} has to be rewritten.",
        "What was seen is concrete: {brief}. {hint} I mend line {line} of {name} and leave the rest alone.",
        "There is a definite result for {name}, {brief}, so I can go to the cause. {hint} Line {line} is at fault.",
        "With {brief} there is no need to explore {name}. {hint} I correct line {line}.",
        "The report on {name} says {brief}. {hint} That leads to line {line}, which I change.",
    ),
    "zh": (
        "{name} 的失败情况已经给出：{brief}。{hint} 需要改第 {line} 行。",
        "已经知道 {name} 发生了什么：{brief}。{hint} 所以要重写第 {line} 行。",
        "看到的现象很具体：{brief}。{hint} 我只改 {name} 的第 {line} 行，其余不动。",
        "{name} 有确定的结果：{brief}，可以直接找原因。{hint} 问题在第 {line} 行。",
        "有了 {brief}，就不需要再探查 {name}。{hint} 我来更正第 {line} 行。",
        "{name} 的报告给出 {brief}。{hint} 由此找到第 {line} 行并修改。",
    ),
}
_TEXTS = {
    ("AGENT", "en"): ("I run it to see what happens.", "Let me try it on an example first.", "I look into it."),
    ("AGENT", "zh"): ("我先运行看看情况。", "先用一个例子试一下。", "我来调查一下。"),
    ("EDIT", "en"): ("This edit mends it.", "Here is the correction.", "I change the faulty part."),
    ("EDIT", "zh"): ("这个修改可以修好它。", "更正如下。", "我修改有问题的部分。"),
}


def template_answer(mode: str, defect: Defect, problem: Problem, language: str, rng: Random) -> Answer:
    """A right answer, put together from phrases."""
    if mode == AGENT.name:
        thought = rng.choice(_EXPLORE[language]).format(name=title(problem))
    else:
        thought = _mending_thought(defect, problem, rng.choice(_MEND[language]))
    return Answer(
        mode=mode,
        thought=thought,
        text=rng.choice(_TEXTS[mode, language]),
        call=exploring_call(defect, problem) if mode == AGENT.name else mending_call(defect),
    )


def mending_call(defect: Defect) -> Call:
    """The call that mends it: the whole program with the bug, and without."""
    return Call(name=EDIT.tool, arguments={"original_code": defect.code, "modified_code": defect.fixed})


def exploring_call(defect: Defect, problem: Problem) -> Call:
    """The call that runs the program on the case that shows the bug."""
    case = defect.shown_by(problem)
    if problem.fn_name is None:
        code = f"import io\nimport sys\n\nsys.stdin = io.StringIO({case.input!r})\n\n{defect.code.rstrip()}\n"
    else:
        called = problem.fn_name if _defines(defect.code, problem.fn_name) else f"Solution().{problem.fn_name}"
        arguments = ", ".join(map(repr, case.arguments))
        code = f"{defect.code.rstrip()}\n\n\nprint({called}({arguments}))\n"
    return Call(name=AGENT.tool, arguments={"code": code})


def changed_line(defect: Defect) -> int:
    """The first line of the program that the fix changes, from 1."""
    matcher = difflib.SequenceMatcher(None, defect.code.split("\n"), defect.fixed.split("\n"), autojunk=False)
    return next((begin + 1 for tag, begin, *_ in matcher.get_opcodes() if tag != "equal"), defect.line)


def _mending_thought(defect: Defect, problem: Problem, phrase: str) -> str:
    case = defect.shown_by(problem)
    wrong = defect.kind == "wrong answer"
    brief = {
        "exception": f"{defect.error_type} in line {defect.error_line}" if defect.error_line else defect.error_type,
        "timeout": "it runs without end",
        "wrong answer": "the result differs from the expected one",
    }[defect.kind]
    hint = suggest(
        defect.error_type or defect.bug_class,
        defect.message,
        defect.code,
        defect.error_line,
        expected=case.output if wrong else None,
        actual=defect.got if wrong else None,
    )
    return phrase.format(name=title(problem), brief=brief, hint=hint, line=changed_line(defect))


def _defines(code: str, function: str) -> bool:
    return any(line.startswith((f"def {function}(", f"async def {function}(")) for line in code.split("\n"))
