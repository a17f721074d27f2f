"""What an episode has been told, written down before it is used, so that nothing is asked and paid for twice.

A line of the journal is a model call (its request as a digest, and the reply as it came) or a step (what the agent was
shown). An episode that is played again takes from it what was answered already, and goes on live where that ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

from agentgym.errors import describe
from agentgym.events import EventLog
from agentgym.jsontext import dump_json, dump_line
from agentgym.messages import JsonObject, Message, ToolCall

_LOG = EventLog(__name__)


@dataclass(frozen=True, slots=True)
class KeptCall:
    """A call that was answered before."""

    reply: bytes
    latency_s: float


class Journal:
    """The journal of one episode; `write` puts lines where they survive the process."""

    # Slots, and nothing kept that is not needed: of a thousand episodes that wait, none is in the processor's cache.
    __slots__ = ("_kept", "_of", "_prefix", "_steps", "_unwritten", "_write", "counted", "divergences")

    def __init__(
        self,
        task_id: str,
        trial: int,
        write: Callable[[bytes], None],
        kept: Iterable[bytes] = (),
        *,
        of: bytes = b"",
        counted: bool = False,
    ) -> None:
        self.counted = counted
        """Whether what was kept counts as used up already."""
        self.divergences = 0
        """How many steps showed something else than before; what was shown before is what counts."""
        self._prefix = line_prefix(task_id, trial)
        self._of = of
        """What tells the episode from another of the same name."""
        self._write = write
        self._kept: _Kept | None = None
        self._steps: list[dict[str, Any]] = []
        """Those that are not in `_unwritten` yet, and never will be where the policy makes no calls."""
        self._unwritten = b""
        """Lines that go with the next call: nothing that is paid for depends on them before."""
        for line in kept:
            self.remember(line)

    def remember(self, line: bytes) -> None:
        """Take in what was written down before; ValueError where it is of another episode, if that can be told."""
        self._kept = self._kept or _Kept(self._of.decode())
        self._kept.add(line)

    def recall(self, request: str) -> KeptCall | None:
        """The reply to this very request, where there is one that was not taken yet."""
        if self._steps:  # now that they are at hand: many other episodes have their turn before the reply
            self._encode_steps()
        return None if self._kept is None else self._kept.call(request)

    def keep(self, request: str, reply: bytes, *, latency_s: float, attempts: int) -> None:
        """Write a call down; the reply must be JSON."""
        if _LINE_FEED in reply or _RETURN in reply:
            reply = dump_json(parse(reply))
        if self._steps:
            self._encode_steps()
        values = self._unwritten, self._prefix, self._of, request.encode(), latency_s, attempts, reply
        self._write(b'%b%b"kind":"call","of":"%b","request":"%b","latency_s":%.6f,"attempts":%d,"reply":%b}\n' % values)
        self._unwritten = b""

    def step(
        self, turn: int, step: int, *, action: JsonObject, observation: JsonObject, messages: list[Message]
    ) -> tuple[JsonObject, list[Message]]:
        """What the agent is shown of a step: what it was shown of the same action before, or this, written down."""
        entry = {
            "kind": "step",
            "turn": turn,
            "step": step,
            "action": action,
            "observation": observation,
            "messages": messages,
        }
        before = None if self._kept is None else self._kept.step(turn, step)
        if before is None or (now := _read(dump_line(entry)))["action"] != before["action"]:
            self._steps.append(entry)
            return observation, messages
        if now["observation"] == before["observation"]:
            return observation, messages
        self.divergences += 1
        return before["observation"], [_message(**message) for message in before["messages"]]

    def _encode_steps(self) -> None:
        for step in self._steps:
            self._unwritten += self._prefix + dump_line(step)[1:]
        self._steps.clear()


class _Kept:
    """What was written down of an episode before."""

    def __init__(self, of: str) -> None:
        self._of = of
        self._calls: dict[str, deque[KeptCall]] = {}
        self._steps: dict[tuple[Any, Any], dict[str, Any]] = {}

    def add(self, line: bytes) -> None:
        """Take in what a line says; of a damaged one, what it tells of is done again."""
        try:
            entry = _read(line)
            if entry["kind"] == "step":
                self._steps[entry["turn"], entry["step"]] = entry
                return
            request, kept = entry["request"], KeptCall(dump_json(entry["reply"]), entry["latency_s"])
        except (ValueError, KeyError, TypeError) as error:
            _LOG.warning("a damaged line of the journal is passed over", problem=describe(error))
            return
        if self._of and entry.get("of", self._of) != self._of:
            raise ValueError("the journal is of another episode")
        self._calls.setdefault(request, deque()).append(kept)

    def call(self, request: str) -> KeptCall | None:
        """The next that answers a request, for the last time."""
        calls = self._calls.get(request)
        return calls.popleft() if calls else None

    def step(self, turn: int, step: int) -> dict[str, Any] | None:
        """What was shown in this place, for the last time."""
        return self._steps.pop((turn, step), None)


_LINE_FEED, _RETURN = b"\n\r"


def parse(line: bytes) -> object:
    """The value of JSON that we wrote, or that has been read before."""
    import orjson  # not above: it costs at start, also those who play outside a run

    value: object = orjson.loads(line)
    return value


def line_prefix(task_id: str, trial: int) -> bytes:
    """How every line of an episode begins."""
    return b'{"task":%b,"trial":%d,' % (dump_json(task_id), trial)


def prefix_of(line: bytes) -> bytes:
    """The beginning of a line that tells which episode it belongs to."""
    return line.partition(b'"kind":')[0]


def _read(line: bytes) -> dict[str, Any]:
    """What a process finds in a line: JSON does not keep everything as it is."""
    return cast(dict[str, Any], parse(line))


def _message(*, tool_calls: list[dict[str, Any]], **kept: Any) -> Message:
    return Message(**kept, tool_calls=tuple(ToolCall(**call) for call in tool_calls))
