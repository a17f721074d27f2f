"""What one whole turn costs (act, parse, validate, step, show, record), in CPU, as ratios.

The floors: one aiohttp + orjson call to a server in another process, one at a time; and a bare loop that awaits
the same coroutine and builds the same dicts. Run it with `python -m benchmarks.speed.stepping`.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from functools import partial
from multiprocessing.connection import Connection
from statistics import median

import aiohttp
import orjson
from aiohttp import web

from agentgym import Limits, ScriptedPolicy, Task, ToolCall, rollout
from benchmarks.speed.measure import interleaved, ratio
from benchmarks.speed.noop import Noop

TURNS = 500
REQUEST = {
    "model": "m",
    "messages": [{"role": "system", "content": "Do nothing."}, {"role": "user", "content": "go"}],
    "tools": [{"type": "function", "function": {"name": "noop", "parameters": {"type": "object"}}}],
}
CALL = {"id": "c", "type": "function", "function": {"name": "noop", "arguments": '{"n":3}'}}
REPLY = orjson.dumps(
    {
        "choices": [{"index": 0, "message": {"role": "assistant", "tool_calls": [CALL]}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 10},
    }
)


async def whole_turns() -> None:
    """One episode of many turns, recorded."""
    policy = ScriptedPolicy([ToolCall("noop", {"n": 3})] * TURNS)
    episode = await rollout(Noop(), policy, Task(id="t"), seed=1, limits=Limits(turns=TURNS))
    assert len(episode.turns) == TURNS


async def bare_turns() -> None:
    """The same coroutine and the same dicts, with nothing checked."""
    kept = []
    for number in range(TURNS):
        observation = await _answer(number)
        kept.append(
            {
                "turn": {"text": "", "tool_calls": [{"name": "noop", "arguments": {"n": 3}, "id": f"call_{number}"}]},
                "steps": [{"action": {"tool": "noop", "arguments": {"n": 3}}, "observation": observation}],
                "replies": [{"role": "tool", "content": observation["text"], "tool_call_id": f"call_{number}"}],
            }
        )


async def _answer(number: int) -> dict[str, str]:
    return {"text": "ok"}


async def http_calls(url: str) -> None:
    """As many model calls, one after the other."""
    async with aiohttp.ClientSession() as session:
        for _ in range(TURNS):
            async with session.post(url, data=orjson.dumps(REQUEST)) as reply:
                orjson.loads(await reply.read())


def cpu_per_turn(work: Callable[[], Awaitable[None]]) -> float:
    """CPU seconds of this process for each turn of the work."""

    async def timed() -> float:
        started = time.process_time()
        await work()
        return time.process_time() - started

    return asyncio.run(timed()) / TURNS


def serve(ready: Connection) -> None:
    """Answer every post with the same reply, on a free port."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=REPLY, content_type="application/json")

    async def run() -> None:
        app = web.Application()
        app.router.add_post("/", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        ready.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(run())


def main(rounds: int = 15) -> None:
    """Print the cost of a turn beside both floors."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    try:
        url = f"http://127.0.0.1:{ours.recv()}/"
        works: dict[str, Callable[[], Awaitable[None]]] = {
            "a whole turn": whole_turns,
            "a bare loop": bare_turns,
            "an HTTP call": partial(http_calls, url),
        }
        taken = interleaved({name: partial(cpu_per_turn, work) for name, work in works.items()}, rounds=rounds)
    finally:
        server.terminate()
    for name, values in taken.items():
        print(f"{median(values) * 1e6:7.1f} us CPU   {name}")
    print(f"{ratio(taken, 'a whole turn', 'an HTTP call'):7.3f} x (at most 0.25)   a whole turn against an HTTP call")
    print(f"{ratio(taken, 'a whole turn', 'a bare loop'):7.1f} x                  a whole turn against a bare loop")


if __name__ == "__main__":
    main()
