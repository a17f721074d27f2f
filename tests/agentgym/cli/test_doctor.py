"""The doctor: a finding for each thing looked at, a remedy for each that is not well, and never a key."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import agentgym.cli.doctor
from agentgym.cli import COMMANDS
from agentgym.doctor import CHECKS, Finding, finished
from agentgym.messages import JsonObject, ToolCall, Turn, Usage
from agentgym.testing import ChatRequest, FakeEndpoint, FakeReply
from agentgym.testing.chat import Answer
from agentgym.testing.misbehaviour import Trouble
from tests.agentgym.cli.conftest import Cli, Install

KEY = "not-a-real-key-4711"
STREAM = (
    b'data: {"choices":[{"index":0,"delta":{"content":"1 2"}}]}\n\n'
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)
CALL = ToolCall("report", {"word": "ready"}, id="c1")
Doctor = Callable[..., "dict[str, JsonObject]"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own, without any endpoint configured."""
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AGENTGYM_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(COMMANDS, "doctor", "look whether all is in place")


@pytest.fixture
def doctor(cli: Cli) -> Doctor:
    """Ask the doctor; gives the findings by what was looked at, and checks that the exit code fits them."""

    def ask(*words: str) -> dict[str, JsonObject]:
        ran = cli("doctor", "--json", *words)
        told = json.loads(ran.out)
        well = not any(finding["state"] == "problem" for finding in told["findings"])
        assert (ran.code, told["ok"]) == (0, True) if well else (1, False)
        return {finding["check"]: finding for finding in told["findings"]}

    return ask


def able(request: ChatRequest) -> Answer:
    """A server that can do everything."""
    if request.body.get("stream"):
        return FakeReply(body=STREAM, headers={"Content-Type": "text/event-stream"})
    if request.tools:
        return Turn(tool_calls=(CALL,))
    return Turn("ok", usage=Usage(8, 1, calls=1))


def test_a_line_for_each_finding_with_its_remedy(cli: Cli) -> None:
    ran = cli("doctor")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert all(line.split()[0] in ("ok", "warning", "problem") for line in lines)
    assert lines[0].startswith("ok       python          3.")
    assert any(line.startswith("ok       environments ") and "guess" in line for line in lines)
    assert any(line.split()[1] == "sandbox" and "rlimits" in line for line in lines)
    assert any(line.startswith("ok       disk            runs go to") for line in lines)
    assert "set it, or name a server of your own with OPENAI_BASE_URL" in lines[-1]


def test_help_says_what_is_paid_for(cli: Cli) -> None:
    assert "provider charges" in " ".join(cli("doctor", "--help").out.split())


def test_extras_are_named_with_their_command(doctor: Doctor) -> None:
    extras = {name: finding for name, finding in doctor().items() if name.startswith("extra ")}
    assert {"extra litellm", "extra otel", "extra viz"} <= set(extras)
    for name, finding in extras.items():
        if finding["message"] == "not installed; needed only by what names it":
            assert finding["state"] == "ok"
            assert finding["remedy"] == f"pip install 'agentgym-async[{name.partition(' ')[2]}]'"


@pytest.mark.parametrize(
    ("group", "source", "state", "told", "remedy"),
    [
        ("environments", "import nothing_like_it", "problem", "No module named 'nothing_like_it'", "uninstall"),
        ("environments", "Env = 3", "problem", "is not an environment class", "uninstall"),
        ("environments", "def broken(:", "problem", "SyntaxError", "uninstall"),
        ("environments", "raise SystemExit(0)", "problem", "cannot be imported: SystemExit: 0", "uninstall"),
        ("environments", "import nothing, litellm_\nimport litellm", "problem", "nothing", "uninstall"),
        ("suites", "Env = 3", "problem", "is not a Suite", "uninstall"),
        ("rewards", "Other = 3", "problem", "AttributeError", "uninstall"),
        (
            "environments",
            "raise ModuleNotFoundError(name='trl')",
            "warning",
            "'trl', which is not installed",
            "pip install",
        ),
    ],
)
def test_a_broken_entry_point_is_found_and_the_others_are_well(
    doctor: Doctor, install: Install, group: str, source: str, state: str, told: str, remedy: str
) -> None:
    module = f"broken_{abs(hash((group, source)))}"
    install(group, "broken", f"{module}:Env", source)
    found = doctor()
    assert found[group]["state"] == state
    assert told in str(found[group]["message"])
    assert remedy in str(found[group]["remedy"])


