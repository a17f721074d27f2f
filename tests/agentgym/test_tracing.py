"""Spans: an episode holds its model calls and tool calls, by the conventions, and only where they are asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import anyio
import anyio.to_thread
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from agentgym import (
    Observation,
    OpenAIPolicy,
    ScriptedPolicy,
    Task,
    ToolCall,
    ToolEnv,
    Turn,
    Usage,
    rollout,
    run_sync,
    tool,
    tracing,
)
from agentgym.jobs import Job
from agentgym.lines import Retries
from agentgym.runner import run
from agentgym.testing import ChatRequest, FakeEndpoint, FakeReply
from agentgym.testing.misbehaviour import Trouble

pytestmark = pytest.mark.anyio
CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


class Look(ToolEnv[Task, Observation], id="look-for-spans", max_turns=4):
    "Look, then end it."

    async def begin(self, task: Task) -> Observation:
        return Observation(text="a secret place")

    @tool(readonly=True)
    async def look(self, at: int) -> str:
        "Look at it."
        await anyio.lowlevel.checkpoint()
        return f"seen {at}"

    @tool
    async def end(self) -> str:
        "End it."
        self.finish(reward=1.0)
        return "over"

    @tool
    async def burst(self) -> str:
        "Break."
        raise OSError("burst")


LOOKING = Turn(
    tool_calls=(ToolCall("look", {"at": 1}, id="c1"), ToolCall("look", {"at": 2}, id="c2")),
    finish_reason="tool_calls",
    usage=Usage(10, 5, calls=1),
)
ENDING = Turn(tool_calls=(ToolCall("end", {}, id="c3"),), finish_reason="tool_calls", usage=Usage(20, 6, calls=1))


class Kept:
    """The spans that ended."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    @property
    def all(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.all if span.name == name]


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    """Spans are kept here, for this test."""
    monkeypatch.delenv(CONTENT, raising=False)
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.trace_to(provider)
    yield Kept(exporter)
    tracing.trace_to(None)
    provider.shutdown()


def told(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def parent(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


def own(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.span_id)


async def test_an_episode_holds_its_model_calls_and_tool_calls(kept: Kept) -> None:
    with FakeEndpoint([LOOKING, ENDING]) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url, temperature=0.5, max_tokens=99)
        episode = await rollout(Look(), policy, Task(id="t1"), seed=3)
        await policy.aclose()
    assert episode.outcome == "solved"
    (whole,) = kept.named("invoke_agent openai:fake")
    assert parent(whole) is None
    assert whole.kind is SpanKind.INTERNAL
    attributes = told(whole)
    assert attributes.pop("agentgym.reward") == 1.0
    assert attributes == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "openai",
        "gen_ai.agent.name": "openai:fake",
        "gen_ai.usage.input_tokens": 30,
        "gen_ai.usage.output_tokens": 11,
        "agentgym.environment": "look-for-spans",
        "agentgym.task.id": "t1",
        "agentgym.trial": 0,
        "agentgym.seed": "3",
        "agentgym.outcome": "solved",
        "agentgym.turns": 2,
        "agentgym.tool_errors": 0,
    }
    first, second = kept.named("chat fake")
    assert {parent(span) for span in (first, second)} == {own(whole)}
    assert first.kind is SpanKind.CLIENT
    assert told(first) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "fake",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 99,
        "gen_ai.response.model": "fake",
        "gen_ai.response.finish_reasons": ("tool_calls",),
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
        "server.address": "127.0.0.1",
        "server.port": int(endpoint.base_url.split(":")[2].partition("/")[0]),
        "agentgym.attempts": 1,
    }
    tools = [span for span in kept.all if span.name.startswith("execute_tool")]
    assert {parent(span) for span in tools} == {own(whole)}
    assert sorted((span.name, told(span)["gen_ai.tool.call.id"]) for span in tools) == [
        ("execute_tool end", "c3"),
        ("execute_tool look", "c1"),
        ("execute_tool look", "c2"),
    ]
    assert told(tools[0])["gen_ai.operation.name"] == "execute_tool"


