"""Programs at a SandboxFusion service, over HTTP; the service answers for their isolation."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from functools import partial
from urllib.parse import urlsplit

from agentgym.errors import EndpointFault, UsageError
from agentgym.sandbox.casewise import CasewiseSandbox
from agentgym.sandbox.contract import Allowance, Case, CaseResult, Isolation, Program
from agentgym.sandbox.fusionanswers import read_answer
from agentgym.sandbox.fusionbatch import BATCH_PATH, batch_body, fits_batch, read_batch
from agentgym.sandbox.marks import Marked, marked_program
from agentgym.sandbox.patience import PATIENCE_S, patiently
from agentgym.transport import Transport

ENDPOINT_VARIABLE = "SANDBOX_FUSION_ENDPOINT"
_RUN_PATH = "/run_code"
_CONCURRENCY = 32
_ON_THE_WAY_S = 10.0
"""What an answer may take beside the program's time."""
_COMPILE_S = 10.0
_INTERPRETER_MB = 64
"""What a bare interpreter takes of its address space."""
_NO_BATCH = (400, 404, 405, 422, 501)
"""Where all cases at once are not to be had, now or later."""
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
_NAMES = {
    "bash": "bash",
    "c++": "cpp",
    "cpp": "cpp",
    "csharp": "csharp",
    "go": "go",
    "java": "java",
    "javascript": "nodejs",
    "julia": "julia",
    "kotlin": "kotlin_script",
    "lua": "lua",
    "perl": "perl",
    "php": "php",
    "python": "python",
    "r": "R",
    "racket": "racket",
    "ruby": "ruby",
    "rust": "rust",
    "scala": "scala",
    "swift": "swift",
    "typescript": "typescript",
}
"""Our names of languages, and the service's."""
_BOUND = frozenset({"bash", "c++", "cpp", "lua", "perl", "python", "rust"})
"""Languages whose address space can be bound; the run times of others reserve gigabytes that they do not use."""


class FusionSandbox(CasewiseSandbox):
    """Asks the service for each case, and again, with growing pauses, where it was the service that failed.

    `url` is where it is, with or without `/run_code`; SANDBOX_FUSION_ENDPOINT, unless given. `patience_s` is for how
    long a failing service is asked again. `batch` asks for all cases of a program at once where the service can, and
    its own verdicts are not looked at. It knows no CPU time: what takes too long does so by the clock.
    """

    name = "fusion"
    isolation = Isolation("strong", ("SandboxFusion",))

    def __init__(
        self,
        url: str | None = None,
        *,
        concurrency: int = _CONCURRENCY,
        patience_s: float = PATIENCE_S,
        batch: bool = False,
        transport: Transport | None = None,
    ) -> None:
        super().__init__(concurrency)
        if type(patience_s) not in (int, float) or not 0 <= patience_s < math.inf:
            raise UsageError(f"patience_s={patience_s!r} must be a number of seconds, 0 or more")
        self._url = _run_code_url(os.environ.get(ENDPOINT_VARIABLE, "") if url is None else url)
        self._batch_url = BATCH_PATH.join(self._url.rsplit(_RUN_PATH, 1))
        self._shown = self._url.partition("?")[0]  # a query may hold a key
        self._patience_s = patience_s
        self._batch = batch
        self._transport = transport or _pooled()

    @property
    def languages(self) -> tuple[str, ...]:
        """Those the service may know; what it does not, it says itself."""
        return tuple(_NAMES)

    def refuse(self, program: Program, allowance: Allowance) -> None:
        if program.language not in _NAMES:
            raise UsageError(f"no language {program.language!r} at a SandboxFusion; there are: {', '.join(_NAMES)}")

    async def run_case(self, program: Program, case: Case, allowance: Allowance) -> CaseResult:
        marked = marked_program(program)
        body = _body(program.language, marked.code, case, allowance)
        ask = partial(self._ask, body, marked, program, allowance)
        try:
            return await patiently(ask, patience_s=self._patience_s)
        except EndpointFault as fault:
            return CaseResult(status="sandbox_error", message=f"{self._shown}: {fault}")

    async def run_together(
        self, program: Program, cases: Sequence[Case], allowance: Allowance
    ) -> Sequence[CaseResult] | None:
        if not self._batch or not fits_batch(program, cases):
            return None
        run_s = allowance.wall_limit_s
        body = batch_body(_NAMES[program.language], program, cases, compile_s=_COMPILE_S, run_s=run_s)
        timeout_s = (_COMPILE_S + run_s) * len(cases) + _ON_THE_WAY_S
        try:
            async with self.place():
                reply = await self._transport.post(self._batch_url, body, _HEADERS, timeout_s=timeout_s)
        except EndpointFault:
            return None
        self._batch = reply.status not in _NO_BATCH
        return read_batch(reply, program, cases, allowance)

    async def aclose(self) -> None:
        await super().aclose()
        await self._transport.aclose()

    async def _ask(self, body: bytes, marked: Marked, program: Program, allowance: Allowance) -> CaseResult:
        timeout_s = _COMPILE_S + allowance.wall_limit_s + _ON_THE_WAY_S
        reply = await self._transport.post(self._url, body, _HEADERS, timeout_s=timeout_s)
        return marked.read(program, allowance, read_answer(reply, program, allowance))


def _body(language: str, code: str, case: Case, allowance: Allowance) -> bytes:
    from agentgym.jsontext import mend_text

    asked = {
        "code": mend_text(code),
        "language": _NAMES[language],
        "stdin": mend_text(case.input),
        "compile_timeout": _COMPILE_S,
        "run_timeout": allowance.wall_limit_s,
        "memory_limit_MB": allowance.memory_mb + _INTERPRETER_MB if language in _BOUND else -1,
        "files": {},
        "fetch_files": [],
    }
    return json.dumps(asked).encode()


def _pooled() -> Transport:
    from agentgym.transports.pooled import PooledTransport

    return PooledTransport()


def _run_code_url(url: str) -> str:
    url = url.strip()
    if not url:
        raise UsageError(f"no address of a SandboxFusion: set {ENDPOINT_VARIABLE}, or write fusion:http://HOST:8080")
    if "@" in url:
        raise UsageError("the URL of the SandboxFusion holds a user name or a password, which no request carries")
    if not _is_address(url):
        raise UsageError(f"{url.partition('?')[0]!r} is no URL of a SandboxFusion; write one such as http://HOST:8080")
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    path = path if path.endswith(_RUN_PATH) else f"{path}{_RUN_PATH}"
    return parts._replace(path=path, fragment="").geturl()


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
