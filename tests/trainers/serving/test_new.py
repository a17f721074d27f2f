"""`agentgym model new`, as it is typed: a checkpoint made for some texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentgym.cli import main

pytest.importorskip("torch")
transformers: Any = pytest.importorskip("transformers")
pytestmark = pytest.mark.slow

ASKED, ANSWERED = "Where is order 1234567?", "Order 1234567 is at the door."


@pytest.fixture
def dialogues(tmp_path: Path) -> str:
    path = tmp_path / "dialogues.jsonl"
    messages = [{"role": "user", "content": ASKED}, {"role": "assistant", "content": ANSWERED}]
    path.write_text(json.dumps({"messages": messages}) + "\n")
    return str(path)


def new(tmp_path: Path, dialogues: str, *words: str) -> Any:
    out = tmp_path / "model"
    assert main(["model", "new", "--out", str(out), "--data", dialogues, "--vocabulary", "400", *words]) == 0
    return transformers.AutoTokenizer.from_pretrained(out)


def test_digits_are_tokens_one_by_one_and_every_text_comes_back(tmp_path: Path, dialogues: str) -> None:
    tokenizer = new(tmp_path, dialogues, "--token", "<|EDIT|>")
    assert tokenizer.tokenize("1234567") == list("1234567")
    assert len(tokenizer.encode("<|EDIT|>")) == 1
    for text in (ASKED, ANSWERED, "never seen: äß 😀\n"):
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_pieces_of_your_own_are_where_tokens_end(tmp_path: Path, dialogues: str) -> None:
    tokenizer = new(tmp_path, dialogues, "--pieces", r"\d{1,3}| ?[a-zA-Z]+|[^A-Za-z\d]")
    assert tokenizer.tokenize("1234567") == ["123", "456", "7"]
    assert tokenizer.decode(tokenizer.encode(ANSWERED)) == ANSWERED


def test_the_same_seed_makes_the_same_weights(tmp_path: Path, dialogues: str) -> None:
    weights = []
    for name, seed in (("one", "1"), ("same", "1"), ("other", "2")):
        new(tmp_path / name, dialogues, "--seed", seed)
        weights.append((tmp_path / name / "model" / "model.safetensors").read_bytes())
    assert weights[0] == weights[1] != weights[2]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--pieces", "("), "agentgym model: --pieces '(' is no regular expression"),
        (("--vocabulary", "10"), "there are 26"),
        (("--width", "9", "--heads", "2"), "each head takes an even share"),
    ],
)
def test_wrong_use_is_one_line(
    tmp_path: Path, dialogues: str, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    assert main(["model", "new", "--out", str(tmp_path / "model"), "--data", dialogues, *words]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1
