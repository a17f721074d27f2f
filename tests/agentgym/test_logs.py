"""Logging: silent unless asked, one line an event, in text or JSON, and never a secret in it."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentgym import Observation, OpenAIPolicy, ScriptedPolicy, Task, ToolCall, ToolEnv, Turn, tool
from agentgym.errors import UsageError
from agentgym.events import Event, EventLog
from agentgym.jobs import Job
from agentgym.lines import Retries
from agentgym.logs import SecretsFilter, StderrHandler, TextFormatter, configure_logging, scrub
from agentgym.runner import run
from agentgym.testing import FakeEndpoint, FakeReply
from agentgym.testing.misbehaviour import Trouble

KEY = "not-a-real-key-4711"


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The variables unset, and afterwards all loggers as they were."""
    for name in ("LOG_LEVEL", "LOG_FORMAT"):
        monkeypatch.delenv(name, raising=False)
    loggers = [logging.getLogger(name) for name in ("", "agentgym", "environments", "trainers", "benchmarks")]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    for handler in [found for found in loggers[0].handlers if isinstance(found, StderrHandler)]:
        loggers[0].removeHandler(handler)


class Echo(ToolEnv[Task, Observation], id="echo-for-logs", max_turns=1):
    "Say it."

    async def begin(self, task: Task) -> Observation:
        return Observation(text="say something")

    @tool
    async def say(self, what: str) -> str:
        "Say it."
        self.finish(reward=1.0)
        return what


SAYING = Turn(tool_calls=(ToolCall("say", {"what": "hi"}, id="c1"),))


def echo_jobs(count: int = 1) -> list[Job]:
    return [Job(make=Echo, task=Task(id=f"t{number}"), seed=number) for number in range(count)]


