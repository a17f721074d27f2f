"""Whether OpenTelemetry spans are made, and where they go; `agentgym.spans` has what is in them.

They are made where the program set up a tracer provider, or where OTEL_EXPORTER_OTLP_ENDPOINT or AGENTGYM_TRACING=1
asks for them (AGENTGYM_TRACING=0 for none); else each hook costs the question whether `spans` is None.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from agentgym.events import EventLog
from agentgym.extras import missing_extra

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from agentgym.spans import Spans

_LOG = EventLog(__name__)
_EXPORT_S = 3.0
"""How long a batch is tried, where OTEL_EXPORTER_OTLP_TIMEOUT does not say: no end of a program should take long."""

spans: Spans | None = None
"""None while nobody asks for any."""
_chosen = _looked = False


def trace_to(provider: TracerProvider | None) -> None:
    """Send spans to this provider from now on, whatever the environment says, or (None) make none."""
    global spans, _chosen
    spans, _chosen = (None if provider is None else _to(provider)), True


def find_spans() -> Spans | None:
    """Whatever is asked for by now; an episode that begins looks."""
    global spans, _looked
    if spans is not None or _chosen or (_looked and "opentelemetry.trace" not in sys.modules):
        return spans
    wanted = _wanted()
    provider = None if wanted is False else _host_provider()
    if provider is None and not _looked:
        _looked = True  # first of all, for one attempt is enough
        provider = _own_provider(wanted)
    spans = None if provider is None else _to(provider)
    return spans


def _to(provider: TracerProvider) -> Spans:
    from agentgym.spans import Spans

    return Spans(provider)


def _wanted() -> bool | None:
    """What AGENTGYM_TRACING says, if anything."""
    told = os.environ.get("AGENTGYM_TRACING", "").strip().lower()
    return told not in ("0", "false", "no", "off") if told else None


def _host_provider() -> TracerProvider | None:
    """What the program itself set up; it can have done so only by importing the package."""
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is None or not hasattr(trace, "get_tracer_provider"):  # another thread is just importing it
        return None
    provider: TracerProvider = trace.get_tracer_provider()
    return None if isinstance(provider, (trace.ProxyTracerProvider, trace.NoOpTracerProvider)) else provider


def _own_provider(wanted: bool | None) -> TracerProvider | None:
    """One that exports as the variables of OpenTelemetry say, where they or AGENTGYM_TRACING ask for it."""
    told = os.environ
    endpoint = told.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or told.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    off = told.get("OTEL_SDK_DISABLED", "").lower() == "true" or told.get("OTEL_TRACES_EXPORTER") == "none"
    if wanted is False or off or not (wanted or endpoint):
        return None
    try:
        return _exporting()
    except ModuleNotFoundError as error:
        missing = missing_extra(error)
        if wanted:
            raise missing from None
        _LOG.warning("no spans are made", reason=str(missing))
        return None


def _exporting() -> TracerProvider:
    """A provider of our own; it hands the last spans over as the program ends."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = any(os.environ.get(name) for name in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"))
    timed = any(name.startswith("OTEL_EXPORTER_OTLP") and name.endswith("TIMEOUT") for name in os.environ)
    provider = TracerProvider(resource=Resource.create(None if named else {"service.name": "agentgym"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=None if timed else _EXPORT_S)))
    return provider
