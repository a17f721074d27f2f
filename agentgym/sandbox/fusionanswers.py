"""What a SandboxFusion answers, read by its table: an end of the program, or a failure of the service's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from agentgym.errors import EndpointFault, FaultKind
from agentgym.sandbox.contract import Allowance, CaseResult, Program
from agentgym.sandbox.judging import told_exit
from agentgym.sandbox.tracebacks import read_traceback, with_main
from agentgym.transport import Reply

_KEPT_BYTES = 1 << 20
"""Of a stream; the service cuts the rest off and does not say so."""
_PIPE_BYTES = 60_000
"""What is longer than a pipe holds may keep a program from ending, for the service reads it only then."""
_UNDECODED = "[DecodeError]"


def read_answer(reply: Reply, program: Program, allowance: Allowance) -> CaseResult:
    """What became of the program; EndpointFault where the service did not find out, `refused` if it never will."""
    if reply.status != 200:
        raise _refusal(reply)
    answer = _object(_parsed(reply))
    status = answer.get("status")
    if status == "SandboxError":
        raise EndpointFault(f"the sandbox failed: {_excerpt(str(answer.get('message') or ''))}", kind="failed")
    if status not in ("Success", "Failed"):
        raise _broken(f"status {_excerpt(repr(status))}")
    return read_execution(answer, program, allowance)


def read_execution(answer: Mapping[str, object], program: Program, allowance: Allowance) -> CaseResult:
    """What the two steps of an execution came to."""
    run = answer.get("run_result")
    if run is None:
        return _compiled(_object(answer.get("compile_result")))
    return _ran(_object(run), answer.get("status"), program, allowance)


def _compiled(step: Mapping[str, object]) -> CaseResult:
    stdout, stderr, code = _text(step, "stdout"), _text(step, "stderr"), step.get("return_code")
    if step.get("status") == "TimeLimitExceeded":
        return CaseResult(
            status="timeout", limit="wall", message="compiling took too long", stdout=stdout, stderr=stderr
        )
    if step.get("status") != "Finished" or type(code) is not int or code == 0:
        raise _broken("nothing was run, and nothing is wrong with the program")
    return CaseResult(
        status="runtime_error",
        error_type="CompileError",
        message=_excerpt(stderr or stdout),
        stdout=stdout,
        stderr=stderr,
        exit_status=code,
    )


def _ran(step: Mapping[str, object], overall: object, program: Program, allowance: Allowance) -> CaseResult:
    took = step.get("execution_time")
    seen = CaseResult(
        status="ran",
        stdout=_text(step, "stdout"),
        stderr=_text(step, "stderr"),
        wall_s=float(took) if isinstance(took, (int, float)) else None,
    )
    if step.get("status") == "TimeLimitExceeded":
        return _too_much(seen, _PIPE_BYTES) or replace(seen, status="timeout", limit="wall")
    code = step.get("return_code")
    if step.get("status") != "Finished" or type(code) is not int:
        raise _broken(f"the program's end is {_excerpt(repr(step.get('status')))}, {_excerpt(repr(code))}")
    if code == 0 and overall != "Success":
        raise _broken("the program ended well, and yet something failed")
    seen = replace(seen, exit_status=code)
    return _too_much(seen, min(allowance.output_bytes + 1, _KEPT_BYTES)) or _ended(program, code, seen)


def _ended(program: Program, code: int, seen: CaseResult) -> CaseResult:
    if code == 0:
        undecoded = seen.stdout.startswith(_UNDECODED)
        return replace(seen, message="the service could not decode the output as UTF-8") if undecoded else seen
    stderr = with_main(seen.stderr) if program.language == "python" else seen.stderr
    traced = read_traceback(stderr) if program.language == "python" and code == 1 else None
    if traced is None:
        error_type, message = told_exit(code)
        return replace(seen, status="runtime_error", stderr=stderr, error_type=error_type, message=message)
    return replace(
        seen,
        status="memory" if traced.error_type == "MemoryError" else "runtime_error",
        stderr=stderr,
        error_type=traced.error_type,
        message=traced.message,
        line=traced.line,
    )


def _too_much(seen: CaseResult, many_bytes: int) -> CaseResult | None:
    if all(len(text.encode(errors="replace")) < many_bytes for text in (seen.stdout, seen.stderr)):
        return None
    return replace(seen, status="output_limit", message=f"the program printed {many_bytes} bytes or more")


def _refusal(reply: Reply) -> EndpointFault:
    status = reply.status
    kind: FaultKind = "refused"
    if status in (429, 503):
        kind = "overloaded"
    elif status >= 500 or status in (408, 425):
        kind = "failed"
    told = f"status {status}: {_excerpt(reply.body.decode(errors='replace')) or 'an empty body'}"
    return EndpointFault(told, kind=kind, status=status, retry_after_s=_seconds(reply.headers.get("retry-after")))


def _seconds(told: str | None) -> float | None:
    """How long the service asks to be left alone; a date says too little to wait for."""
    return float(told) if told is not None and told.isdecimal() and len(told) < 6 else None


def _parsed(reply: Reply) -> object:
    try:
        parsed: object = json.loads(reply.body)
    except (ValueError, RecursionError):
        raise _broken(f"no JSON: {_excerpt(reply.body.decode(errors='replace'))}") from None
    return parsed


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _broken(f"{_excerpt(repr(value))} where an object belongs")
    return value


def _text(step: Mapping[str, object], name: str) -> str:
    text = step.get(name)
    return text if isinstance(text, str) else ""


def _broken(what: str) -> EndpointFault:
    return EndpointFault(f"not the answer of a SandboxFusion: {what}")


def _excerpt(text: str) -> str:
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= 300 else f"{line[:297]}..."