def test_a_program_that_listens_to_nothing_hears_nothing_and_pays_no_import(tmp_path: Path) -> None:
    script = f"""
import sys
from agentgym.appendfile import AppendFile
from agentgym.events import EventLog
path = __import__("pathlib").Path({str(tmp_path / "torn.jsonl")!r})
path.write_bytes(b"torn")
AppendFile(path).close()
assert "logging" not in sys.modules
import logging
EventLog("agentgym.test").error("nobody asked", n=1)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("", "")


def test_an_event_is_one_line_of_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info")
    EventLog("agentgym.test").info("all is well", n=3, share=0.25, where="a b", what="x=1", no=None, odd='"\n\x1b[31m')
    EventLog("agentgym.test").debug("not asked for")
    (line,) = capsys.readouterr().err.splitlines()
    time, told = line.split(" ", 1)
    assert time.endswith("Z")
    assert told == (r'info agentgym.test all is well n=3 share=0.25 where="a b" what="x=1" no=None odd="\"\n\x1b[31m"')


def test_an_event_is_one_line_of_json(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_FORMAT", "json")
    configure_logging("debug")
    EventLog("agentgym.test").debug("all is well", n=3, level="mine", what="a\nb")
    try:
        raise ValueError("wrong")
    except ValueError:
        logging.getLogger("somebody.else").exception("it broke at %s", "once")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert {name: first[name] for name in ("level", "logger", "message", "n", "what")} == {
        "level": "debug",
        "logger": "agentgym.test",
        "message": "all is well",
        "n": 3,
        "what": "a\nb",
    }
    assert second["message"] == "it broke at once"
    assert second["traceback"].endswith("ValueError: wrong")


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_is_written(form: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_FORMAT", form)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("SOMEBODYS_API_KEY", 'quoted"key-\\4712')
    configure_logging("debug")
    EventLog("agentgym.test").warning(f"in the text {KEY}", field=f"and {KEY}", odd='quoted"key-\\4712')
    other = logging.getLogger("somebody.else")
    other.warning("headers %s", {"Authorization": "Bearer abcdefgh12345678", "key": KEY})
    other.warning("sk-abcdefghijklmnop1234 and http://host/v1?user=me&api_key=hush-hush&x=1")
    try:
        raise ValueError(f"refused {KEY}")
    except ValueError:
        other.exception("broke", stack_info=True)
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 4
    assert told.count("[hidden]") >= 6
    assert "?user=me&api_key=[hidden]&x=1" in told
    for secret in (KEY, "4712", "hush", "abcdefgh12345678", "abcdefghijklmnop"):
        assert secret not in told


def test_scrubbing_leaves_the_rest_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "EMPTY")  # what servers that need none are given
    text = "an EMPTY list, a bearer of news, tokens=12, key-value, task sk-1"
    assert scrub(text) == text


def test_the_filter_suits_a_handler_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    record = logging.LogRecord("agentgym.x", logging.INFO, "", 0, Event("told", {"field": KEY}), None, None)
    assert SecretsFilter().filter(record)
    assert record.getMessage() == "told field=[hidden]"


def test_the_flag_comes_before_the_variable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = EventLog("agentgym.test")
    for flag, variable, heard in [
        (None, "", "we"),
        (None, "INFO", "iwe"),
        (None, "warn", "we"),
        (None, "10", "diwe"),
        ("error", "debug", "e"),
        ("Debug", "error", "diwe"),
    ]:
        monkeypatch.setenv("LOG_LEVEL", variable)
        configure_logging(flag)
        for tell in (log.debug, log.info, log.warning, log.error):
            tell("told")
        assert "".join(line.split()[1][0] for line in capsys.readouterr().err.splitlines()) == heard


def test_what_others_log_is_heard_from_warnings_on(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("debug")
    logging.getLogger("somebody.else").info("chatter")
    logging.getLogger("somebody.else").warning("in earnest")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("warning somebody.else in earnest")


def test_a_record_whose_arguments_do_not_fit_is_written_nevertheless() -> None:
    record = logging.LogRecord("somebody.else", logging.INFO, "", 0, "%d of %d", ("few",), None)
    assert TextFormatter().format(record).endswith("info somebody.else %d of %d ('few',)")


def test_wrong_settings_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="--log-level: 'loud' is none of: debug, info, warning, error, critical"):
        configure_logging("loud")
    with pytest.raises(UsageError, match="--log-level: '' is none of"):
        configure_logging("")
    monkeypatch.setenv("LOG_LEVEL", "loud")
    with pytest.raises(UsageError, match="LOG_LEVEL: 'loud' is none of"):
        configure_logging()
    configure_logging("info")  # the variable does not matter then
    monkeypatch.setenv("LOG_FORMAT", "xml")
    with pytest.raises(UsageError, match="LOG_FORMAT: 'xml' is none of: text, json"):
        configure_logging("info")


@pytest.mark.anyio
async def test_a_run_tells_how_it_goes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="agentgym")
    answers: list[FakeReply | Turn] = [FakeReply(status=503, headers={"retry-after": "0.01"}), SAYING, SAYING]
    with FakeEndpoint(answers) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url)
        retries = Retries(first_wait_s=0.01)
        await run(echo_jobs(2), policy, tmp_path / "run", concurrency=1, retries=retries, preflight=False)
        with (tmp_path / "run" / "episodes.jsonl").open("ab") as file:
            file.write(b'{"torn":')
        await run(echo_jobs(2), policy, tmp_path / "run", preflight=False)
        await policy.aclose()
    told = [f"{record.name} {record.levelname} {record.getMessage()}" for record in caplog.records]
    told = [line for line in told if line.startswith("agentgym.")]
    assert told[0] == "agentgym.crew INFO a run begins policy=openai:fake"
    assert told[1].startswith(f"agentgym.lines INFO a call is made again endpoint={endpoint.base_url} kind=overloaded")
    assert told[2].startswith("agentgym.crew DEBUG an episode ends environment=echo-for-logs task=t0 trial=0")
    assert told[4] == "agentgym.crew INFO the run ends policy=openai:fake begun=2"
    assert (
        told[5]
        == f"agentgym.appendfile WARNING a torn last line is taken off file={tmp_path}/run/episodes.jsonl bytes=8"
    )
    assert told[6].startswith("agentgym.store INFO a run goes on")
    assert "finished=2 unfinished=0" in told[6]


@pytest.mark.anyio
async def test_an_outage_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="agentgym")
    with FakeEndpoint(Trouble.DISCONNECT) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url)
        retries = Retries(first_wait_s=0.001, longest_wait_s=0.001, patience_s=0.01, failures=3)
        result = await run(echo_jobs(4), policy, retries=retries, preflight=False)
        await policy.aclose()
    assert result.stopped is not None
    (error,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert error.name == "agentgym.lines"
    assert "the calls are stopped kind=Outage" in error.getMessage()
    again = [record.getMessage() for record in caplog.records if "made again" in record.getMessage()]
    assert again


@pytest.mark.anyio
async def test_a_limit_that_changes_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="agentgym.limiter")
    with FakeEndpoint([FakeReply(status=503), SAYING, SAYING]) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url)
        await run(echo_jobs(2), policy, retries=Retries(first_wait_s=0.01), preflight=False)
        await policy.aclose()
    told = [record.getMessage() for record in caplog.records if record.name == "agentgym.limiter"]
    assert told == [f"the limit changes endpoint={endpoint.base_url} before=8 limit=4"]


@pytest.mark.anyio
async def test_a_run_without_calls_is_told_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="agentgym")
    await run(echo_jobs(1), ScriptedPolicy([SAYING]))
    assert [record.getMessage() for record in caplog.records if record.name == "agentgym.crew"] == [
        "a run begins policy=scripted",
        "the run ends policy=scripted begun=1",
    ]
