"""`validate`: whether a file is fit to be trained on, and what of it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import anyio

from agentgym.errors import SandboxFault, boundary
from agentgym.messages import JsonObject
from agentgym.sandbox.contract import Sandbox
from environments.programs.judge import graded_cases
from environments.programs.parsing import parsed
from environments.programs.problem import Problem
from environments.special_tokens.answer import Answer
from environments.special_tokens.content import CODES, content_codes, edit_of, exploration_of, same_request
from environments.special_tokens.modes import STANDARD
from environments.special_tokens.outcome import fixes, passes_tests, unix_lines
from environments.special_tokens.probe import probed
from environments.special_tokens.rows import Row, code_in
from environments.special_tokens.rules import broken_rules, format_codes

LEAST_VALID = 0.95
BALANCE = (0.45, 0.55)
_COLUMNS = ("instruction", "input", "output")


@dataclass(slots=True)
class Judgement:
    """What was found of one row."""

    row: Row
    answer: Answer
    form: tuple[str, ...]
    content: set[str]

    @property
    def codes(self) -> list[str]:
        """All codes, those of the form first."""
        return [*self.form, *(code for code in CODES if code in self.content)]

    @property
    def valid(self) -> bool:
        """Whether it may be trained on."""
        return not self.form and not self.content and not self.row.missing


async def judge_rows(
    rows: Iterable[Row], *, sandbox: Sandbox, problems: Mapping[str, Problem], concurrency: int = 8
) -> list[Judgement]:
    """Judge all rows; fixes of known problems are run, but for those that are the problem's own solution."""
    judged: list[Judgement] = []
    seen = set[tuple[str, str]]()
    for row in rows:
        answer = row.answer()
        judgement = Judgement(row, answer, broken_rules(answer), content_codes(row, answer))
        if same_request(row) in seen:
            judgement.content.add("DUPLICATE")
        seen.add(same_request(row))
        if not _runs_program(judgement, problems):
            judgement.content.add("CODE_MISSING")
        judged.append(judgement)
    places = anyio.CapacityLimiter(concurrency)

    async def run(judgement: Judgement) -> None:
        async with places:
            if not await _is_fixed(judgement, sandbox, problems):
                judgement.content.add("FIX_FAILS")

    with boundary(SandboxFault, "validate"):
        async with anyio.create_task_group() as group:
            for judgement in judged:
                group.start_soon(run, judgement)
    return judged


def report_on(file: str, judged: Sequence[Judgement]) -> JsonObject:
    """The report on a file."""
    total, valid = len(judged), sum(judgement.valid for judgement in judged)
    counts = Counter(code for judgement in judged for code in judgement.codes)
    in_form = sum(not judgement.form for judgement in judged)
    good = sum(not judgement.content for judgement in judged)
    tokens = _distribution(judged)
    kept = [judgement for judgement in judged if judgement.valid]
    after = _share(sum(not broken_rules(judgement.answer) for judgement in kept), len(kept))
    return {
        "file": file,
        "total": total,
        "valid": valid,
        "invalid": total - valid,
        "valid_rate": _share(valid, total),
        "format_compliance": {"rate": _share(in_form, total), "by_rule": _occurring(counts, format_codes())},
        "content_quality": {"rate": _share(good, total), "issues": _occurring(counts, CODES)},
        "token_distribution": tokens,
        "alpaca_compatibility": _alpaca(judged),
        "duplicates": counts["DUPLICATE"],
        "issues": _occurring(counts, (*format_codes(), *CODES)),
        "thresholds": {"valid_rate": LEAST_VALID, "balance": list(BALANCE), "format_after_filter": 1.0},
        "passed": bool(kept) and _share(valid, total) >= LEAST_VALID and tokens["balanced"] is True and after == 1.0,
        "items": [
            {"index": index, "valid": judgement.valid, "mode": judgement.answer.mode, "codes": list(judgement.codes)}
            for index, judgement in enumerate(judged)
        ],
    }


def analysis_of(report: JsonObject) -> str:
    """The report for people, without its items."""
    lines = [f"{report['file']}: {'passed' if report['passed'] else 'NOT passed'}"]
    lines.append(f"rows: {report['total']}, valid: {report['valid']} ({_percent(report['valid_rate'])})")
    for name in ("format_compliance", "content_quality", "alpaca_compatibility"):
        part = report[name]
        assert isinstance(part, dict)
        lines.append(f"{name.replace('_', ' ')}: {_percent(part['rate'])}")
    tokens = report["token_distribution"]
    assert isinstance(tokens, dict)
    for mode in STANDARD.names:
        part = tokens[mode]
        assert isinstance(part, dict)
        lines.append(f"{mode}: {part['count']} ({_percent(part['ratio'])})")
    lines.append(f"balanced: {'yes' if tokens['balanced'] else 'no'}; duplicates: {report['duplicates']}")
    issues = report["issues"]
    assert isinstance(issues, dict)
    lines += [f"{code}: {count}" for code, count in issues.items()] or ["no issues"]
    return "\n".join(lines)


def _runs_program(judgement: Judgement, problems: Mapping[str, Problem]) -> bool:
    """Whether an exploration holds the program it is about, as far as that is known."""
    explored, problem = exploration_of(judgement.answer), _problem_of(judgement.row, problems)
    code = code_in(judgement.row)
    if explored is None or problem is None or code is None or "CODE_UNPARSABLE" in judgement.content:
        return True
    return parsed(code) is None or probed(explored, code, function=problem.fn_name) is not None


async def _is_fixed(judgement: Judgement, sandbox: Sandbox, problems: Mapping[str, Problem]) -> bool:
    """Whether its fix passes the tests, as far as they are known."""
    edit, problem = edit_of(judgement.answer), _problem_of(judgement.row, problems)
    if edit is None or problem is None or judgement.content & {"FIX_FAILS", "NO_CHANGE"}:
        return True
    candidates = fixes(code_in(judgement.row) or "", *edit)
    if problem.solution is not None and unix_lines(problem.solution).strip() in map(str.strip, candidates):
        return True
    cases = graded_cases(problem)
    return await passes_tests(sandbox, candidates, cases, function=problem.fn_name, checker=problem.checker)


def _problem_of(row: Row, problems: Mapping[str, Problem]) -> Problem | None:
    """The problem that is named, or else the one whose text comes with the program."""
    named = problems.get(row.problem_id)
    if named is not None or not row.input:
        return named
    return next((one for one in problems.values() if one.question and one.question.strip() in row.input), None)


def _distribution(judged: Sequence[Judgement]) -> JsonObject:
    counts = Counter(judgement.answer.mode for judgement in judged)
    total = sum(counts[name] for name in STANDARD.names)
    shares = {name: _share(counts[name], total) for name in STANDARD.names}
    balanced = all(BALANCE[0] <= share <= BALANCE[1] for share in shares.values())
    return {
        **{name: {"count": counts[name], "ratio": shares[name]} for name in STANDARD.names},
        "balanced": balanced,
    }


def _alpaca(judged: Sequence[Judgement]) -> JsonObject:
    missing = Counter(f"MISSING_{name.upper()}" for judgement in judged for name in judgement.row.missing)
    fit = sum(not judgement.row.missing for judgement in judged)
    codes = [f"MISSING_{name.upper()}" for name in _COLUMNS]
    return {"rate": _share(fit, len(judged)), "issues": _occurring(missing, codes)}


def _occurring(counts: Counter[str], codes: Iterable[str]) -> JsonObject:
    return {code: counts[code] for code in codes if counts[code]}


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _percent(share: object) -> str:
    return f"{float(str(share)):.1%}"