async def test_episodes_side_by_side_do_not_mix(kept: Kept) -> None:
    jobs = [Job(make=Look, task=Task(id=f"t{number}"), seed=number) for number in range(20)]
    with FakeEndpoint(lambda request: ENDING if len(request.messages) > 2 else LOOKING) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url)
        await run(jobs, policy, preflight=False)
        await policy.aclose()
    episodes = kept.named("invoke_agent openai:fake")
    assert len({span.context.trace_id for span in episodes if span.context}) == 20
    for episode in episodes:
        inside = sorted(span.name for span in kept.all if parent(span) == own(episode))
        assert inside == ["chat fake"] * 2 + ["execute_tool end"] + ["execute_tool look"] * 2


async def test_content_is_kept_only_on_demand(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    await rollout(Look(), ScriptedPolicy([LOOKING, ENDING]), Task(id="t1"))
    assert not any("seen" in str(told(span)) or "arguments" in str(told(span)) for span in kept.all)

    monkeypatch.setenv(CONTENT, "true")
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.trace_to(provider)
    with FakeEndpoint([LOOKING, ENDING]) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url)
        await rollout(Look(), policy, Task(id="t1"))
        await policy.aclose()
    spans = Kept(exporter)
    _, second = spans.named("chat fake")
    heard, said = (str(told(second)[f"gen_ai.{way}.messages"]) for way in ("input", "output"))
    assert '{"type":"text","content":"a secret place"}' in heard
    assert '{"type":"tool_call_response","id":"c1","response":"seen 1"}' in heard
    assert '"name":"end"' in said
    assert '"finish_reason":"tool_calls"' in said
    looks = {told(span)["gen_ai.tool.call.arguments"]: told(span) for span in spans.named("execute_tool look")}
    assert looks['{"at":1}']["gen_ai.tool.call.result"] == '{"text":"seen 1"}'


async def test_what_breaks_is_marked(kept: Kept) -> None:
    with FakeEndpoint(FakeReply(status=400, body={"error": {"message": "no such thing"}})) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url)
        await rollout(Look(), policy, Task(id="t1"))
        await policy.aclose()
    (call,), (episode,) = kept.named("chat fake"), kept.named("invoke_agent openai:fake")
    assert told(call)["error.type"] == "400"
    assert call.status.status_code is StatusCode.ERROR
    assert "no such thing" in (call.status.description or "")
    assert told(episode)["agentgym.outcome"] == "not_evaluable"
    assert told(episode)["error.type"] == "EndpointFault"
    assert not call.events


async def test_a_call_that_hangs_is_marked_and_ends(kept: Kept) -> None:
    heard = Event()

    def hang(request: ChatRequest) -> Trouble:
        heard.set()
        return Trouble.HANG

    with FakeEndpoint(hang) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url, timeout_s=1, retries=Retries(attempts=1))
        await rollout(Look(), policy, Task(id="t1"))
        patient = OpenAIPolicy("fake", base_url=endpoint.base_url)
        heard.clear()
        async with anyio.create_task_group() as group:
            group.start_soon(rollout, Look(), patient, Task(id="t2"))
            await anyio.to_thread.run_sync(heard.wait)
            group.cancel_scope.cancel()
        await policy.aclose()
        await patient.aclose()
    first, second = kept.named("chat fake")
    assert told(first)["error.type"] == "timeout"
    assert "Cancelled" in str(told(second)["error.type"])


async def test_tool_errors_are_marked_by_kind(kept: Kept) -> None:
    wrong = Turn(tool_calls=(ToolCall("look", {"at": "x"}, id="c1"), ToolCall("lurk", {}, id="c2")))
    await rollout(Look(), ScriptedPolicy([wrong, Turn(tool_calls=(ToolCall("burst", {}),))]), Task(id="t1"))
    assert [(span.name, told(span)["error.type"]) for span in kept.all] == [
        ("execute_tool look", "invalid_arguments"),
        ("execute_tool lurk", "unknown_tool"),
        ("execute_tool burst", "ToolFault"),
        ("invoke_agent scripted", "OSError"),
    ]


