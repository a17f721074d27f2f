"""A run directory, open for writing: one process at a time, and after every kind of end it goes on."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest

from agentgym import Episode, OpenAIPolicy, RandomPolicy, ScriptedPolicy, ToolCall, Turn, appendfile
from agentgym.crew import Budget
from agentgym.errors import StoreError, UsageError
from agentgym.runner import run
from agentgym.runs import CALLS, EPISODES, INFO, LOCK, RunInfo, read_episodes, read_info
from agentgym.store import RunStore
from agentgym.suite import load_suite
from agentgym.testing import ChatRequest, FakeEndpoint

pytestmark = pytest.mark.anyio

SUITE = load_suite("guess")


async def played(folder: Path) -> RunInfo:
    await run(SUITE, RandomPolicy(), folder)
    return read_info(folder)


async def test_only_one_process_writes_a_run(tmp_path: Path) -> None:
    info = await played(tmp_path)
    source = f"""
import sys, anyio
from agentgym.runs import read_info
from agentgym.store import RunStore
async def hold():
    async with RunStore({str(tmp_path)!r}, read_info({str(tmp_path)!r})):
        print("held", flush=True)
        sys.stdin.read()
anyio.run(hold)
"""
    with subprocess.Popen(  # noqa: ASYNC220 - it only holds the run
        [sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(UsageError, match=f"is being written by process {holder.pid}"):
            async with RunStore(tmp_path, info):
                pass
        holder.kill()
    async with RunStore(tmp_path, info) as store:
        assert store.resumed == 10


async def test_a_torn_record_is_played_again_and_the_file_is_whole_then(tmp_path: Path) -> None:
    info = await played(tmp_path)
    path = tmp_path / EPISODES
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    async with RunStore(tmp_path, info) as store:
        assert store.resumed == 9
    assert path.read_bytes() == b"".join(whole.splitlines(keepends=True)[:-1])
    again: list[Episode] = []
    result = await run(SUITE, RandomPolicy(), tmp_path, on_episode=again.append)
    assert (len(again), result.summary["episodes"]) == (1, 10)


async def test_what_a_power_loss_blanked_is_played_again(tmp_path: Path) -> None:
    before = (await run(SUITE, RandomPolicy(), tmp_path)).summary
    records, calls = ((tmp_path / name).read_bytes().splitlines(keepends=True) for name in (EPISODES, CALLS))
    records[3] = records[3][:100] + b"\0" * 40 + b"\n"
    (tmp_path / EPISODES).write_bytes(b"".join(records))
    (tmp_path / CALLS).write_bytes(b"".join(line[:60] + b"\0" * 40 + b"\n" for line in calls))
    again: list[Episode] = []
    after = (await run(SUITE, RandomPolicy(), tmp_path, on_episode=again.append)).summary
    assert len(again) == 1
    assert {**after, "timings": None} == {**before, "timings": None}


async def test_what_was_not_evaluable_is_played_again_and_counts_once(tmp_path: Path) -> None:
    first = await run(SUITE, RandomPolicy(), tmp_path, budget=Budget(seconds=1e-9))
    assert first.summary["evaluable"] != first.summary["episodes"] == 10
    second = await run(SUITE, RandomPolicy(), tmp_path)
    assert (second.summary["episodes"], second.summary["evaluable"]) == (10, 10)
    assert len(list(read_episodes(tmp_path))) == 10


async def test_another_run_or_anything_else_is_not_written_over(tmp_path: Path) -> None:
    await played(tmp_path / "run")
    with pytest.raises(UsageError, match="holds another run: its policy is"):
        await run(SUITE, ScriptedPolicy([ToolCall("guess", {"n": 1})]), tmp_path / "run")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("all my work")
    with pytest.raises(UsageError, match="is not empty and holds no run"):
        await played(tmp_path / "other")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write"):
        await played(tmp_path / "file")


async def test_a_run_that_was_killed_while_it_was_made_begins_anew(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text("4711\n")
    (tmp_path / f".{INFO}.4711").write_text('{"schema_ver')
    await played(tmp_path)
    assert len(list(read_episodes(tmp_path))) == 10


FULL = """
import anyio, resource, signal, sys
from agentgym import RandomPolicy
from agentgym.errors import StoreError
from agentgym.runner import run
from agentgym.suite import load_suite
from agentgym.testing import ChatRequest, FakeEndpoint
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
async def play():
    await run(load_suite("guess"), RandomPolicy(), sys.argv[1], seed=0, trials=1, concurrency=1)
try:
    anyio.run(play)
except StoreError as error:
    print(error)
"""


async def test_on_a_full_disk_what_was_written_stands_and_the_run_goes_on_later(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: ASYNC221 - nothing else is to be done
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert f"cannot write {tmp_path / EPISODES}: File too large" in done.stdout
    kept = len(list(read_episodes(tmp_path)))
    assert 0 < kept < 10
    again: list[Episode] = []
    result = await run(SUITE, RandomPolicy(), tmp_path, on_episode=again.append)
    assert (result.summary["episodes"], len(again)) == (10, 10 - kept)


async def test_a_disk_that_fails_under_the_journal_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = Event()

    def fail(file: int) -> None:
        if os.fstat(file).st_ino == os.stat(tmp_path / CALLS).st_ino:
            failed.set()
            raise OSError(errno.EIO, "Input/output error")

    def answer(request: ChatRequest) -> Turn:
        return Turn(tool_calls=(ToolCall("guess", {"n": 0}),))

    monkeypatch.setattr(appendfile, "_to_disk", fail)
    monkeypatch.setattr(appendfile, "SYNC_S", 0.001)
    async with FakeEndpoint(answer, latency=0.02) as endpoint:
        policy = OpenAIPolicy("m", base_url=endpoint.base_url)
        with pytest.raises(StoreError, match=r"calls.jsonl: Input/output error; mend that, then go on with"):
            await run(SUITE, policy, tmp_path, trials=50, concurrency=2, preflight=False)
        await policy.aclose()
        assert len(endpoint.requests) < 50, "who cannot write asks for nothing more"
    assert failed.is_set()
    assert all(episode.outcome != "not_evaluable" for episode in read_episodes(tmp_path)), "nobody is to blame"
