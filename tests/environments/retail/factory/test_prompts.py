"""The prompts: files that may be replaced, and what authors are told when they failed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agentgym.errors import UsageError
from environments.retail.factory import prompts
from environments.retail.factory.briefing import brief_text, tools_text
from environments.retail.factory.checks import Entry
from environments.retail.factory.feedback import feedback_text
from environments.retail.factory.prompts import VARIABLE, prompt
from environments.retail.factory.sampling import Sampler
from environments.retail.factory.scenarios import BY_KEY
from environments.retail.world.own import own_world

FILES = sorted(Path(prompts.__file__).parent.glob("*.txt"))
FEEDBACK = """\
The task was not accepted.

- PAYMENT_NOT_OWNED at action 2 (return_delivered_order_items): not theirs; value: "paypal_9"
- OUTPUT_UNSUPPORTED (only a doubt): nothing tells it; value: "3 days"; write instead: "12.5"
- REVIEW_TOTAL: 1 of 3 gave at least 3 of 4 points

Mend exactly this, and give the whole task again."""


def test_feedback_tells_codes_places_and_values() -> None:
    entries = [
        Entry("OUTPUT_UNSUPPORTED", "warning", "nothing tells it", value="3 days", replacement="12.5"),
        Entry("PAYMENT_NOT_OWNED", "error", "not theirs", 2, "paypal_9", "return_delivered_order_items"),
    ]
    assert feedback_text(entries, ["REVIEW_TOTAL: 1 of 3 gave at least 3 of 4 points"]) == FEEDBACK


def test_a_value_without_end_is_cut() -> None:
    assert len(feedback_text([Entry("FORMAT_ACTION", "error", "no call", 0, "x" * 100_000)])) < 1000


def test_all_prompts_are_text_with_names_in_them() -> None:
    assert {path.stem for path in FILES} >= {"direct_system", "direct", "feedback", "review_system", "review", "draft"}
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        names = set(re.findall(r"\$(\w+)", text))
        assert prompt(path.stem, **dict.fromkeys(names, "$5 {x}")).count("$5 {x}") >= len(names)
        assert text.count("$") == len(re.findall(r"\$\w+", text))


def test_a_folder_replaces_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "feedback.txt").write_text("Nein: $findings", encoding="utf-8")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert prompt("feedback", findings="x") == "Nein: x"
    assert prompt("review_system").startswith("You review")
    (tmp_path / "review.txt").write_text("$wrong", encoding="utf-8")
    with pytest.raises(UsageError, match=r"review.txt cannot be filled in: 'wrong'"):
        prompt("review", policy="", tools="", task="", diff="")


@pytest.mark.parametrize("key", BY_KEY)
def test_a_brief_holds_the_scenarios_tools_and_no_others(key: str) -> None:
    sampler = Sampler(own_world())
    brief = sampler.brief(key, seed=1)
    text = brief_text(brief)
    listed = text.partition("\nTools:\n")[2].partition("\n\nThe customer's record:")[0].splitlines()
    assert listed == tools_text(BY_KEY[key].tools).splitlines()
    assert len(listed) == len(BY_KEY[key].tools)
    assert all(order_id in text for order_id in brief.orders)
    assert brief.user["email"] in text


def test_what_feedback_buys_is_as_it_must_be() -> None:
    import anyio

    from environments.retail.factory.simulation import simulate

    for rate in (0.0, 0.5):
        for attempts in (1, 3):
            row = anyio.run(lambda rate=rate, attempts=attempts: simulate(rate, attempts, tasks=40))
            assert abs(row.accepted / row.tasks - row.expected) < (0.25 if rate else 1e-9)
            assert abs(row.candidates / row.tasks - row.expected_candidates) < (0.5 if rate else 1e-9)