async def test_plain_text_is_no_tool_call(kept: Kept) -> None:
    await rollout(Look(), ScriptedPolicy([Turn("that is all")]), Task(id="t1"))
    assert [span.name for span in kept.all] == ["invoke_agent scripted"]


async def test_what_was_answered_before_is_no_model_call(kept: Kept, tmp_path: object) -> None:
    jobs = [Job(make=Look, task=Task(id="t1"), seed=1)]
    with FakeEndpoint([LOOKING, FakeReply(status=400, body="gone"), ENDING]) as endpoint:
        policy = OpenAIPolicy("fake", base_url=endpoint.base_url)
        for _ in range(2):
            await run(jobs, policy, f"{tmp_path}/run", preflight=False)
        await policy.aclose()
    assert endpoint.count == 3
    assert len(kept.named("chat fake")) == 3


async def test_no_spans_are_made_unless_asked_for() -> None:
    tracing.trace_to(None)
    await rollout(Look(), ScriptedPolicy([LOOKING, ENDING]), Task(id="t1"))
    assert tracing.spans is None


PROGRAM = """
import sys
from agentgym import ScriptedPolicy, Task, ToolCall, Turn, ToolEnv, Observation, rollout, run_sync, tracing

class Say(ToolEnv[Task, Observation], id="say"):
    "Say it."
    async def begin(self, task):
        return Observation(text="go")

{setup}
run_sync(rollout(Say(), ScriptedPolicy([Turn("hi")]), Task(id="t1"), seed=1))
{check}
"""


def _ran(setup: str = "", check: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    told = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "AGENTGYM_"))}
    script = PROGRAM.format(setup=setup, check=check)
    return subprocess.run(
        [sys.executable, "-c", script], env={**told, **variables}, capture_output=True, text=True, timeout=60
    )


NONE = "assert tracing.spans is None and 'opentelemetry' not in sys.modules"
HOST = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, ConsoleSpanExporter
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
trace.set_tracer_provider(provider)
"""
HIDE = "import builtins\nsys.modules['opentelemetry'] = None"


def test_off_costs_no_import_and_zero_turns_it_off() -> None:
    for setup, variables in [
        ("", {}),
        ("", {"AGENTGYM_TRACING": "0", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}),
        ("", {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}),
    ]:
        ran = _ran(setup, NONE, **variables)
        assert (ran.returncode, ran.stderr) == (0, "")
    assert _ran(HOST, "assert tracing.spans is None", AGENTGYM_TRACING="0").stdout == ""


def test_a_provider_of_the_program_gets_the_spans() -> None:
    ran = _ran(HOST)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert '"name": "invoke_agent scripted"' in ran.stdout


def test_without_the_extra_it_is_named_where_tracing_is_asked_for() -> None:
    ran = _ran(HIDE, AGENTGYM_TRACING="1")
    assert ran.returncode == 1
    assert "run: pip install 'agentgym-async[otel]'" in ran.stderr
    quiet = _ran(HIDE, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert (quiet.returncode, quiet.stderr) == (0, "")


class Collector(BaseHTTPRequestHandler):
    """Keeps what is posted to it."""

    heard: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.heard.append((self.path, body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_the_last_spans_reach_the_collector_before_the_program_ends() -> None:
    Collector.heard = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        ran = _ran(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert (ran.returncode, ran.stderr) == (0, "")
    ((path, body),) = Collector.heard
    assert path == "/v1/traces"
    assert b"invoke_agent scripted" in body
    assert b"service.name" in body


def test_an_episode_outside_of_asyncio_is_traced_too(kept: Kept) -> None:
    run_sync(rollout(Look(), ScriptedPolicy([ENDING]), Task(id="t1")))
    assert [span.name for span in kept.all] == ["execute_tool end", "invoke_agent scripted"]
