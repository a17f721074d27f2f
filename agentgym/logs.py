"""Logging as the command line sets it up: one line an event on standard error, as text or JSON, without any secret."""

from __future__ import annotations

import logging
import os
import re
import sys
from datetime import UTC, datetime
from functools import lru_cache

from agentgym.errors import UsageError
from agentgym.events import ROOT, Event
from agentgym.jsontext import dump_json

HIDDEN = "[hidden]"
LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
_ALIASES = {"warn": "warning", "fatal": "critical"}
_OURS = (ROOT, "environments", "trainers", "benchmarks")
_SECRET_NAME = re.compile(r"_(KEY|TOKEN|SECRET|PASSWORD)$")
_SHORTEST_SECRET = 8
"""A placeholder such as `EMPTY` or `x` is no secret, and hiding it would spoil every line."""
_BEARER = re.compile(r"(\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"([?&][\w-]*(?:key|token|secret|password|signature)=)[^&\s\"'#]+", re.IGNORECASE)
_KEY_SHAPED = re.compile(r"\bsk-[A-Za-z0-9_-]{16,}")


def configure_logging(level: str | None = None) -> None:
    """Write events of at least this level to standard error; else LOG_LEVEL says which, and LOG_FORMAT=json how.

    What other packages log is written from warnings on. Called again, it changes what was set up.
    """
    from_environment = os.environ.get("LOG_LEVEL", "").strip() or None
    number = _level(level, "--log-level") or _level(from_environment, "LOG_LEVEL") or logging.WARNING
    form = os.environ.get("LOG_FORMAT", "").strip().lower() or "text"
    if form not in ("text", "json"):
        raise UsageError(f"LOG_FORMAT: {form!r} is none of: text, json")
    root = logging.getLogger()
    for handler in [found for found in root.handlers if isinstance(found, StderrHandler)]:
        root.removeHandler(handler)
    shown = StderrHandler()
    shown.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    shown.addFilter(SecretsFilter())
    root.addHandler(shown)
    root.setLevel(max(number, logging.WARNING))
    for name in _OURS:
        logging.getLogger(name).setLevel(number)


def scrub(text: str) -> str:
    """The text without the values of variables such as OPENAI_API_KEY, bearer tokens, and what is shaped like a key."""
    values = _secret_values()
    if values:
        text = _pattern(values).sub(HIDDEN, text)
    for named in (_BEARER, _IN_ADDRESS):
        text = named.sub(rf"\1{HIDDEN}", text)
    return _KEY_SHAPED.sub(HIDDEN, text)


class SecretsFilter(logging.Filter):
    """Takes secrets out of records: out of the message, its fields and the traceback; fit for any handler."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.msg, Event):
            fields = {
                name: scrub(value) if isinstance(value, str) else value for name, value in record.msg.fields.items()
            }
            record.msg = Event(scrub(record.msg.text), fields)
        else:
            record.msg, record.args = scrub(_message(record)), None
        if record.exc_info:
            record.exc_text = scrub(record.exc_text or logging.Formatter().formatException(record.exc_info))
        if record.stack_info:
            record.stack_info = scrub(record.stack_info)
        return True


class StderrHandler(logging.StreamHandler):  # type: ignore[type-arg]  # generic for type checkers only
    """Writes to whatever standard error is at the time: while a bar is drawn, something else stands in its place."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> object:
        """Standard error as it is now."""
        return sys.stderr


class TextFormatter(logging.Formatter):
    """`time level logger message key=value ...`, in one line."""

    def format(self, record: logging.LogRecord) -> str:
        told = [_time(record), record.levelname.lower(), record.name, _message(record), *_traces(self, record)]
        line = " ".join(told)
        return (
            line if line.isprintable() else "".join([char if char.isprintable() else repr(char)[1:-1] for char in line])
        )


class JsonFormatter(logging.Formatter):
    """One JSON object a line; the fields of an event are keys of it."""

    def format(self, record: logging.LogRecord) -> str:
        told = record.msg if isinstance(record.msg, Event) else Event(_message(record), {})
        line = {"time": _time(record), "level": record.levelname.lower(), "logger": record.name, "message": told.text}
        traces = _traces(self, record)
        if traces:
            line["traceback"] = "\n".join(traces)
        return dump_json({**line, **told.fields, **line}).decode()  # no field takes the place of these


def _traces(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    exception = record.exc_text or (formatter.formatException(record.exc_info) if record.exc_info else None)
    return [text for text in (exception, record.stack_info) if text]


def _message(record: logging.LogRecord) -> str:
    """What is told; a record whose arguments do not fit its message is told as it stands."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} {record.args!r}"


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _level(text: str | None, where: str) -> int | None:
    """A level by its name in any case, or by its number."""
    if text is None:
        return None
    name = text.strip().lower()
    if name.isdecimal() and 0 < int(name) <= 100:
        return int(name)
    level = LEVELS.get(_ALIASES.get(name, name))
    if level is None:
        raise UsageError(f"{where}: {text!r} is none of: {', '.join(LEVELS)}")
    return level


def _secret_values() -> tuple[str, ...]:
    """The secrets of the environment as it is now, the longest first, for one may hold another."""
    found = {
        value.strip()
        for name, value in os.environ.items()
        if _SECRET_NAME.search(name.upper()) and len(value.strip()) >= _SHORTEST_SECRET
    }
    return tuple(sorted(found, key=lambda value: (-len(value), value)))


@lru_cache(maxsize=8)
def _pattern(values: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, values)))
