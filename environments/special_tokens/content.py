"""What a row of training data has to hold besides a well-formed answer, as codes for what it has not."""

from __future__ import annotations

from environments.programs.bugs.classes import UNPARSABLE
from environments.programs.parsing import parsed
from environments.special_tokens.answer import Answer
from environments.special_tokens.modes import AGENT, EDIT
from environments.special_tokens.outcome import fixes
from environments.special_tokens.rows import Row, code_in, prose_of
from environments.special_tokens.symptoms import leaks_error, quotes_failure

CODES = (
    "EMPTY_INSTRUCTION",
    "CODE_MISSING",
    "CODE_UNPARSABLE",
    "THINK_TOO_SHORT",
    "NO_CHANGE",
    "FIX_FAILS",
    "ERROR_LEAK_IN_AGENT",
    "ERROR_MISSING_IN_EDIT",
    "DUPLICATE",
)
LEAST_THOUGHT = 20
"""Characters."""
_SYNTAX = (*UNPARSABLE, "TabError")


def content_codes(row: Row, answer: Answer) -> set[str]:
    """The codes of all that reading the row finds; whether its fix works is found by running it."""
    codes = set[str]()
    if not row.instruction.strip():
        codes.add("EMPTY_INSTRUCTION")
    code = code_in(row)
    if code is None:
        codes.add("CODE_MISSING")
    elif not _is_syntax_bug(row) and (parsed(code) is None or not _can_run(answer)):
        codes.add("CODE_UNPARSABLE")
    if len(answer.thought.strip()) < LEAST_THOUGHT:
        codes.add("THINK_TOO_SHORT")
    told = {answer.mode, row.mode}  # a label that says other than the answer has to fit the request as well
    if AGENT.name in told:
        codes |= _of_agent(row)
    if EDIT.name in told:
        codes |= _of_edit(row, answer, code)
    return codes


def edit_of(answer: Answer) -> tuple[str, str] | None:
    """The code before and after, of an answer that edits."""
    if answer.mode != EDIT.name or answer.call is None or answer.call.name != EDIT.tool:
        return None
    original, modified = (answer.call.arguments.get(name) for name in EDIT.arguments)
    return (original, modified) if isinstance(original, str) and isinstance(modified, str) else None


def exploration_of(answer: Answer) -> str | None:
    """The code that is run, of an answer that explores."""
    if answer.mode != AGENT.name or answer.call is None or answer.call.name != AGENT.tool:
        return None
    code = answer.call.arguments.get(AGENT.arguments[0])
    return code if isinstance(code, str) else None


def same_request(row: Row) -> tuple[str, str]:
    """Equal for rows that ask the same, whatever their blanks."""
    return " ".join(row.instruction.split()), " ".join(row.input.split())


def _of_agent(row: Row) -> set[str]:
    told = prose_of(row.instruction)
    leaked = leaks_error(told, prose_of(row.input)) or (row.error and _within(row.error, row.instruction))
    return {"ERROR_LEAK_IN_AGENT"} if leaked else set()


def _of_edit(row: Row, answer: Answer, code: str | None) -> set[str]:
    codes = set[str]()
    told = f"{prose_of(row.instruction)}\n{prose_of(row.input)}" if not row.error else prose_of(row.instruction)
    if not quotes_failure(told) or not _within(row.error, f"{row.instruction}\n{row.input}"):
        codes.add("ERROR_MISSING_IN_EDIT")
    edit = edit_of(answer)
    if edit is None:
        return codes
    original, modified = edit
    if _plain(original) == _plain(modified):
        codes.add("NO_CHANGE")
    elif code is not None and _plain(original) not in _plain(code):
        codes.add("FIX_FAILS")  # there is nothing that it could be put in place of
    elif all(parsed(fixed) is None for fixed in fixes(code or "", original, modified)):
        codes.add("FIX_FAILS")
    return codes


def _can_run(answer: Answer) -> bool:
    """Whether the code of an exploration, if it is one, parses."""
    code = exploration_of(answer)
    return code is None or parsed(code) is not None


def _is_syntax_bug(row: Row) -> bool:
    return row.bug_class in _SYNTAX or (not row.bug_class and any(name in row.instruction for name in _SYNTAX))


def _within(part: str, whole: str) -> bool:
    return " ".join(part.split()) in " ".join(whole.split())


def _plain(code: str) -> str:
    return "\n".join(line.rstrip() for line in code.strip().splitlines())
