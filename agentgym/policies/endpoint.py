"""Where requests go, with which key, and what is told when no good answer comes; the key is in nothing it tells."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from email.utils import parsedate_to_datetime
from functools import lru_cache
from urllib.parse import parse_qsl, quote, urlsplit

from pydantic import JsonValue

from agentgym import __version__
from agentgym.errors import ContextOverflow, EndpointFault, FaultKind, UsageError, did_you_mean
from agentgym.policies.completions import in_words, read_reply
from agentgym.transport import OnChunk, Reply, Transport
from agentgym.transports.keys import keys_in

OPENAI_URL = "https://api.openai.com/v1"
_NO_KEYS = ("", "EMPTY")
_SECRET_LENGTH = 8
_MENDS = {
    401: "check OPENAI_API_KEY",
    403: "check OPENAI_API_KEY",
    404: "check the model name and --base-url",
}


class Endpoint:
    """The chat completions of one server."""

    def __init__(self, base_url: str, api_key: str, *, timeout_s: float, transport: Transport) -> None:
        self.base_url = checked_url(base_url)
        self.url = self._place("chat/completions")
        host = urlsplit(self.url).hostname or ""
        self.is_openai = host == urlsplit(OPENAI_URL).hostname
        self._is_azure = host.endswith((".azure.com", ".azure.us", ".azure.cn"))
        self._key = _checked_key(api_key)
        in_query = [*keys_in(dict(parse_qsl(urlsplit(self.base_url).query)))]
        self._own_secrets = (self._key, *in_query, *(quote(key, safe="") for key in in_query))
        self._headers = {"Content-Type": "application/json", "User-Agent": f"agentgym/{__version__}"}
        if self._key:
            self._headers["Authorization"] = f"Bearer {self._key}"
        self._timeout_s = timeout_s
        self._transport = transport
        if type(timeout_s) not in (int, float) or not 0 < timeout_s < math.inf:
            raise UsageError(f"timeout_s={timeout_s!r} must be a positive number of seconds")

    def _place(self, path: str) -> str:
        """Of one of the server's resources; the query of the base URL, such as a version, goes along."""
        parts = urlsplit(self.base_url)
        return parts._replace(path=f"{parts.path.rstrip('/')}/{path}").geturl()

    def check_key(self) -> None:
        """Refuse to start without a key where one is surely needed."""
        if self.is_openai and not self._secrets():
            raise UsageError(
                f"{without_query(self.base_url)} needs a key: set OPENAI_API_KEY; "
                "for a server of your own set OPENAI_BASE_URL (--base-url)"
            )

    async def ask(self, body: bytes, carrier: Transport, *, on_chunk: OnChunk | None = None) -> Reply:
        """The server's answer, of status 200."""
        try:
            reply = await carrier.post(self.url, body, self._headers, timeout_s=self._timeout_s, on_chunk=on_chunk)
        except EndpointFault as fault:
            raise self._fault(self.url, str(fault), fault.kind) from None
        if reply.status != 200:
            raise self._refusal(self.url, reply)
        return reply

    def without_key(self, reply: Reply) -> Reply:
        """The same answer, whatever the server says; of a stream the whole, for a piece may hold half a key."""
        # What is shorter is a placeholder such as "none", which a model may say.
        secrets, body = tuple([secret for secret in self._secrets() if len(secret) >= _SECRET_LENGTH]), reply.body
        for trace in _traces(secrets):  # a loop: it is much the fastest
            if trace in body:
                break
        else:
            if not secrets or _IN_NUMBERS not in body or _LETTER.search(body) is None:
                return reply
        cleaned, times = _pattern(secrets).subn("[key]", body.decode(errors="replace"))
        return replace(reply, body=cleaned.encode()) if times else reply

    def unreadable(self, reply: Reply, problem: str) -> EndpointFault:
        """The fault of an answer that is no turn; a page for people is not worth asking for again."""
        if _is_too_long(problem, reply.body):  # told in place of an answer, or in the middle of a stream
            return self._overflow(self.url, problem, reply.status)
        kind: FaultKind = "refused" if reply.body.lstrip()[:1] == b"<" else "broken"
        told = reply.headers.get("content-type", "no content type")
        return self._fault(self.url, f"{problem}: status {reply.status}, {told}: {self._excerpt(reply, 200)}", kind)

    async def models(self, *, timeout_s: float) -> list[str] | None:
        """The models the server lists; None where it keeps no list."""
        url = self._place("models")
        try:
            reply = await self._transport.get(url, self._headers, timeout_s=timeout_s)
        except EndpointFault as fault:
            raise self._fault(url, str(fault), fault.kind) from None
        if reply.status in (404, 405, 501):
            return None
        if reply.status != 200:
            raise self._refusal(url, reply)
        try:
            return _model_ids(read_reply(reply.body))
        except ValueError as error:
            kind: FaultKind = "refused" if reply.body.lstrip()[:1] == b"<" else "broken"
            raise self._fault(url, f"{error}: {self._excerpt(reply, 200)}; check --base-url", kind) from None

    def missing(self, model: str, listed: Sequence[str]) -> str | None:
        """What to tell of a model that the server does not list, under none of the names that servers take for it."""
        if self._is_azure or not self._transport.takes_listed_names:
            return None
        # Ollama lists its tag, Google a folder, and routers take what is to be done with a model after a colon.
        if not {model, f"{model}:latest", f"models/{model}", model.partition(":")[0]}.isdisjoint(listed):
            return None
        if any(known.endswith("*") and model.startswith(known[:-1]) for known in listed):
            return None  # a router that takes all of a kind
        from difflib import get_close_matches

        near = get_close_matches(model, listed, n=1) or listed[:20]
        return self._clean(f"lists no model {model!r}; {did_you_mean(model, near)}")[:500]

    def _refusal(self, url: str, reply: Reply) -> EndpointFault:
        status, told = reply.status, _error_message(reply.body)
        text = f"status {status}: {self._excerpt(reply, 200) if told is None else self._clean(told)[:500]}"
        if status in (400, 413, 422, 500) and _is_too_long(text, reply.body):
            if _asks_for_more_than_fits(text):
                return self._fault(url, f"{text}; give a smaller max_tokens", "refused")  # whatever is said
            return self._overflow(url, text, status)
        if 300 <= status < 400:
            text = f"{text}; redirects are not followed: check --base-url"
        if status in _MENDS:
            text = f"{text}; {_MENDS[status]}"
        if status == 402 or (status == 429 and b"insufficient_quota" in reply.body):
            return self._fault(url, text, "refused")  # no call will be answered
        kind = "refused" if _FINAL.search(text) else _kind_of(status)
        return self._fault(url, text, kind, status=status, retry_after_s=retry_after_s(reply.headers))

    def _overflow(self, url: str, text: str, status: int) -> EndpointFault:
        return ContextOverflow(f"{without_query(url)}: {self._clean(text)}", kind="refused", status=status)

    def _excerpt(self, reply: Reply, length: int) -> str:
        return self._clean(reply.body.decode(errors="replace"))[:length] or "an empty body"

    def _fault(
        self,
        url: str,
        text: str,
        kind: FaultKind,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> EndpointFault:
        return EndpointFault(
            f"{without_query(url)}: {self._clean(text)}", kind=kind, status=status, retry_after_s=retry_after_s
        )

    def _clean(self, text: str) -> str:
        """One printable line without the key; done before any cut, which could leave half a key."""
        hidden = _pattern(self._secrets()).sub("[key]", text)
        return " ".join("".join(char if char.isprintable() else " " for char in hidden).split())

    def _secrets(self) -> tuple[str, ...]:
        """Every key that is sent; a transport may learn of more while it works."""
        return tuple([secret for secret in (*self._own_secrets, *self._transport.secrets()) if secret not in _NO_KEYS])


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """How long the server asks to be left alone: in milliseconds, in seconds, or until a date."""
    milliseconds, told = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if milliseconds is not None:
            return _sensible(float(milliseconds) / 1000)
        return None if told is None else _sensible(float(told))
    except ValueError:
        return _until(told)


def _until(date: str | None) -> float | None:
    try:
        return _sensible(parsedate_to_datetime(date or "").timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _sensible(seconds: float) -> float | None:
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _kind_of(status: int) -> FaultKind:
    if status in (429, 503, 529):
        return "overloaded"
    return "failed" if status >= 500 or status in (408, 409, 425) else "refused"


def _model_ids(listed: JsonValue) -> list[str] | None:
    """The ids of a model list, in the shapes that servers give it; an empty list says nothing."""
    entries = listed.get("data", listed.get("models")) if isinstance(listed, dict) else listed
    if entries is None and isinstance(listed, dict) and not {"data", "models"}.isdisjoint(listed):
        return None  # Ollama has no list where it has no models
    if not isinstance(entries, list):
        raise ValueError("the list of models is none")
    ids = [entry.get("id", entry.get("name")) if isinstance(entry, dict) else entry for entry in entries]
    return [id for id in ids if isinstance(id, str)] or None


_TOO_LONG = re.compile(
    r"context[ _](length|window|size)|maximum (context|input|prompt|model) length|too many (input )?tokens"
    r"|(prompt|input)( \(\d+ tokens\))? is too long|input length.{0,40} exceed|range of input length should be"
    r"|longer than the model|exceeds? (the )?((available|model's|maximum) )?context"
    r"|exceeds? the maximum number of tokens|exceeded model token limit|prompt exceeds max length|tokens_limit_reached"
    r"|`inputs` (tokens \+ `max_new_tokens` must be|must have less than)|n_keep.{0,30} n_ctx",
    re.IGNORECASE,
)
"""How servers say that a conversation does not fit: OpenAI, vLLM, SGLang, llama.cpp, LM Studio, TGI and Anthropic, and
DashScope, Moonshot, Zhipu and GitHub."""
_FINAL = re.compile(r"tools param requires|unsupported param: tools|request too large for", re.IGNORECASE)
"""What asking again does not change, whatever the status: llama.cpp was begun without tools (500), or one request is
more than OpenAI lets the account ask in a minute (429)."""
_FITS = re.compile(r"maximum context length (?:is|of) (\d+)", re.IGNORECASE)
_ASKED = re.compile(
    r"tokens'? is too large: (\d+)|(\d+) (?:tokens )?(?:in|for) the completion|(\d+) output tokens", re.IGNORECASE
)
"""How many tokens of a reply were asked for."""


def _is_too_long(told: str, body: bytes) -> bool:
    return _TOO_LONG.search(told) is not None or b'"context_length_exceeded"' in body


def _asks_for_more_than_fits(told: str) -> bool:
    """Whether not even a reply to nothing could be as long as was asked for."""
    fits, asked = _FITS.search(told), _ASKED.search(told)
    return fits is not None and asked is not None and int(asked[asked.lastindex or 0]) >= int(fits[1])


def _error_message(body: bytes) -> str | None:
    """What the server says went wrong, in one of the places servers say it."""
    try:
        told = in_words(read_reply(body), "error", "message", "detail")
    except ValueError:
        return None
    return told if isinstance(told, str) else None


def without_query(url: str) -> str:
    """An address without what might be secret in it."""
    return url.partition("?")[0]


def checked_url(url: str) -> str:
    """A base URL as it is asked; UsageError for what is none."""
    url = url.strip().rstrip("/").partition("#")[0]
    if "@" in url:
        raise UsageError("the base URL holds a user name or a password; give the key as OPENAI_API_KEY instead")
    if not _is_address(url):
        raise UsageError(f"{without_query(url)!r} is no base URL; write one such as http://localhost:8000/v1")
    return url


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        return parts.scheme in ("http", "https") and bool(host) and parts.port != 0
    except ValueError:
        return False


def _checked_key(key: str) -> str:
    stripped = key.strip()
    if not (stripped.isascii() and stripped.isprintable()):
        raise UsageError("the API key holds characters that no header can carry; check OPENAI_API_KEY")
    return stripped


_IN_NUMBERS, _LETTER = b"\\u00", re.compile(rb"\\u00[2-7]")
"""How JSON may spell what a key consists of."""
_ESCAPES = {"/": b"\\/", '"': b'\\"', "\\": b"\\\\"}


@lru_cache
def _traces(keys: tuple[str, ...]) -> tuple[bytes, ...]:
    """Of which one is in every JSON that holds a key, unless it is spelled in numbers."""
    spelled = [_ESCAPES[char] for char in _ESCAPES if char in "".join(keys)]
    return (*(key.encode() for key in keys), *spelled)


@lru_cache
def _pattern(keys: tuple[str, ...]) -> re.Pattern[str]:
    """Finds the keys in a text, and in JSON or JSON within JSON, whatever is escaped there.

    What is too short for a secret is found only where it stands alone, or no message could be read.
    """
    found = [
        "".join(map(_spelled, key)) if len(key) >= _SECRET_LENGTH else rf"(?<!\w){re.escape(key)}(?!\w)" for key in keys
    ]
    return re.compile("|".join(found) or r"(?!)")


def _spelled(char: str) -> str:
    """Behind as many backslashes as JSON in JSON in JSON in JSON has; a bound, for a model may say nothing else."""
    return rf"\\{{0,8}}(?:{re.escape(char)}|(?i:u{ord(char):04x}))"
