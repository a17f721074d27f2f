"""Text becomes tokens only where no engine told them: append-only, and flagged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentgym.errors import DataFileError, UsageError
from agentgym.exports.notices import Notices
from agentgym.messages import JsonObject, Message, ModelCall, ToolCall, Turn
from tests.trainers.recorded import Pairs, episode, spoken, write_run
from trainers.dataset.reading import Reader
from trainers.dataset.rows import TokenRow, Trajectory
from trainers.dataset.wanted import Wanted

ASKED = {"role": "user", "content": "Where?"}


def trained(row: TokenRow, tokenizer: Pairs) -> list[str]:
    return [tokenizer.decode(row.input_ids[each.begin : each.end]) for each in row.samples]


def read(path: Path, *rows: dict[str, Any], **more: Any) -> list[Trajectory]:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return list(Reader(**more).read(path))


def test_an_episode_without_ids_is_one_row_of_our_own_tokens(tmp_path: Path) -> None:
    tokenizer = Pairs()
    call = ToolCall("look", {"at": 1}, id="c")
    run = write_run(tmp_path, episode(spoken(Turn("hm", (call,)), "here"), spoken(Turn("found it"))))
    (trajectory,) = Reader(tokenizer=tokenizer).read(run)
    (row,) = trajectory.rows
    assert not row.exact
    assert row.logprobs is None
    first, second = trained(row, tokenizer)
    assert first.startswith("hm")
    assert "'arguments': {'at': 1}" in first
    assert (first[-10:], second) == ("<|im_end|>", "found it<|im_end|>")
    whole = tokenizer.decode(row.input_ids)
    assert whole.startswith("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nGo.")
    assert "".join(tokenizer.encoded) == whole, "each piece is tokenised once"


def test_without_a_tokenizer_it_gives_no_row_and_says_so(tmp_path: Path) -> None:
    reader = Reader()
    (trajectory,) = reader.read(write_run(tmp_path, episode(spoken(Turn("a")), spoken(Turn("b")))))
    assert (trajectory.rows, trajectory.origin.reward) == ((), 1.0)
    assert reader.notices.lines()[0].startswith("replies without token ids, which do not train (a tokenizer gives")


def test_what_says_loss_false_never_trains(tmp_path: Path) -> None:
    tokenizer = Pairs()
    wrong = {"role": "assistant", "content": "wrong", "loss": False}
    right = {"role": "assistant", "content": "right"}
    (trajectory,) = read(tmp_path / "rows.jsonl", {"messages": [ASKED, wrong, ASKED, right]}, tokenizer=tokenizer)
    (row,) = trajectory.rows
    assert trained(row, tokenizer) == ["right<|im_end|>"]
    assert "wrong" in tokenizer.decode(row.input_ids)
    (nothing,) = read(tmp_path / "rows.jsonl", {"messages": [ASKED, wrong]}, tokenizer=tokenizer)
    assert nothing.rows == ()


def test_the_formats_of_exports_are_read(tmp_path: Path) -> None:
    tokenizer = Pairs()
    rows = [
        {"messages": [ASKED, {"role": "assistant", "content": "here"}], "tools": [{"name": "look"}]},
        {"conversations": [{"from": "human", "value": "Where?"}, {"from": "gpt", "value": "here"}]},
        {"instruction": "Where?", "output": "here"},
        {"prompt": [ASKED], "completion": [{"role": "assistant", "content": "here"}]},
    ]
    found = read(tmp_path / "rows.jsonl", *rows, tokenizer=tokenizer)
    assert [trained(row, tokenizer) for each in found for row in each.rows] == [["here<|im_end|>"]] * 4
    assert tokenizer.decode(found[0].rows[0].input_ids).startswith("<|im_start|>tools\n1")
    assert len({each.origin.task_id for each in found}) == 1, "equal prompts are one task"
    assert [each.origin.trial for each in found] == [0, 1, 2, 3]


def test_a_row_of_a_file_may_name_its_task(tmp_path: Path) -> None:
    said = [ASKED, {"role": "assistant", "content": "here"}]
    rows = [{"messages": said, "query_id": "q1", "user_id": "sara"}, {"messages": said, "task_id": 2, "id": 3}]
    named, numbered = read(tmp_path / "rows.jsonl", *rows)
    assert (named.origin.task_id, numbered.origin.task_id) == ("q1", "2")
    assert named.fields["user_id"] == "sara"


def test_dialogues_are_read_from_parquet(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    said: list[dict[str, Any]] = [ASKED, {"role": "assistant", "content": "no", "loss": False}]
    said += [{"role": "user", "content": "?"}, {"role": "assistant", "content": "here"}]
    path = tmp_path / "rows.parquet"
    parquet.write_table(pa.Table.from_pylist([{"messages": said, "query_id": "q"}] * 2), path)
    tokenizer = Pairs()
    found = list(Reader(tokenizer=tokenizer).read(path))
    assert [trained(row, tokenizer) for each in found for row in each.rows] == [["here<|im_end|>"]] * 2
    parquet.write_table(pa.Table.from_pylist([{"text": "x"}]), path)
    with pytest.raises(DataFileError, match=r"rows\.parquet: row 1: no `messages`"):
        list(Reader().read(path))


def test_an_agents_calls_have_prompts_of_their_own(tmp_path: Path) -> None:
    tokenizer = Pairs()
    planned = ModelCall("planner", 1, (Message("user", "Plan."),), Turn("step one"))
    said = ModelCall("speaker", 1, (), Turn("hello"))
    run = write_run(tmp_path, episode(spoken(Turn("hello", calls=(planned, said)))))
    (trajectory,) = Reader(tokenizer=tokenizer).read(run)
    assert [tokenizer.decode(row.input_ids).count("Be brief.") for row in trajectory.rows] == [0, 1]
    (alone,) = Reader(tokenizer=tokenizer, wanted=Wanted(roles=frozenset({"planner"}))).read(run)
    assert [trained(row, tokenizer) for row in alone.rows] == [["step one<|im_end|>"]]


class Forgetful(Pairs):
    """As templates that keep the thoughts of the last reply alone."""

    def body(self, message: JsonObject) -> str:
        return f"<think>{message['reasoning_content']}</think>{message['content']}"

    def apply_chat_template(self, conversation: list[JsonObject], /, **options: Any) -> str:
        last = len(conversation) - 1
        kept = [
            each if place == last and each.get("reasoning_content") else {**each, "reasoning_content": ""}
            for place, each in enumerate(conversation)
        ]
        return super().apply_chat_template(kept, **options)


def test_a_template_that_writes_earlier_replies_anew_makes_a_row_of_each(tmp_path: Path) -> None:
    tokenizer = Forgetful()
    turns = [spoken(Turn("one", reasoning="why"), "and"), spoken(Turn("two", reasoning="how"))]
    (trajectory,) = Reader(tokenizer=tokenizer).read(write_run(tmp_path, episode(*turns)))
    assert [trained(row, tokenizer) for row in trajectory.rows] == [
        ["<think>why</think>one<|im_end|>"],
        ["<think>how</think>two<|im_end|>"],
    ]


class Unruly(Pairs):
    """Replies do not begin with what stands before them."""

    def apply_chat_template(self, conversation: list[JsonObject], /, **options: Any) -> str:
        return f"{len(conversation)} {super().apply_chat_template(conversation, **options)}"


class Refusing(Pairs):
    def apply_chat_template(self, conversation: list[JsonObject], /, **options: Any) -> str:
        raise RuntimeError("roles must alternate")


def test_what_a_template_cannot_write_is_told(tmp_path: Path) -> None:
    notices = Notices()
    run = write_run(tmp_path, episode(spoken(Turn("a"))))
    (trajectory,) = Reader(tokenizer=Unruly(), notices=notices).read(run)
    assert trajectory.rows == ()
    assert notices.lines()[0].startswith("replies left out, for the chat template writes prompts")
    with pytest.raises(UsageError, match=r"task t1: the chat template cannot write the dialogue: .*must alternate"):
        list(Reader(tokenizer=Refusing()).read(run))


def test_a_file_of_dialogues_knows_no_rewards(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="knows no outcomes, rewards, suites or roles"):
        read(tmp_path / "rows.jsonl", {"messages": [ASKED]}, wanted=Wanted(min_reward=0.5))


WORDS = st.text("ab \n", max_size=6)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(WORDS, WORDS, st.booleans()), min_size=1, max_size=6))
def test_all_that_is_learnt_and_nothing_else_trains(tmp_path: Path, said: list[tuple[str, str, bool]]) -> None:
    tokenizer = Pairs()
    messages: list[dict[str, Any]] = []
    for asked, answered, learnt in said:
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered, "loss": learnt}]
    (trajectory,) = read(tmp_path / "rows.jsonl", {"messages": messages}, tokenizer=tokenizer)
    learnt_texts = [f"{answered}<|im_end|>" for _, answered, learnt in said if learnt]
    assert len(trajectory.rows) == bool(learnt_texts)
    for row in trajectory.rows:
        assert trained(row, tokenizer) == learnt_texts
        place = max(number for number, (_, _, learnt) in enumerate(said) if learnt)
        whole = messages[: 2 * place + 2]
        text = tokenizer.apply_chat_template(whole, tools=None, add_generation_prompt=False, tokenize=False)
        assert tokenizer.decode(row.input_ids) == text.removesuffix("\n")
