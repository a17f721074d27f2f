"""Many episodes at once against an endpoint: time, CPU and memory, as ratios to loops that keep nothing.

Each measurement is taken in a fresh process, against a server in another, and in turn with those it is compared with.
Run it with `python -m benchmarks.speed.rollout`; `--quick` takes one round of less.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import orjson

from agentgym import Conversation, Job, Limits, Message, OpenAIPolicy, Task, ToolCall, Turn, run
from agentgym.policy import Context
from benchmarks.speed.noop import Noop
from benchmarks.speed.peers import TURNS, aiohttp_orjson, openai_sdk, raw_sockets
from benchmarks.speed.server import Server, serving

LATENCY_S = 0.2
WALL = {64: 1.06, 256: 1.20, 1000: 1.45}
"""The most that a whole run may take, in times of a loop over raw sockets."""
_SHORT, _ALIKE = 3, 6
"""So many times the rounds where the machine's whims are larger than what is measured: short works, or works alike."""
_HISTORY = {"short": 6, "long": 200}
_HISTORY_CALLS = 400


async def recorded(base_url: str, episodes: int) -> None:
    """Whole episodes, with every record and reply on the disk."""
    await _play(base_url, episodes, tempfile.mkdtemp())


async def unrecorded(base_url: str, episodes: int) -> None:
    """Whole episodes, summed up and forgotten."""
    await _play(base_url, episodes, None)


async def _play(base_url: str, episodes: int, folder: str | None) -> None:
    limits = Limits(turns=TURNS)
    jobs = [Job(make=Noop, task=Task(id=f"t{number}"), seed=number, limits=limits) for number in range(episodes)]
    policy = OpenAIPolicy("m", base_url=base_url)
    result = await run(jobs, policy, folder, concurrency=episodes, preflight=False)
    assert result.summary["episodes"] == episodes
    await policy.aclose()


async def history(base_url: str, calls: int, *, messages: int) -> None:
    """Calls of one session, one after the other, in a conversation of so many messages."""
    policy = OpenAIPolicy("m", base_url=base_url)
    session = policy.start(Context())
    conversation = Conversation([Message("user", "go")])
    while len(conversation) < messages:
        turn = Turn("thinking it over", (ToolCall("noop", {"n": 3}, "c"),))
        conversation.append(turn.message())
        conversation.append(Message("tool", "ok", tool_call_id="c"))
    for _ in range(calls):
        await session.act(conversation)
    await policy.aclose()


Work = Callable[[str, int], Awaitable[None]]
WORKS: dict[str, Work] = {
    "raw sockets": raw_sockets,
    "aiohttp + orjson": aiohttp_orjson,
    "AsyncOpenAI": openai_sdk,
    "recorded": recorded,
    "unrecorded": unrecorded,
    **{f"{name} history": partial(history, messages=messages) for name, messages in _HISTORY.items()},
}


@dataclass(frozen=True)
class Taken:
    """One measurement."""

    wall_s: float
    cpu_s: float
    before_kib: int
    peak_kib: int
    in_flight: int = 0


def take(server: Server, name: str, count: int) -> Taken:
    """Measure one work in a process of its own."""
    server.most_in_flight()
    command = [sys.executable, "-m", "benchmarks.speed.rollout", "--one", name, str(count), server.base_url]
    with tempfile.TemporaryDirectory() as folder:  # to delete what was recorded is no part of the work
        given = os.environ | {"TMPDIR": folder}
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=given).stdout
    return Taken(**orjson.loads(printed), in_flight=server.most_in_flight())


def measure(name: str, count: int, base_url: str) -> dict[str, float]:
    """Do the work once with little, so that everything is imported, and then once for good."""

    async def timed() -> dict[str, float]:
        work = WORKS[name]
        await work(base_url, 4)
        gc.collect()
        before_kib = _resident_kib()
        started, cpu = time.perf_counter(), time.process_time()
        await work(base_url, count)
        wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
        peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {"wall_s": wall_s, "cpu_s": cpu_s, "before_kib": before_kib, "peak_kib": peak_kib}

    return asyncio.run(timed())


def _resident_kib() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize() // 1024


