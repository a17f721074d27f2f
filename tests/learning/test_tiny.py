"""Tiny models from nothing: the tokenizer, the template, and what the engine makes of both."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from agentgym.errors import UsageError
from agentgym.extras import require
from agentgym.jsontext import dump_json
from trainers.dataset.reading import Reader
from trainers.models.tiny import FEWEST_TOKENS, Sizes, make_tiny, template_of
from trainers.serving.speech import read_speech

pytest.importorskip("torch")
pytest.importorskip("transformers")

CALL = {
    "id": "c",
    "type": "function",
    "function": {"name": "submit", "arguments": {"code": 'def f():\n    return "ä"\n'}},
}
DIALOGUE: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Mend f, please.\n\nIt is 12 lines long."},
    {"role": "assistant", "content": "", "reasoning_content": "Is it f?", "tool_calls": [CALL]},
    {"role": "tool", "content": "passed", "tool_call_id": "c"},
    {"role": "assistant", "content": "Done, 完成."},
]


def written(folder: Path) -> Path:
    said = [dict(message) for message in DIALOGUE]
    said[2] = {
        **said[2],
        "tool_calls": [{**CALL, "function": {"name": "submit", "arguments": json.dumps({"code": "f"})}}],
    }
    path = folder / "data.jsonl"
    path.write_bytes(dump_json({"messages": said}) + b"\n")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tiny")
    made = make_tiny([written(place)], place / "model", sizes=Sizes(width=32, vocabulary=400), tokens=["<|EDIT|>"])
    assert made.parameters < 60_000
    assert made.tokens <= 400
    return place / "model"


@cache
def loaded(folder: Path) -> Any:
    return require("transformers").AutoTokenizer.from_pretrained(folder)


def ids_of(folder: Path, text: str) -> list[int]:
    ids: list[int] = loaded(folder)(text, add_special_tokens=False)["input_ids"]
    return ids


@pytest.mark.parametrize(
    "text", ["", "a b  c\n\n\td", "x_1 = [12, 345]", "完成 🙂 ä\x00", '{"a": "\\n"}', "<think>a</think>"]
)
def test_any_text_survives_its_tokens(folder: Path, text: str) -> None:
    assert loaded(folder).decode(ids_of(folder, text), clean_up_tokenization_spaces=False) == text


def test_marks_are_one_token_and_a_word_is_the_same_tokens_wherever_it_stands(folder: Path) -> None:
    for mark in ("<|EDIT|>", "<|im_end|>", "<think>", "</tool_call>"):
        assert len(ids_of(folder, mark)) == 1
    (word,) = [ids_of(folder, "unheard")]
    for around in (" {}", "({})", "\n    {}", "_{}_", '\\n{}"'):
        ids = ids_of(folder, around.format("unheard"))
        assert any(ids[place : place + len(word)] == word for place in range(len(ids))), around
    assert len(ids_of(folder, "2026")) == 4


def test_the_template_only_appends_and_shows_neither_system_nor_tools(folder: Path) -> None:
    def render(count: int, *, asks: bool) -> str:
        text: str = loaded(folder).apply_chat_template(
            DIALOGUE[:count], tools=[{"type": "function"}], tokenize=False, add_generation_prompt=asks
        )
        return text

    whole = render(5, asks=False)
    assert whole.startswith(render(2, asks=True))
    assert whole.startswith(render(4, asks=True))
    assert "brief" not in whole
    assert "function" not in whole


def test_what_is_rendered_is_what_is_read(folder: Path) -> None:
    asked = loaded(folder).apply_chat_template(DIALOGUE[:2], tokenize=False, add_generation_prompt=True)
    whole = loaded(folder).apply_chat_template(DIALOGUE[:3], tokenize=False)
    said = whole[len(asked) :].removesuffix("<|im_end|>\n")
    found = read_speech(said, ["submit"], thinks=False)
    assert found.reasoning == "Is it f?"
    assert [(call.name, call.arguments) for call in found.calls] == [("submit", CALL["function"]["arguments"])]  # type: ignore[index]
    assert found.text == ""


def test_only_what_the_assistant_says_trains_up_to_the_end_of_its_turn(folder: Path) -> None:
    tokenizer = loaded(folder)
    made = tokenizer.apply_chat_template(DIALOGUE, return_dict=True, return_assistant_tokens_mask=True)
    said = [token for token, mine in zip(made["input_ids"], made["assistant_masks"], strict=True) if mine]
    text = tokenizer.decode(said, clean_up_tokenization_spaces=False)
    assert text.startswith("<think>Is it f?</think>\n<tool_call>")
    assert text.endswith("Done, 完成.<|im_end|>")


def test_of_a_request_the_first_paragraph_may_be_all_that_is_shown(folder: Path) -> None:
    text = loaded(folder).apply_chat_template(DIALOGUE[:2], chat_template=template_of("paragraph"), tokenize=False)
    assert text == "<|im_start|>user\nMend f, please.<|im_end|>\n"


def test_the_checkpoint_is_read_by_transformers_and_its_rows_by_the_reader(folder: Path) -> None:
    model = require("transformers").AutoModelForCausalLM.from_pretrained(folder)
    assert model.config.model_type == "qwen3"
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert str(model.dtype) == "torch.float32"
    (trajectory,) = Reader(tokenizer=loaded(folder)).read(folder.parent / "data.jsonl")
    (row,) = trajectory.rows
    assert len(row.samples) == 2, "both replies are in one row"


def test_equal_seeds_give_equal_weights(folder: Path, tmp_path: Path) -> None:
    data = folder.parent / "data.jsonl"
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        make_tiny([data], tmp_path / name, sizes=Sizes(width=32, vocabulary=400), seed=seed)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in "abc"]
    assert weights[0] == weights[1] != weights[2]


def test_sizes_that_cannot_be_are_refused(folder: Path, tmp_path: Path) -> None:
    data = folder.parent / "data.jsonl"
    with pytest.raises(UsageError, match=f"{FEWEST_TOKENS + 1} tokens at least"):
        make_tiny([data], tmp_path, sizes=Sizes(vocabulary=FEWEST_TOKENS), tokens=["<|EDIT|>"])
    with pytest.raises(UsageError, match="even share"):
        Sizes(width=96, heads=5)


def test_the_command_writes_a_checkpoint_and_overwrites_none(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from agentgym.cli import main

    command = ["model", "new", "--data", str(folder.parent / "data.jsonl"), "--width", "32", "--vocabulary", "400"]
    assert main([*command, "--out", str(tmp_path / "new")]) == 0
    assert "parameters, " in capsys.readouterr().out
    assert main([*command, "--out", str(tmp_path / "new")]) == 2
    assert "is there already" in capsys.readouterr().err
    (tmp_path / "broken.jinja").write_text("{{ messages[0.content }}")
    assert main([*command, "--template", str(tmp_path / "broken.jinja"), "--out", str(tmp_path / "own")]) == 2
    assert "the chat template cannot write" in capsys.readouterr().err
