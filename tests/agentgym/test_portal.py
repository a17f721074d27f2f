"""Async code from scripts, from notebooks and from forked children."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
import threading

import anyio
import anyio.lowlevel
import pytest

from agentgym import IdlePolicy, OraclePolicy, rollout, run_sync
from agentgym.errors import UsageError
from environments.guess import Guess, Secret

SEVEN = Secret(id="seven", digit=7)


def test_a_script_needs_no_event_loop() -> None:
    assert run_sync(rollout(Guess(), OraclePolicy(), SEVEN)).solved
    assert run_sync(rollout, Guess(), IdlePolicy(), SEVEN, seed=1).seed == 1


@pytest.mark.anyio
async def test_it_works_inside_a_running_loop() -> None:
    assert run_sync(rollout(Guess(), OraclePolicy(), SEVEN)).solved


def test_errors_come_back_as_they_are() -> None:
    async def fail() -> None:
        raise ValueError("as it is")

    with pytest.raises(ValueError, match="as it is"):
        run_sync(fail())


def test_all_calls_share_one_thread() -> None:
    async def thread() -> int:
        return threading.get_ident()

    assert run_sync(thread()) == run_sync(thread()) != threading.get_ident()


def test_calling_it_from_its_own_loop_is_refused() -> None:
    async def outer() -> None:
        run_sync(anyio.lowlevel.checkpoint())

    with pytest.raises(UsageError, match="await"):
        run_sync(outer())


def _play_in_child(results: multiprocessing.SimpleQueue[bool]) -> None:
    results.put(run_sync(rollout(Guess(), OraclePolicy(), SEVEN)).solved)


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_child_starts_its_own_loop() -> None:
    run_sync(anyio.lowlevel.checkpoint())
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    child = context.Process(target=_play_in_child, args=(results,))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    assert results.get()


INTERRUPTED = """
import anyio, sys
from agentgym import run_sync
async def work():
    try:
        print("working", flush=True)
        await anyio.sleep_forever()
    finally:
        print("let go", flush=True)
try:
    run_sync(work())
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_ctrl_c_lets_the_work_clean_up_first() -> None:
    with subprocess.Popen([sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "working\n"
        child.send_signal(signal.SIGINT)
        assert child.stdout.read() == "let go\ninterrupted\n"
    assert child.returncode == 0
