"""Rows whose requests and thoughts a model writes; which mode is right it is told, and asked again without."""

from __future__ import annotations

import re
from json import JSONDecodeError, JSONDecoder
from random import Random

from agentgym.errors import EndpointFault, UsageError
from agentgym.jsontext import dump_json, parse_json
from agentgym.messages import Conversation, JsonObject, Message
from agentgym.policy import Context, Policy
from agentgym.seeds import derive_seed
from environments.special_tokens.answer import Answer
from environments.special_tokens.assignments import Assignment
from environments.special_tokens.modes import AGENT, EDIT, STANDARD
from environments.special_tokens.requests import input_of, quoted, request_of
from environments.special_tokens.symptoms import leaks_error
from environments.special_tokens.templates import changed_line, template_answer
from environments.special_tokens.writers import Writer, Written, faults_of, row_of_words

ATTEMPTS = 3
"""Of one row; then it is dropped, and another one written in its place."""
QUOTE = "{error}"
_LANGUAGES = {"en": "English", "zh": "Chinese"}
_WRITE = """\
You write training data: what a programmer asks an assistant, and what the assistant thinks before it acts. \
Reply with one JSON object {"instruction": "...", "think": "..."} and nothing else."""
_ASK_EDIT = f"""\
Write an instruction in which the programmer asks to have the program mended. The mark {QUOTE} must stand in it once: \
in its place the failure is quoted word for word, so do not repeat or rephrase it. The think names the failure and \
says what has to change."""
_ASK_AGENT = """\
Write an instruction in which the programmer only knows that something is wrong. It must hold no error message, no \
name of an exception, no traceback, no line number and no example of a wrong result. Words such as "error" or \
"expected" may well stand in it. The think says that nothing concrete is known, and that the program has to be run."""
_CHOOSE = f"""\
A programmer asks for help. Choose what the assistant does next:
{AGENT.name} - {AGENT.about}
{EDIT.name} - {EDIT.about}
Answer with that one word."""
_DECODER = JSONDecoder()


class ModelWriter(Writer):
    """Asks a policy for the words of a row, and separately for the mode, which must be the one that running showed."""

    def __init__(self, policy: Policy, *, seed: int = 0) -> None:
        if policy.reads_reference:
            raise UsageError("the oracle writes no requests; name a model, or leave it out for the template writer")
        self.name = policy.name
        self._policy = policy
        self._seed = seed

    async def write(self, assignment: Assignment) -> Written:
        problems: list[str] = []
        for attempt in range(1, ATTEMPTS + 1):
            try:
                instruction, thought = await self._words(assignment, problems)
                row = row_of_words(
                    assignment, instruction, self._answer(assignment, thought), self.name, attempt=attempt
                )
                _refuse(faults_of(row))
                await self._refuse_other_mode(assignment, instruction)
            except UsageError:
                raise
            except (ValueError, EndpointFault) as error:
                problems.append(str(error))
            else:
                return Written(row, tuple(problems))
        return Written(None, tuple(problems))

    async def _words(self, assignment: Assignment, problems: list[str]) -> tuple[str, str]:
        """The instruction and the thought."""
        said = await self._ask(_WRITE, _facts(assignment, problems), assignment, f"write {len(problems)}")
        value = _object_in(said)
        instruction, thought = value.get("instruction"), value.get("think")
        if not isinstance(instruction, str) or not isinstance(thought, str):
            raise ValueError('the reply needs the texts "instruction" and "think"')
        for text in (instruction, thought):
            if any(mode.token in text for mode in STANDARD) or "think>" in text:
                raise ValueError("neither text may hold a special token or a think tag")
        if assignment.mode == AGENT.name:
            if leaks_error(instruction):
                raise ValueError("the instruction names an error, a traceback or a line number; leave that out")
            return instruction.strip(), thought.strip()
        error = quoted(assignment.defect, assignment.problem, assignment.language)
        if QUOTE not in instruction and error not in instruction:
            raise ValueError(f"the mark {QUOTE} does not stand in the instruction")
        return instruction.replace(QUOTE, error).strip(), thought.strip()

    async def _refuse_other_mode(self, assignment: Assignment, instruction: str) -> None:
        """Have the model choose, without being told what is right."""
        request = request_of(instruction, input_of(assignment.defect, assignment.problem))
        said = await self._ask(_CHOOSE, request, assignment, "choose")
        chosen = set(re.findall(rf"\b({AGENT.name}|{EDIT.name})\b", said.upper()))
        if chosen != {assignment.mode}:
            told = " and ".join(sorted(chosen)) or "neither"
            raise ValueError(f"a reader of the instruction chose {told}, not {assignment.mode}: make it clearer")

    async def _ask(self, system: str, user: str, assignment: Assignment, purpose: str) -> str:
        seed = derive_seed(self._seed, assignment.key, purpose)
        session = self._policy.start(Context(instructions=system, seed=seed))
        turn = await session.act(Conversation([Message("system", system), Message("user", user)]))
        return turn.text

    def _answer(self, assignment: Assignment, thought: str) -> Answer:
        """The answer with the model's thought; its call is known."""
        rng: Random = assignment.rng(self._seed)
        known = template_answer(assignment.mode, assignment.defect, assignment.problem, assignment.language, rng)
        return known.model_copy(update={"thought": thought})


def _facts(assignment: Assignment, problems: list[str]) -> str:
    """What the model is told of the row it writes."""
    defect, problem, mends = assignment.defect, assignment.problem, assignment.mode == EDIT.name
    facts: JsonObject = {
        "language": _LANGUAGES[assignment.language],
        "task": problem.question,
        "program": defect.code,
        "tone": f"as in: {assignment.frame.text}",
    }
    if mends:
        facts |= {"failure": quoted(defect, problem, assignment.language), "changed_line": changed_line(defect)}
    asked = f"{_ASK_EDIT if mends else _ASK_AGENT}\n{dump_json(facts).decode()}"
    return "\n".join([asked, *(f"An earlier reply was not taken: {problem}." for problem in problems)])


def _object_in(said: str) -> JsonObject:
    """The first JSON object of a reply."""
    begin = said.find("{")
    if begin < 0:
        raise ValueError("the reply holds no JSON object")
    try:
        _, end = _DECODER.raw_decode(said, begin)
    except (JSONDecodeError, RecursionError) as error:
        raise ValueError(f"the reply is not JSON: {error}") from None
    value = parse_json(said[begin:end])
    if not isinstance(value, dict):
        raise ValueError("the reply holds no JSON object")
    return value


def _refuse(faults: list[str]) -> None:
    if faults:
        raise ValueError(f"the row would have faults: {', '.join(faults)}")
