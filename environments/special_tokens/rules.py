"""The rules an answer keeps to: one checker for episodes, rewards, data files and models' replies."""

from __future__ import annotations

from environments.special_tokens.answer import Answer
from environments.special_tokens.modes import STANDARD, Modes

RULES = {
    "think": ("NO_THINK", "THINK_UNCLOSED"),
    "token": ("NO_TOKEN", "MULTIPLE_TOKENS", "TOKEN_IN_THINK"),
    "tool": ("AGENT_WITHOUT_PYTHON", "EDIT_WITHOUT_EDITOR"),
    "call": ("BAD_CALL_JSON", "MISSING_ARGUMENT"),
}
"""By rule: the codes for breaking it. Modes of one's own have codes of their own under `tool`."""


def codes_by_rule(modes: Modes = STANDARD) -> dict[str, tuple[str, ...]]:
    """By rule: the codes for breaking it, with these modes."""
    return {**RULES, "tool": tuple(mode.without_tool for mode in modes)}


def format_codes(modes: Modes = STANDARD) -> tuple[str, ...]:
    """All codes, in the order they are told."""
    return tuple(code for codes in codes_by_rule(modes).values() for code in codes)


def broken_rules(answer: Answer, modes: Modes = STANDARD) -> tuple[str, ...]:
    """The codes of all rules that an answer breaks; none for one that is in form."""
    broken = {*answer.faults, *_broken(answer, modes)}
    return tuple(code for code in format_codes(modes) if code in broken)


def _broken(answer: Answer, modes: Modes) -> set[str]:
    broken = set[str]()
    if not answer.thought.strip():
        broken.add("NO_THINK")
    if any(mode.token in answer.thought for mode in modes):
        broken.add("TOKEN_IN_THINK")
    if answer.mode not in modes.names:
        if "MULTIPLE_TOKENS" not in answer.faults:
            broken.add("NO_TOKEN")
        return broken
    mode = modes.named(answer.mode or "")
    if answer.call is None:
        if "BAD_CALL_JSON" not in answer.faults:
            broken.add(mode.without_tool)
    elif answer.call.name != mode.tool:
        broken.add(mode.without_tool)
    elif not all(_is_text(answer.call.arguments.get(name)) for name in mode.arguments):
        broken.add("MISSING_ARGUMENT")
    return broken


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
