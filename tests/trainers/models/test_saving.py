"""Saved, read again, merged, read again: the same model each time, and with its own tokenizer only."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentgym.errors import UsageError
from tests.trainers.models.bases import (
    NEW,
    adapted,
    apart,
    base,
    learn,
    plain_tokenizer,
    recipe,
    said_ids,
    says,
    with_tokens,
)
from trainers.engine.checkpoint import load_checkpoint
from trainers.models import saving
from trainers.models.adapters import RECORD, check_adapter
from trainers.models.loading import load_trainee
from trainers.models.probing import MergeError
from trainers.models.saving import merge, save_trainee
from trainers.models.tokens import is_tied

torch: Any = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("peft")
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("how", ["rows", "embeddings"])
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("spare", [0, 9], ids=["exact", "padded"])
def test_saved_merged_and_read_again_it_says_the_same(tmp_path: Path, how: str, tied: bool, spare: int) -> None:
    trainee = adapted(tmp_path, tied=tied, spare=spare, how=how)
    ids, expected = said_ids(trainee), says(trainee.model, said_ids(trainee))
    kept = save_trainee(trainee, tmp_path / "adapter")
    assert apart(says(load_trainee(recipe(kept)).model, ids), expected) < 1e-5
    done = merge(kept, tmp_path / "merged")
    assert done.apart < 1e-5
    read = load_checkpoint(done.folder)
    assert apart(says(read.model, ids), expected) < 1e-5
    assert is_tied(read.model) is tied
    assert read.model.config.tie_word_embeddings is tied
    known = len(plain_tokenizer())
    assert read.vocabulary == max(known + len(NEW), known + spare)
    assert read.tokenizer.chat_template == trainee.tokenizer.chat_template
    assert [read.tokenizer.convert_tokens_to_ids(token) for token in NEW] == [known, known + 1]
    assert read.model.config.use_cache is True


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_of_the_embeddings_only_the_rows_of_new_tokens_change(tmp_path: Path, tied: bool) -> None:
    kept = save_trainee(adapted(tmp_path, tied=tied, spare=9), tmp_path / "adapter")
    before = load_checkpoint(tmp_path / "base").model
    after = load_checkpoint(merge(kept, tmp_path / "merged").folder).model
    known = len(plain_tokenizer())
    for get in ("get_input_embeddings", "get_output_embeddings"):
        old, new = getattr(before, get)().weight, getattr(after, get)().weight
        changed = (old != new).any(1).nonzero().flatten().tolist()
        assert changed == [known, known + 1]


def test_stock_peft_reads_the_adapter_too(tmp_path: Path) -> None:
    peft: Any = pytest.importorskip("peft")
    trainee = adapted(tmp_path)
    expected = says(trainee.model, said_ids(trainee))
    kept = save_trainee(trainee, tmp_path / "adapter")
    stock = peft.AutoPeftModelForCausalLM.from_pretrained(kept)
    assert apart(says(stock, said_ids(trainee)), expected) < 1e-5


def test_a_whole_model_is_saved_as_a_checkpoint(tmp_path: Path) -> None:
    trainee = load_trainee(recipe(base(tmp_path / "base")))
    learn(trainee)
    kept = save_trainee(trainee, tmp_path / "deep" / "down" / "out")
    read = load_checkpoint(kept)
    assert apart(says(read.model, said_ids(trainee)), says(trainee.model, said_ids(trainee))) == 0
    assert read.model.config.use_cache is True
    assert trainee.model.config.use_cache is False
    assert read.tokenizer.chat_template == trainee.tokenizer.chat_template


def test_merging_in_fewer_bits_is_told_in_the_numbers_of_the_result(tmp_path: Path) -> None:
    kept = save_trainee(adapted(tmp_path), tmp_path / "adapter")
    done = merge(kept, tmp_path / "merged", numbers="bfloat16")
    assert done.numbers == "bfloat16"
    assert json.loads((done.folder / "config.json").read_text())["dtype"] == "bfloat16"


def test_a_folder_changes_as_a_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainee = load_trainee(recipe(base(tmp_path / "base")))
    kept = save_trainee(trainee, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in kept.iterdir()}
    learn(trainee)

    def full(*args: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(trainee.tokenizer, "save_pretrained", full)
        with pytest.raises(UsageError, match=r"out cannot be written.*No space left"):
            save_trainee(trainee, kept)
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == before
    save_trainee(trainee, kept)
    assert (kept / "model.safetensors").read_bytes() != before["model.safetensors"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "out"]


def test_nothing_else_is_written_over(tmp_path: Path) -> None:
    trainee = load_trainee(recipe(base(tmp_path / "base")))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("more of it")
    for name in ("mine", "file"):
        with pytest.raises(UsageError, match="name another"):
            save_trainee(trainee, tmp_path / name)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_a_merge_writes_over_nothing_that_it_is_made_of(tmp_path: Path) -> None:
    kept = save_trainee(adapted(tmp_path), tmp_path / "adapter")
    for out in (tmp_path / "base", tmp_path / "adapter", tmp_path / "adapter" / ".." / "base"):
        with pytest.raises(UsageError, match="is what is merged; name another folder"):
            merge(kept, out)
    merge(kept, tmp_path / "merged")
    merge(kept, tmp_path / "merged")  # an older result is replaced


def test_a_result_that_says_something_else_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = save_trainee(adapted(tmp_path), tmp_path / "adapter")
    read_model = saving.read_model

    def damaged(source: str, **options: Any) -> Any:
        model = read_model(source, **options)
        if source != str(tmp_path / "base"):
            with torch.no_grad():
                model.model.norm.weight[0] += 1e-3
        return model

    monkeypatch.setattr(saving, "read_model", damaged)
    with pytest.raises(MergeError, match=r"figures are \S+ apart"):
        merge(kept, tmp_path / "merged")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter", "base", "tokenizer"]


def _without_tokenizer(folder: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()


def _smaller(folder: Path) -> None:
    plain_tokenizer().save_pretrained(folder)


def _larger(folder: Path) -> None:
    with_tokens(folder, *NEW, "<|MORE|>")


def _swapped(folder: Path) -> None:
    with_tokens(folder, *reversed(NEW))


WRONG: dict[str, tuple[Callable[[Path], None], str]] = {
    "none": (_without_tokenizer, "without its tokenizer"),
    "smaller": (_smaller, r"not the one its adapter was trained with: it has 385 tokens, not 387, and '<.AGENT.>'"),
    "larger": (_larger, r"it has 388 tokens, not 387"),
    "swapped": (_swapped, r"other ids, and '<.AGENT.>' is not 385"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_an_adapter_is_used_with_its_own_tokenizer_only(tmp_path: Path, wrong: str) -> None:
    kept = save_trainee(adapted(tmp_path), tmp_path / "adapter")
    change, told = WRONG[wrong]
    change(kept)
    for use in (check_adapter, lambda folder: merge(folder, tmp_path / "merged"), lambda f: load_trainee(recipe(f))):
        with pytest.raises(UsageError, match=told):
            use(kept)
    assert not (tmp_path / "merged").exists()


def test_an_adapter_belongs_to_its_base(tmp_path: Path) -> None:
    kept = save_trainee(adapted(tmp_path), tmp_path / "adapter")
    other = base(tmp_path / "other", tied=False)
    with pytest.raises(UsageError, match="holds other weights than those the adapter was trained on"):
        merge(kept, tmp_path / "merged", base=str(other))
    with pytest.raises(UsageError, match="is an adapter itself"):
        merge(kept, tmp_path / "merged", base=str(save_trainee(adapted(tmp_path / "two"), tmp_path / "second")))
    moved = shutil.move(tmp_path / "base", tmp_path / "elsewhere")
    for use in (lambda: merge(kept, tmp_path / "merged"), lambda: load_trainee(recipe(kept))):
        with pytest.raises(UsageError, match=r"base is not there; put it back, or .*--base DIR"):
            use()
    assert merge(kept, tmp_path / "merged", base=str(moved)).apart < 1e-5


def test_what_is_no_adapter_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        check_adapter(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="it is a whole model"):
        merge(base(tmp_path / "base"), tmp_path / "merged")
    kept = save_trainee(adapted(tmp_path / "one"), tmp_path / "adapter")
    with pytest.raises(UsageError, match="agentgym model merge"):
        load_checkpoint(kept)
    (kept / RECORD).write_text("{")
    with pytest.raises(UsageError, match=f"{RECORD} cannot be read"):
        check_adapter(kept)
    (kept / "adapter_model.safetensors").unlink()
    with pytest.raises(UsageError, match="not written to the end"):
        check_adapter(kept)


def test_an_adapter_of_others_is_merged_where_it_fits(tmp_path: Path) -> None:
    kept = save_trainee(adapted(tmp_path), tmp_path / "adapter")
    (kept / RECORD).unlink()
    assert check_adapter(kept).base == str(tmp_path / "base")
    assert merge(kept, tmp_path / "merged").apart < 1e-5
    _smaller(kept)
    with pytest.raises(UsageError, match="does not fit"):
        merge(kept, tmp_path / "merged")
