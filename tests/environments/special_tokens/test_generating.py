"""Rows written by quota: by templates or by a model, through faults and interruptions."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from subprocess import DEVNULL, Popen
from threading import Lock
from time import sleep
from typing import Any

import pytest

from agentgym.cli import Parser
from agentgym.errors import UsageError
from agentgym.testing.chat import ChatRequest, FakeReply
from agentgym.testing.endpoint import FakeEndpoint
from agentgym.testing.misbehaviour import Faults, Trouble
from environments.programs.library import bundled_problems
from environments.special_tokens import cli
from environments.special_tokens.frames.frame import frames
from environments.special_tokens.generating import Kept, partial_path


def tokens(*words: str | Path | int) -> int:
    """`agentgym tokens ...`."""
    parser = Parser(prog="agentgym tokens")
    cli.configure(parser)
    return cli.run(parser.parse_args(list(map(str, words))))


def generate(output: Path, *words: str | Path | int) -> int:
    return tokens("generate", "--output", output, *words)


def load(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(path.read_text())
    return rows


def keys(rows: list[dict[str, Any]]) -> set[tuple[str, ...]]:
    return {tuple(row["metadata"][name] for name in ("problem_id", "mode", "bug")) for row in rows}


class Author:
    """Writes as it is asked to, and remembers for which programs."""

    def __init__(self) -> None:
        self.written = Counter[str]()
        self.spoil = Counter[str]()
        """How often the first answers about a program are of no use."""
        self._lock = Lock()

    def __call__(self, request: ChatRequest) -> str | FakeReply:
        system, user = (str(message["content"]) for message in request.messages[:2])
        if not system.startswith("You write"):
            return "I choose EDIT." if "mend it" in user else "AGENT"
        asked, _, told = user.partition("\n")
        facts = json.loads(told.splitlines()[0])
        with self._lock:
            key = f"{asked[:60]}{facts['program']}"
            self.written[key] += 1
            return self._words(mends="{error}" in asked, number=len(self.written), tries=self.written[key])

    def _words(self, *, mends: bool, number: int, tries: int) -> str:
        if tries <= self.spoil["not JSON"]:
            return "Of course! Here you are."
        if mends:
            said = "This is no quotation" if tries <= self.spoil["no quotation"] else "mend it: {error}"
            return json.dumps({"instruction": f"Request {number}: {said}", "think": "The failure is concrete enough."})
        said = "a NameError, perhaps" if tries <= self.spoil["leak"] else "look into it"
        return json.dumps(
            {"instruction": f"Request {number}: {said}", "think": "Nothing is known, so it is run first."}
        )


def test_quotas_hold_for_odd_numbers(tmp_path: Path) -> None:
    for samples in (1, 7, 10):
        assert generate(tmp_path / f"{samples}.json", "--samples", samples) == 0
        modes = Counter(row["metadata"]["mode"] for row in load(tmp_path / f"{samples}.json"))
        assert (modes["AGENT"], modes["EDIT"]) == (samples // 2, samples - samples // 2)


def test_equal_seeds_make_equal_files_and_others_do_not(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert generate(tmp_path / f"{name}.json", "--samples", 40, "--seed", seed) == 0
    a, b, c = ((tmp_path / f"{name}.json").read_bytes() for name in "abc")
    assert a == b != c


def test_many_rows_and_none_twice(tmp_path: Path) -> None:
    assert generate(tmp_path / "many.json", "--samples", 500) == 0
    rows = load(tmp_path / "many.json")
    assert len(rows) == len(keys(rows)) == len({(row["instruction"], row["input"]) for row in rows}) == 500
    unseen = [frame.text for mode in ("AGENT", "EDIT") for frame in frames("test", mode, "en")]
    starts = tuple(text.partition("{")[0] for text in unseen if len(text.partition("{")[0]) > 15)
    assert not any(row["instruction"].startswith(starts) for row in rows)


def test_one_language_is_enough(tmp_path: Path) -> None:
    assert generate(tmp_path / "zh.json", "--samples", 6, "--languages", "zh") == 0
    assert {row["metadata"]["language"] for row in load(tmp_path / "zh.json")} == {"zh"}


def test_problems_of_a_file_get_bugs_of_their_own(tmp_path: Path) -> None:
    problems = [problem for problem in bundled_problems() if problem.fn_name][:4]
    lines = [problem.model_copy(update={"query_id": f"my-{problem.query_id}"}) for problem in problems]
    (tmp_path / "mine.jsonl").write_text("\n".join(problem.model_dump_json() for problem in lines))
    out = tmp_path / "mine.json"
    assert generate(out, "--problems", tmp_path / "mine.jsonl", "--samples", 8, "--sandbox", "local") == 0
    assert {row["metadata"]["problem_id"][:3] for row in load(out)} == {"my-"}
    tokens("validate", out, "--problems", tmp_path / "mine.jsonl", "--out", tmp_path, "--sandbox", "local")
    report = json.loads((tmp_path / "reports" / "mine_report.json").read_text())
    assert (report["valid"], report["passed"]) == (8, True)


def test_problems_without_solutions_are_refused(tmp_path: Path) -> None:
    problem = bundled_problems()[0].model_copy(update={"solution": None})
    (tmp_path / "bare.jsonl").write_text(problem.model_dump_json())
    with pytest.raises(UsageError, match="solutions"):
        generate(tmp_path / "x.json", "--problems", tmp_path / "bare.jsonl", "--sandbox", "local")


def test_a_model_writes_solutions_that_are_missing(tmp_path: Path) -> None:
    problems = bundled_problems()[:6]
    solutions = {problem.question.strip(): problem.solution for problem in problems}
    bare = [one.model_copy(update={"solution": None, "query_id": f"my-{one.query_id}"}) for one in problems]
    (tmp_path / "bare.jsonl").write_text("\n".join(problem.model_dump_json() for problem in bare))
    asked, author, out = Counter[str](), Author(), tmp_path / "model.json"

    def solver(request: ChatRequest) -> str | FakeReply:
        """Cannot solve the first problem, and the others only when told that a program was wrong."""
        system, user = (str(message["content"]) for message in request.messages[:2])
        if not system.startswith("You solve"):
            return author(request)
        question = next(question for question in solutions if question in user)
        asked[question] += 1
        if question == problems[0].question.strip() or "```" not in user:
            return "I think this is it:\n```python\nprint('no')\n```"
        return f"Rather this:\n```python\n{solutions[question]}```\nIt passes."

    words = ("--samples", 12, "--problems", tmp_path / "bare.jsonl", "--sandbox", "local", "--model", "fake")
    with FakeEndpoint(solver) as endpoint:
        assert generate(out, *words, "--base-url", endpoint.base_url) == 0
        assert sorted(asked.values()) == [2, 2, 2, 2, 2, 3]
        paid = endpoint.count
        assert generate(out, *words, "--base-url", endpoint.base_url) == 0
        assert endpoint.count == paid
    assert {row["metadata"]["problem_id"] for row in load(out)} <= {problem.query_id for problem in bare[1:]}
    validated = ("--problems", tmp_path / "bare.jsonl", "--out", tmp_path, "--sandbox", "local")
    assert tokens("validate", out, *validated) == 0


def test_one_process_writes_a_file_at_a_time(tmp_path: Path) -> None:
    out = tmp_path / "rows.json"
    with Kept(partial_path(out), {}):
        for words in ((), ("--overwrite",)):
            with pytest.raises(UsageError, match="another process"):
                generate(out, "--samples", 4, *words)
    assert not out.exists()
    assert partial_path(out).read_text() == '{"settings":{}}\n'
    assert generate(out, "--samples", 4, "--overwrite") == 0


def test_a_model_writes_and_is_asked_again(tmp_path: Path) -> None:
    author = Author()
    author.spoil.update({"not JSON": 1, "no quotation": 2, "leak": 2})
    with FakeEndpoint(author) as endpoint:
        out = tmp_path / "model.json"
        assert generate(out, "--samples", 12, "--model", "fake", "--base-url", endpoint.base_url) == 0
        rows = load(out)
        heard = [str(request.messages[1]["content"]) for request in endpoint.requests]
    assert {row["metadata"]["attempt"] for row in rows} == {3}
    assert {row["metadata"]["model"] for row in rows} == {"openai:fake"}
    assert any("names an error" in text for text in heard)
    assert any("does not stand in the instruction" in text for text in heard)
    for row in rows:
        quoted = row["metadata"]["error"] in row["instruction"]
        assert quoted is (row["metadata"]["mode"] == "EDIT")
    assert tokens("validate", out, "--out", tmp_path) == 0


def test_rows_that_fail_for_good_are_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    author = Author()
    refused = set[str]()

    def stubborn(request: ChatRequest) -> str | FakeReply:
        """Knows no good words for the first five programs."""
        system, user = (str(message["content"]) for message in request.messages[:2])
        if system.startswith("You write"):
            program = json.loads(user.splitlines()[1])["program"]
            if len(refused) < 5:
                refused.add(program)
            if program in refused:
                return "I would rather not."
        return author(request)

    with FakeEndpoint(stubborn) as endpoint:
        out = tmp_path / "model.json"
        assert generate(out, "--samples", 20, "--model", "fake", "--base-url", endpoint.base_url, "--threads", 4) == 0
    rows = load(out)
    assert Counter(row["metadata"]["mode"] for row in rows) == {"AGENT": 10, "EDIT": 10}
    assert not any(program.strip() in row["input"] for row in rows for program in refused)
    assert "dropped" in capsys.readouterr().out


def test_a_model_that_chooses_otherwise_drops_the_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    author = Author()

    def contrary(request: ChatRequest) -> str | FakeReply:
        return author(request) if str(request.messages[0]["content"]).startswith("You write") else "AGENT"

    problems = [problem for problem in bundled_problems() if problem.fn_name][:1]
    (tmp_path / "one.jsonl").write_text(problems[0].model_dump_json())
    with FakeEndpoint(contrary) as endpoint:
        out = tmp_path / "model.json"
        words = ("--problems", tmp_path / "one.jsonl", "--sandbox", "local", "--model", "fake", "--threads", 2)
        assert generate(out, "--samples", 4, "--base-url", endpoint.base_url, *words) == 1
    assert Counter(row["metadata"]["mode"] for row in load(out)) == {"AGENT": 2}
    told = capsys.readouterr()
    assert "chose AGENT, not EDIT" in told.out
    assert "no more bugs" in told.err


def test_faults_of_the_endpoint_lose_no_row(tmp_path: Path) -> None:
    kinds = (Trouble.BUSY, Trouble.BROKEN, Trouble.NOT_JSON, Trouble.NO_CHOICES, Trouble.DISCONNECT)
    with FakeEndpoint(Author(), faults=Faults(rate=0.1, kinds=kinds, retry_after_s=0.01)) as endpoint:
        out = tmp_path / "model.json"
        assert generate(out, "--preset", "full", "--model", "fake", "--base-url", endpoint.base_url) == 0
        assert endpoint.injected.total() > 10
    rows = load(out)
    assert len(rows) == len(keys(rows)) == 128


def test_who_goes_on_pays_no_row_twice(tmp_path: Path) -> None:
    out, partial = tmp_path / "model.json", tmp_path / "model.partial.jsonl"
    author = Author()
    with FakeEndpoint(author) as endpoint:
        words = ("--samples", 30, "--model", "fake", "--base-url", endpoint.base_url)
        assert generate(out, *words) == 0
        whole, paid = out.read_bytes(), endpoint.count
        kept = partial.read_bytes().splitlines(keepends=True)
        out.unlink()
        partial.write_bytes(b"".join(kept[:11]) + kept[11][:40])  # killed in the middle of a line
        assert generate(out, *words) == 0
        assert endpoint.count == paid + 2 * 20
        assert len(keys(load(out))) == 30
        assert generate(out, *words) == 0
        assert endpoint.count == paid + 2 * 20
        assert keys(load(out)) == keys(json.loads(whole))
        with pytest.raises(UsageError, match="other settings"):
            generate(out, "--samples", 30)
        assert generate(out, "--samples", 30, "--overwrite") == 0
        assert endpoint.count == paid + 2 * 20


def test_an_order_may_grow(tmp_path: Path) -> None:
    out = tmp_path / "rows.json"
    assert generate(out, "--samples", 10) == 0
    first = keys(load(out))
    assert generate(out, "--samples", 20) == 0
    assert first < keys(load(out))


def test_a_wrong_key_is_told_at_once(tmp_path: Path) -> None:
    with (
        FakeEndpoint(Author(), api_key="right") as endpoint,
        pytest.raises((UsageError, Exception), match="OPENAI_API_KEY"),
    ):
        generate(tmp_path / "x.json", "--model", "fake", "--base-url", endpoint.base_url, "--api-key", "wrong")
    assert not (tmp_path / "x.json").exists()


def test_an_outage_keeps_what_was_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    author, count = Author(), [0]

    def dying(request: ChatRequest) -> str | FakeReply:
        count[0] += 1
        return author(request) if count[0] <= 12 else FakeReply(status=401, body={"error": {"message": "no more"}})

    out = tmp_path / "model.json"
    with FakeEndpoint(dying) as endpoint:
        words = ("--samples", 30, "--model", "fake", "--threads", 2, "--base-url", endpoint.base_url)
        assert generate(out, *words) == 1
        count[0] = -1000
        assert "stopped" in capsys.readouterr().err
        assert 0 < len(load(out)) < 30
        assert generate(out, *words) == 0
    assert len(keys(load(out))) == 30


def test_requests_are_answered_and_answered_again(tmp_path: Path) -> None:
    good = '<think>Nothing concrete is known.</think>\n<|AGENT|>\n{"name":"python","arguments":{"code":"print(1)"}}'
    (tmp_path / "asked.jsonl").write_text('{"query": "Why?"}\n{"QUERY": "How?"}\n"When?"\n')
    said = Counter[str]()

    def pupil(request: ChatRequest) -> str:
        asked = str(request.messages[1]["content"])
        said[asked] += 1
        return good if said[asked] > 1 or asked == "How?" else "I would run it."

    out = tmp_path / "answers.json"
    with FakeEndpoint(pupil) as endpoint:
        words = ("--input", tmp_path / "asked.jsonl", "--out", out, "--policy", "openai:fake")
        assert tokens("respond", *words, "--base-url", endpoint.base_url) == 0
        again = [str(request.messages[-1]["content"]) for request in endpoint.requests]
    assert [row["Query"] for row in load(out)] == ["Why?", "How?", "When?"]
    assert said == {"Why?": 2, "How?": 1, "When?": 2}
    assert sum("NO_THINK, NO_TOKEN" in text for text in again) == 2
    assert tokens("check", out) == 0
    with FakeEndpoint("I never learn.") as endpoint:
        assert tokens("respond", *words, "--base-url", endpoint.base_url) == 1
        assert endpoint.count == 3 * 3


def test_without_a_model_a_rule_answers_in_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert tokens("respond", "--input", "query_only.json") == 0
    assert tokens("check", tmp_path / "outputs" / "tasks" / "hw3_2.json") == 0


_COMMAND = """
import sys
from agentgym.cli import Parser
from environments.special_tokens import cli
parser = Parser(prog="agentgym tokens")
cli.configure(parser)
sys.exit(cli.run(parser.parse_args(sys.argv[1:])))
"""


def test_killed_at_any_moment_it_goes_on(tmp_path: Path) -> None:
    out, author = tmp_path / "rows.json", Author()
    with FakeEndpoint(author, latency=0.02) as endpoint:
        words = ["generate", "--output", str(out), "--samples", "60", "--threads", "4", "--model", "fake"]
        words += ["--base-url", endpoint.base_url]
        for enough in (20, 50, 80):
            with Popen([sys.executable, "-c", _COMMAND, *words], stderr=DEVNULL) as process:
                while endpoint.count < enough and process.poll() is None:
                    sleep(0.005)
                process.kill()
        assert tokens(*words) == 0
        assert endpoint.count <= 2 * 60 + 3 * 2 * 4  # of rows that were under way, both calls at most
    rows = load(out)
    assert len(rows) == len(keys(rows)) == 60