class Rounds:
    """Measurements of several works, taken in turn."""

    def __init__(self, server: Server, names: Iterable[str], count: int, rounds: int) -> None:
        self.count = count
        self.taken: dict[str, list[Taken]] = {name: [] for name in names}
        for number in range(rounds):
            for name in reversed(self.taken) if number % 2 else self.taken:  # none always comes after the same one
                self.taken[name].append(take(server, name, count))

    def ratio(self, name: str, floor: str, figure: Callable[[Taken], float]) -> float:
        """The median over the rounds of one work against another."""
        pairs = zip(self.taken[name], self.taken[floor], strict=True)
        return median(figure(ours) / figure(theirs) for ours, theirs in pairs)

    def middle(self, name: str, figure: Callable[[Taken], float]) -> float:
        """The median of a figure."""
        return median(map(figure, self.taken[name]))


def wall(taken: Taken) -> float:
    """Seconds by the clock."""
    return taken.wall_s


def cpu(taken: Taken) -> float:
    """Seconds of this process' CPU."""
    return taken.cpu_s


def main(rounds: int = 5, sizes: Iterable[int] = (64, 256, 1000), quick: bool = False) -> None:
    """Print every figure beside the most, or least, that it should be."""
    rounds = 1 if quick else rounds
    short, alike = (1, 1) if quick else (rounds * _SHORT, rounds * _ALIKE)
    with serving(LATENCY_S) as server:
        for size in sizes:
            times = short if size < 100 else rounds if size < 999 else 3
            _print_wall(Rounds(server, ("raw sockets", "recorded", "AsyncOpenAI"), size, times))
    with serving(LATENCY_S) as server:
        size = max(sizes)
        _print_cpu(Rounds(server, ("aiohttp + orjson", "recorded", "unrecorded"), size, alike), size)
    with serving(0.0) as server:
        _print_history(Rounds(server, (f"{name} history" for name in _HISTORY), _HISTORY_CALLS, rounds))
        _print_rate(Rounds(server, ("AsyncOpenAI", "recorded"), 64 if quick else 256, rounds))


def _print_wall(rounds: Rounds) -> None:
    ideal_s = LATENCY_S * TURNS
    told = ", ".join(f"{name} {rounds.middle(name, wall) / ideal_s:.2f} x" for name in rounds.taken)
    ratio, most = rounds.ratio("recorded", "raw sockets", wall), WALL.get(rounds.count, max(WALL.values()))
    seen = rounds.middle("recorded", lambda taken: taken.in_flight)
    print(f"{ratio:7.2f} x (at most {most:.2f})   {rounds.count} episodes at once, time against raw sockets")
    print(f"{'':10} of the ideal {ideal_s:g} s: {told}; the server saw {seen:.0f} calls in flight")
    against = rounds.ratio("recorded", "AsyncOpenAI", cpu)
    print(f"{against:7.3f} x (at most 0.10)   {rounds.count} episodes at once, CPU against AsyncOpenAI")


def _print_cpu(rounds: Rounds, size: int) -> None:
    for name in rounds.taken:
        print(f"{rounds.middle(name, cpu) / size / TURNS * 1e6:7.1f} us CPU   a call of {name}")
    print(f"{rounds.ratio('recorded', 'aiohttp + orjson', cpu):7.2f} x (at most 1.60)   CPU against aiohttp + orjson")
    for figure, what in ((cpu, "CPU"), (wall, "time")):
        told = f"{what} of recording against not recording"
        print(f"{rounds.ratio('recorded', 'unrecorded', figure):7.2f} x (at most 1.10)   {told}")
    each = rounds.middle("recorded", lambda taken: (taken.peak_kib - taken.before_kib) / size)
    whole = rounds.middle("recorded", lambda taken: taken.peak_kib / 1024)
    print(f"{each:7.1f} KiB (at most 40)   memory of one of {size} episodes at once")
    print(f"{whole:7.1f} MiB (at most 110)  memory in all")


def _print_history(rounds: Rounds) -> None:
    ratio = rounds.ratio("long history", "short history", cpu)
    print(f"{ratio:7.2f} x (at most 1.50)   CPU of a call at {_HISTORY['long']} messages against {_HISTORY['short']}")


def _print_rate(rounds: Rounds) -> None:
    ratio = rounds.ratio("AsyncOpenAI", "recorded", wall)
    rate = rounds.count / rounds.middle("recorded", wall)
    print(f"{ratio:7.1f} x (at least 10)    episodes a second without latency, against AsyncOpenAI ({rate:.0f}/s)")


def _parse() -> Any:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--one", nargs=3, metavar=("NAME", "COUNT", "URL"), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    arguments = _parse()
    if arguments.one:
        name, count, url = arguments.one
        sys.stdout.buffer.write(orjson.dumps(measure(name, int(count), url)))
    else:
        main(arguments.rounds, (64,) if arguments.quick else (64, 256, 1000), arguments.quick)
