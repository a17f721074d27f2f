"""What an agent is told: which tokens there are, when to choose which, and how an answer is written."""

from __future__ import annotations

from agentgym.jsontext import dump_json
from environments.special_tokens.modes import STANDARD, Mode, Modes

_INSTRUCTIONS = """\
You are shown a debugging request. Answer in one message, made of these parts in this order:
1. your thought between <think> and </think>; it holds none of the special tokens;
2. exactly one special token, which says what you do next;
3. a short text for the user;
4. one call of the tool that goes with the token, as one JSON object on a line of its own.
The tokens:
{tokens}
All arguments are texts, none may be empty, and nothing follows the call. The form of an answer:
{example}"""


def instructions_of(modes: Modes = STANDARD) -> str:
    """The instructions for these modes."""
    return _INSTRUCTIONS.format(tokens="\n".join(map(_told, modes)), example=example_of(modes[0]))


def example_of(mode: Mode) -> str:
    """What an answer of a mode looks like."""
    return f"<think>why this token is the right one</think>\n{mode.token}\nwhat you do\n{_call(mode)}"


def _told(mode: Mode) -> str:
    return f"{mode.token} - {mode.about} Then call: {_call(mode)}"


def _call(mode: Mode) -> str:
    call = {"name": mode.tool, "arguments": dict.fromkeys(mode.arguments, "...")}
    return dump_json(call).decode()
