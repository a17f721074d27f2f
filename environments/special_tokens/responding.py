"""`respond`: a policy answers requests; one that was never trained to is told how, and told again what it broke."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
from pydantic import JsonValue

from agentgym.ambient import LINES
from agentgym.errors import DataFileError, EndpointFault, PolicyFault, boundary
from agentgym.lines import Lines
from agentgym.messages import Conversation, JsonObject, Message, Turn
from agentgym.policy import Context, Policy, Session
from agentgym.seeds import derive_seed
from environments.programs.readers import iterate_rows
from environments.special_tokens.answer import read_answer, read_turn
from environments.special_tokens.modes import STANDARD, Modes
from environments.special_tokens.prompts import instructions_of
from environments.special_tokens.rules import broken_rules

SAMPLES = Path(__file__).parent / "samples"
"""Files of the forms that are read: requests alone, and requests with their answers."""
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Response:
    """What came of a request."""

    query: str
    output: str
    codes: tuple[str, ...]
    """Of the rules that the last attempt still broke."""

    def row(self) -> JsonObject:
        """As files hold it."""
        return {"Query": self.query, "Output": self.output}


def read_queries(path: str | Path) -> Iterator[str]:
    """The requests of a JSON or JSON Lines file: `Query` in any case of letters, or texts alone."""
    for _, where, value in iterate_rows(path):
        yield _query(value, where)


async def respond(
    queries: Sequence[str],
    policy: Policy,
    *,
    modes: Modes = STANDARD,
    concurrency: int = 32,
    seed: int = 0,
    lines: Lines | None = None,
) -> list[Response]:
    """The answers in the order of the requests."""
    answered: dict[int, Response] = {}
    places = anyio.CapacityLimiter(concurrency)

    async def answer(number: int, query: str) -> None:
        async with places:
            answered[number] = await _response(query, policy, modes, derive_seed(seed, "respond", str(number)))

    token = LINES.set(lines or Lines(pinned=concurrency))
    try:
        with boundary(PolicyFault, policy.name):
            async with anyio.create_task_group() as group:
                for number, query in enumerate(queries):
                    group.start_soon(answer, number, query)
    finally:
        LINES.reset(token)
    return [answered[number] for number in range(len(queries))]


async def _response(query: str, policy: Policy, modes: Modes, seed: int) -> Response:
    instructions = instructions_of(modes)
    session = policy.start(Context(instructions=instructions, seed=seed))
    conversation = Conversation([Message("system", instructions), Message("user", query)])
    best: Response | None = None
    for _ in range(ATTEMPTS):
        turn = await _said(session, conversation)
        if turn is None:
            break
        output = written_output(turn, modes)
        response = Response(query, output, broken_rules(read_answer(output, modes), modes))
        if best is None or len(response.codes) < len(best.codes):
            best = response
        if not response.codes:
            break
        conversation.append(Message("assistant", turn.text or output))
        told = f"Your answer breaks these rules: {', '.join(response.codes)}. Answer again, in the form asked for."
        conversation.append(Message("user", told))
    return best or Response(query, "", broken_rules(read_answer("", modes), modes))


async def _said(session: Session, conversation: Conversation) -> Turn | None:
    try:
        return await session.act(conversation)
    except EndpointFault:
        return None  # this one request could not be answered; an outage or a wrong key ends all of them


def written_output(turn: Turn, modes: Modes = STANDARD) -> str:
    """A turn as one text: as the model wrote it, or put together where the endpoint took it apart."""
    if not turn.tool_calls and not (turn.reasoning and "<think>" not in turn.text):
        return turn.text
    return read_turn(turn, modes).written(modes)


def _query(value: JsonValue, where: str) -> str:
    if isinstance(value, str):
        return value
    row = {key.lower(): item for key, item in value.items()} if isinstance(value, dict) else {}
    found = row.get("query", row.get("instruction"))
    if not isinstance(found, str) or not found.strip():
        raise DataFileError(f"{where}: needs `Query`, a text")
    given = row.get("input")
    return f"{found}\n\n{given}" if isinstance(given, str) and given.strip() else found