def test_what_a_module_prints_is_no_result(doctor: Doctor, install: Install, hilo: Path) -> None:
    install("environments", "loud", "loud_for_doctor:HiLo", f"print('hello')\n{hilo.read_text()}")
    assert "loud" in str(doctor()["environments"]["message"]).split(", ")


def test_a_shadowed_package_is_a_problem(doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    (tmp_path / "trainers").mkdir()
    (tmp_path / "trainers" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "trainers"]:
        monkeypatch.delitem(sys.modules, name)
    found = doctor()["shadowed"]
    assert found["state"] == "problem"
    assert str(tmp_path / "trainers") in str(found["message"])
    assert "PYTHONPATH" in str(found["remedy"])


def test_a_disk_that_cannot_be_written_is_a_problem(doctor: Doctor) -> None:
    Path("runs").write_text("a file where the folder goes")
    found = doctor()["disk"]
    assert (found["state"], "--out" in str(found["remedy"])) == ("problem", True)


def test_work_that_does_not_end_is_left_behind() -> None:
    from threading import Event

    never = Event()
    assert finished(never.wait, 0.05) is None
    never.set()
    done = finished(lambda: 3, 5)
    assert done is not None
    assert done.value == 3


def test_a_model_that_can_do_everything(doctor: Doctor) -> None:
    with FakeEndpoint(able, model="mine") as endpoint:
        found = doctor("--model", "mine", "--base-url", endpoint.base_url)
        told = {name: found[name]["message"] for name in ("answers", "model", "completion", "tools", "streaming")}
        assert told == {
            "answers": "JSON; lists 1 models",
            "model": "mine is listed",
            "completion": "works, and took 9 tokens",
            "tools": "called natively",
            "streaming": "works",
        }
        assert endpoint.requests[0].body["max_tokens"] == 1
        assert endpoint.count == 3


def test_without_a_model_nothing_is_paid_for(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeEndpoint(able) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        found = doctor()
        assert endpoint.count == 0
    assert found["endpoint"]["message"] == f"{endpoint.base_url} answers"
    assert "completion" not in found


def test_the_key_is_never_shown(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    refusal = FakeReply(status=401, body={"error": {"message": f"wrong key {KEY}"}})
    with FakeEndpoint(refusal, model="mine") as endpoint:
        ran = cli("doctor", "--model", "mine", "--base-url", endpoint.base_url)
    assert ran.code == 1
    assert "OPENAI_API_KEY is set" in ran.out
    assert "wrong key [key]" in ran.out
    assert not any(KEY[start : start + 5] in ran.out + ran.err for start in range(len(KEY) - 5))


@pytest.mark.parametrize("key", ["", "ke\u00fd-4711"])
def test_a_key_that_cannot_be_right_is_a_problem(doctor: Doctor, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    found = doctor("--model", "gpt-4.1")
    problems = [finding for finding in found.values() if finding["state"] == "problem"]
    assert len(problems) == 1
    assert "OPENAI_API_KEY" in str(problems)
    assert "4711" not in str(found)


def test_a_port_where_nobody_listens_is_a_problem(doctor: Doctor) -> None:
    found = doctor("--model", "mine", "--base-url", "http://127.0.0.1:9/v1")
    assert found["endpoint"]["state"] == "problem"
    assert "start the server" in str(found["endpoint"]["remedy"])
    assert "model" not in found


def test_a_page_for_people_is_no_api(doctor: Doctor) -> None:
    with FakeEndpoint(able) as endpoint:
        found = doctor("--model", "mine", "--base-url", endpoint.base_url.removesuffix("/v1"))
    assert "problem" in (found.get("answers", {}).get("state"), found.get("completion", {}).get("state"))


def test_an_unlisted_model_is_a_problem(doctor: Doctor) -> None:
    with FakeEndpoint(able, model="mine") as endpoint:
        found = doctor("--model", "mini", "--base-url", endpoint.base_url)
    assert found["model"]["state"] == "problem"
    assert "did you mean 'mine'?" in str(found["model"]["message"])


def test_a_model_that_thinks_needs_more_than_one_token(doctor: Doctor) -> None:
    def thinking(request: ChatRequest) -> Answer:
        if request.body["max_tokens"] == 1:
            return FakeReply(status=400, body={"error": {"message": "max_tokens was reached"}})
        return able(request)

    with FakeEndpoint(thinking, model="mine") as endpoint:
        assert doctor("--model", "mine", "--base-url", endpoint.base_url)["completion"]["state"] == "ok"


@pytest.mark.parametrize(
    ("tools", "state", "told"),
    [
        ('<tool_call>{"name": "report", "arguments": {"word": "ready"}}</tool_call>', "warning", "in the text"),
        ("I would rather not.", "warning", "not called"),
        (FakeReply(status=400, body={"error": {"message": "tool use is off"}}), "warning", "knows no tools"),
        (FakeReply(status=403, body="no"), "problem", "status 403"),
    ],
)
def test_how_tools_are_called(doctor: Doctor, tools: Answer, state: str, told: str) -> None:
    with FakeEndpoint(lambda request: tools if request.tools else able(request), model="mine") as endpoint:
        found = doctor("--policy", "openai:mine", "--base-url", endpoint.base_url)
    assert found["tools"]["state"] == state
    assert told in str(found["tools"]["message"])
    assert found["tools"]["remedy"]


def test_a_stream_that_is_none_is_a_warning(doctor: Doctor) -> None:
    whole: JsonObject = {"choices": [{"message": {"role": "assistant", "content": "1 2"}, "finish_reason": "stop"}]}
    answers: list[tuple[Answer, str]] = [(FakeReply(body=whole), "in one piece"), (Trouble.DISCONNECT, "")]
    for answer, told in answers:

        def stubborn(request: ChatRequest, answer: Answer = answer) -> Answer:
            return answer if request.body.get("stream") else able(request)

        with FakeEndpoint(stubborn, model="mine") as endpoint:
            found = doctor("--model", "mine", "--base-url", endpoint.base_url)
        assert found["streaming"]["state"] == "warning"
        assert told in str(found["streaming"]["message"])
        assert found["streaming"]["remedy"] == "leave out --stream"


def test_a_server_that_fails_once_gets_another_chance(doctor: Doctor) -> None:
    failed: list[ChatRequest] = []

    def shaky(request: ChatRequest) -> Answer:
        if not failed:
            failed.append(request)
            return FakeReply(status=503)
        return able(request)

    with FakeEndpoint(shaky, model="mine") as endpoint:
        assert doctor("--model", "mine", "--base-url", endpoint.base_url)["completion"]["state"] == "ok"


def test_a_server_that_hangs_is_given_up(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agentgym.cli.doctor, "CHECKS", ())  # they take their time, too
    monkeypatch.setattr(agentgym.cli.doctor, "WHOLE_S", 2.0)
    with FakeEndpoint(Trouble.HANG, model="mine") as endpoint:
        found = doctor("--model", "mine", "--base-url", endpoint.base_url)
    assert found["completion"]["state"] == "problem"
    assert "no answer within" in str(found["completion"]["message"])


@pytest.mark.parametrize("words", [("--policy", "idle"), ("--policy", "openai:"), ("--model", "")])
def test_what_names_no_model_is_wrong_use(cli: Cli, words: tuple[str, ...]) -> None:
    ran = cli("doctor", *words)
    assert ran.code == 2
    assert "MODEL" in ran.err


def test_a_wrong_address_is_a_problem(doctor: Doctor) -> None:
    found = doctor("--model", "mine", "--base-url", "localhost:8000")
    assert "is no base URL" in str(found["endpoint"]["message"])


def test_more_checks_can_be_added(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    more = (*CHECKS, lambda: iter([Finding("mine", "warning", "seen", "mend it")]))
    monkeypatch.setattr(agentgym.cli.doctor, "CHECKS", more)
    assert doctor()["mine"] == {"check": "mine", "state": "warning", "message": "seen", "remedy": "mend it"}
