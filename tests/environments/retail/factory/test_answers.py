"""What a model answers, and where the task stands in it."""

from __future__ import annotations

import pytest

from environments.retail.factory.answers import object_in

TASK = '{"q": "Hello", "agt": [{"name": "f", "arguments": {"a": "}"}}], "ogt": []}'
READ = {"q": "Hello", "agt": [{"name": "f", "arguments": {"a": "}"}}], "ogt": []}


@pytest.mark.parametrize(
    "said",
    [
        TASK,
        f"<thought>Perhaps {{this}} will do.</thought><answer>{TASK}</answer>",
        f"<thought>x</thought>\n<ANSWER>\n```json\n{TASK}\n```\n</ANSWER> Thanks!",
        f"<answer>{TASK}",
        f"Here you are:\n```\n{TASK}\n```\nAnything else?",
        f'First {{"a": 1}}, then {TASK} and more.',
        f"[{TASK}]",
        f"<answer>later</answer> {TASK}",
        f"<think>{{}}</think>{TASK}",
    ],
)
def test_it_is_found_wherever_it_stands(said: str) -> None:
    assert object_in(said, having=("q",)) == READ


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("", "no JSON object"),
        ("Sorry, I cannot do that.", "no JSON object"),
        ('{"q": "a", "q": "b"}', "stands twice"),
        ('{"q": NaN}', "NaN"),
        ('{"task": 1}', "no object with q"),
        ("{" * 50_000, "no JSON object"),
        ('{"q": ' + "[" * 5000 + "]" * 5000 + "}", "nested"),
    ],
)
def test_what_cannot_be_read_is_told(said: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        object_in(said, having=("q",))
