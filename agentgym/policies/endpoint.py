"""Where requests go, with which key, and what is told when no good answer comes; the key is in nothing it tells."""

from __future__ import annotations

import math
import re
from urllib.parse import urlsplit

from pydantic import JsonValue

from agentgym import __version__
from agentgym.errors import EndpointFault, UsageError
from agentgym.policies.completions import read_reply
from agentgym.transport import Reply, Transport

OPENAI_URL = "https://api.openai.com/v1"
_NO_KEYS = ("", "EMPTY")
_MENDS = {
    401: "check OPENAI_API_KEY",
    403: "check OPENAI_API_KEY",
    404: "check the model name and --base-url",
}


class Endpoint:
    """The chat completions of one server."""

    def __init__(self, base_url: str, api_key: str, *, timeout_s: float, transport: Transport) -> None:
        self.base_url = _checked_url(base_url)
        self.url = f"{self.base_url}/chat/completions"
        self.is_openai = urlsplit(self.url).hostname == urlsplit(OPENAI_URL).hostname
        self._key = _checked_key(api_key)
        self._secret = _secret(self._key)
        self._headers = {"Content-Type": "application/json", "User-Agent": f"agentgym/{__version__}"}
        if self._key:
            self._headers["Authorization"] = f"Bearer {self._key}"
        self._timeout_s = timeout_s
        self._transport = transport
        if not 0 < timeout_s < math.inf:
            raise UsageError(f"timeout_s={timeout_s!r} must be a positive number of seconds")

    def check_key(self) -> None:
        """Refuse to start without a key where one is surely needed."""
        if self.is_openai and self._key in _NO_KEYS:
            raise UsageError(
                f"{self.base_url} needs a key: set OPENAI_API_KEY; "
                "for a server of your own set OPENAI_BASE_URL (--base-url)"
            )

    async def ask(self, body: bytes) -> Reply:
        """The server's answer, of status 200."""
        try:
            reply = await self._transport.post(self.url, body, self._headers, timeout_s=self._timeout_s)
        except EndpointFault as fault:
            raise self._fault(str(fault)) from None
        if reply.status != 200:
            raise self._fault(self._refusal(reply))
        return reply

    def unreadable(self, reply: Reply, problem: str) -> EndpointFault:
        """The fault of an answer that is no turn."""
        kind = reply.headers.get("content-type", "no content type")
        return self._fault(f"{problem}: status {reply.status}, {kind}: {self._excerpt(reply, 200)}")

    def _refusal(self, reply: Reply) -> str:
        told = _error_message(reply.body)
        text = f"status {reply.status}: {self._excerpt(reply, 200) if told is None else self._clean(told)[:500]}"
        if 300 <= reply.status < 400:
            return f"{text}; redirects are not followed: check --base-url"
        return f"{text}; {_MENDS[reply.status]}" if reply.status in _MENDS else text

    def _excerpt(self, reply: Reply, length: int) -> str:
        return self._clean(reply.body.decode(errors="replace"))[:length] or "an empty body"

    def _fault(self, text: str) -> EndpointFault:
        return EndpointFault(f"{self.url}: {self._clean(text)}")

    def _clean(self, text: str) -> str:
        """One printable line without the key; done before any cut, which could leave half a key."""
        hidden = self._secret.sub("[key]", text)
        return " ".join("".join(char if char.isprintable() else " " for char in hidden).split())


def _error_message(body: bytes) -> str | None:
    """What the server says went wrong, in one of the places servers say it."""
    try:
        told: JsonValue = read_reply(body)
    except ValueError:
        return None
    while isinstance(told, dict):
        told = next((told[key] for key in ("error", "message", "detail") if told.get(key)), None)
    return told if isinstance(told, str) else None


def _checked_url(url: str) -> str:
    url = url.strip().rstrip("/")
    if "@" in url:
        raise UsageError("the base URL holds a user name or a password; give the key as OPENAI_API_KEY instead")
    if not _is_address(url):
        raise UsageError(f"{url!r} is no base URL; write one such as http://localhost:8000/v1")
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


def _secret(key: str) -> re.Pattern[str]:
    """Finds the key in a text; a placeholder such as `x` only where it stands alone, or no message could be read."""
    if key in _NO_KEYS:
        return re.compile(r"(?!)")
    return re.compile(re.escape(key) if len(key) >= 8 else rf"(?<!\w){re.escape(key)}(?!\w)")
