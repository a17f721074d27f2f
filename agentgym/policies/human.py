"""A person at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from threading import Thread

import anyio
from anyio.from_thread import BlockingPortal

from agentgym.jsontext import dump_json, parse_json
from agentgym.messages import Conversation, Message, ToolCall, Turn
from agentgym.policy import Context, Policy, Session
from agentgym.tools import ToolSpec

_HELP = "Answer with text, or call a tool: /NAME {json} or /NAME key=value ...   (an empty line says goodbye)"


_NAP_S = 0.2


def _ask(prompt: str) -> str:
    """Read one line from the terminal; the end of input reads as an empty line."""
    if sys.stderr is not None:
        sys.stderr.write(prompt)
        sys.stderr.flush()
    return "" if sys.stdin is None else sys.stdin.readline()


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")


class HumanPolicy(Policy):
    """Shows what is new and asks for the next turn; `ask` and `tell` stand in for the terminal."""

    def __init__(self, *, ask: Callable[[str], str] = _ask, tell: Callable[[str], None] = _tell) -> None:
        self._ask = ask
        self._tell = tell

    def start(self, context: Context) -> Session:
        return _HumanSession(context.tools, self._ask, self._tell)


class _HumanSession(Session):
    def __init__(self, tools: tuple[ToolSpec, ...], ask: Callable[[str], str], tell: Callable[[str], None]) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._ask = ask
        self._tell = tell
        self._seen = 0

    async def act(self, conversation: Conversation) -> Turn:
        self._show_news(conversation)
        return read_line((await _answer(self._ask, "> ")).strip())

    def _show_news(self, conversation: Conversation) -> None:
        if self._seen == 0:
            self._tell("\n".join([_HELP, *(_usage(tool) for tool in self._tools.values())]))
        for message in conversation[self._seen :]:
            if message.role != "assistant":
                self._tell(_shown(message))
        self._seen = len(conversation) + 1


async def _answer(ask: Callable[[str], str], prompt: str) -> str:
    """Ask in a thread of its own: one that waits for a line cannot be stopped, but a daemon lets the process end."""
    answer: Future[str] = Future()
    answered = anyio.Event()
    async with BlockingPortal() as portal:

        def read() -> None:
            with _resolving(answer):
                answer.set_result(ask(prompt))
            with suppress(RuntimeError):  # nobody waits any more
                portal.start_task_soon(answered.set)

        Thread(target=read, name="agentgym-human", daemon=True).start()
        while not answered.is_set():
            # A Ctrl-C that comes just as the loop falls asleep is noticed only when it wakes up.
            with anyio.move_on_after(_NAP_S):
                await answered.wait()
    return answer.result()


@contextmanager
def _resolving(answer: Future[str]) -> Iterator[None]:
    """Whatever asking raises is raised where the answer is awaited."""
    try:
        yield
    except BaseException as error:  # a thread has nobody else to tell
        answer.set_exception(error)


def read_line(line: str) -> Turn:
    """The turn a typed line stands for."""
    if not line.startswith("/"):
        return Turn(line or "Goodbye.")
    name, _, rest = line[1:].partition(" ")
    rest = rest.strip()
    raw = rest if rest.startswith("{") else dump_json(_pairs(rest)).decode()
    return Turn(tool_calls=(ToolCall.from_text(name, raw),))


def _pairs(rest: str) -> dict[str, object]:
    pairs = (word.partition("=") for word in rest.split())
    return {key: _value(text) for key, _, text in pairs}


def _value(text: str) -> object:
    try:
        return parse_json(text)
    except ValueError:
        return text


def _usage(tool: ToolSpec) -> str:
    properties = tool.parameters.get("properties")
    names = " ".join(f"{name}=..." for name in properties) if isinstance(properties, dict) else ""
    return f"  /{tool.name} {names}   {tool.description}"


def _shown(message: Message) -> str:
    return f"[{message.role}] {message.content}"
